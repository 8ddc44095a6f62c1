"""An archive of an experiment whose `end()` does not come back, from the real SDK."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import comet_ml
import comet_ml.offline
import pytest
from flytekitplugins.comet_ml.archives.archive import read_archive
from flytekitplugins.comet_ml.archives.rescue import rescue

from tests.support.comet_server import CometServer
from tests.support.offline_runs import KEY, Sender, losses, once, points_of, started, wait_until


@pytest.fixture
def hanging(laptop: CometServer) -> Iterator[CometServer]:
    """A server that can be told to hang; it lets go at the end, so that no thread of the SDK outlives the test."""
    os.environ["COMET_HTTP_SESSION_RETRY_TOTAL"] = "0"
    yield laptop
    laptop.stop()


def loss_points(archive: Path) -> dict[tuple[int, float], int]:
    metrics = [m.payload["metric"] for m in read_archive(archive).messages() if m.type == "metric_msg"]
    points = [(metric["step"], metric["metricValue"]) for metric in metrics if metric["metricName"] == "loss"]
    return {point: points.count(point) for point in points}


def ending(experiment: Any) -> threading.Thread:
    thread = threading.Thread(target=experiment.end, daemon=True)
    thread.start()
    return thread


def test_an_archive_of_an_end_that_hangs_holds_everything_and_can_be_sent(hanging: CometServer, tmp_path: Path) -> None:
    experiment = started(online=True)
    experiment.log_parameter("rate", 0.1)
    experiment.add_tag("nightly")
    losses(range(100))(experiment)
    wait_until(lambda: len(hanging.experiments[KEY].points) == 100)
    hanging.faults.append(hanging.hang)
    losses(range(100, 300))(experiment)
    experiment.log_other("flyte_status", "terminated")
    experiment.log_asset_data("content", name="notes.txt")
    thread = ending(experiment)
    thread.join(3)
    assert thread.is_alive(), "end() was to hang"
    archive = rescue(experiment, tmp_path)
    assert thread.is_alive()
    assert archive is not None
    assert archive.name.startswith(f"{KEY}-")
    assert loss_points(archive) == once(range(300))
    read = read_archive(archive)
    assert (read.key, read.workspace, read.project_name) == (KEY, "my-team", "digits")
    assert (read.status, read.damaged) == ("terminated", 0)

    # Later, elsewhere, to a server that works.
    with CometServer() as server:
        assert Sender(tmp_path / "machine", server).send(archive).status == 0
        assert points_of(server.only_experiment) == once(range(300))
        assert server.only_experiment.parameters["rate"] == 0.1
        assert server.only_experiment.tags == ["nightly"]
        assert server.only_experiment.states[-1] == "crashed"
        assert [asset["fileName"] for asset in server.only_experiment.assets.values()] == ["notes.txt"]


def test_what_was_logged_while_the_sdk_waits_for_an_answer_is_in_the_archive(
    hanging: CometServer, tmp_path: Path
) -> None:
    experiment = started(online=True)
    asks = threading.Event()

    def hang(request: Any) -> Any:
        if request.path.endswith("/health/ping"):
            asks.set()
        return hanging.hang(request)

    hanging.faults.append(hang)
    assert asks.wait(30), "the SDK asks every few seconds whether the server is there"
    losses(range(200))(experiment)
    archive = rescue(experiment, tmp_path)
    assert archive is not None
    assert loss_points(archive) == once(range(200))
    ending(experiment)


def test_an_archive_that_could_not_be_written_is_rescued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = started()
    losses(range(10))(experiment)

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    # Only the end of the disk is played; what the SDK then does is its own.
    monkeypatch.setattr(comet_ml.offline, "create_experiment_archive", full, raising=False)
    experiment.end()
    archive = rescue(experiment, tmp_path)
    assert archive is not None
    assert loss_points(archive) == once(range(10))


def test_there_is_nothing_to_rescue_of_an_experiment_that_has_ended(laptop: CometServer, tmp_path: Path) -> None:
    online = started(online=True)
    losses(range(3))(online)
    online.end()
    assert rescue(online, tmp_path) is None
    offline = started(online=False)
    losses(range(3))(offline)
    offline.end()
    before = set(tmp_path.iterdir())
    assert rescue(offline, tmp_path) is None
    assert set(tmp_path.iterdir()) == before


def test_there_is_nothing_to_rescue_of_a_disabled_experiment(tmp_path: Path) -> None:
    assert rescue(comet_ml.Experiment(disabled=True), tmp_path) is None


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    experiment = started()
    losses(range(3))(experiment)
    wait_until(lambda: (Path(experiment.tmpdir) / "messages.json").read_text().count('"loss"') == 3)
    with (Path(experiment.tmpdir) / "messages.json").open("a") as messages:
        messages.write('{"type": "metric_msg", "payl')
    archive = rescue(experiment, tmp_path)
    assert archive is not None
    assert loss_points(archive) == once(range(3))
    assert read_archive(archive).damaged == 0
