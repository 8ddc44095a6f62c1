"""What frameworks' loggers do with the task's experiment, done here without the frameworks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml.archives.archive import read_archive

from tests.support.comet_server import CometServer
from tests.support.pod_environment import InPod
from tests.support.tracked import track

OPENINGS = {
    "an Experiment": lambda project: comet_ml.Experiment(project_name=project),
    "a start": lambda project: comet_ml.start(project_name=project),
}


@pytest.mark.newest
@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS.keys())
@pytest.mark.parametrize(("start", "project"), [(False, "digits"), (True, "another")], ids=["alone", "beside ours"])
@pytest.mark.by_default("beside ours-a start")
def test_the_source_of_an_experiment_is_the_file_that_opens_it(
    laptop: CometServer, opening: Callable[[str], object], start: bool, project: str
) -> None:
    @track(start=start)
    def train() -> None:
        opening(project)

    train()
    opened = next(experiment for experiment in laptop.experiments.values() if experiment.project == project)
    uploads = [request.query for request in laptop.requests if request.query.get("type") == "source_code"]
    files = {Path(query["fileName"]) for query in uploads if query["experimentId"] == opened.key}
    # The SDK adds the script of the process, where it has one: a worker of pytest's has none.
    assert files - {Path(sys.argv[0])} == {Path(__file__)}


@pytest.mark.parametrize("start", [True, False])
def test_a_task_that_fails_after_a_logger_has_ended_its_experiment_is_shown_as_crashed(
    comet: CometServer, in_pod: InPod, start: bool
) -> None:
    @track(host=comet.url, start=start)
    def train() -> None:
        # So does Lightning 2.4 when a `fit` has come to its end.
        comet_ml.Experiment(project_name="digits").end()
        raise ValueError("afterwards")

    with in_pod(), pytest.raises(ValueError, match="afterwards"):
        train()
    assert comet.only_experiment.states[-1] == "crashed"
    assert comet.only_experiment.others["flyte_status"] == "failed"
    assert comet.only_experiment.others["flyte_error_type"] == "ValueError"
    assert comet.only_experiment.others["flyte_error_message"] == "afterwards"


def test_the_archive_of_a_task_that_fails_after_it_has_ended_its_experiment_says_so(
    comet: CometServer, in_pod: InPod, tmp_path: Path
) -> None:
    @track(host=comet.url, online=False)
    def train() -> None:
        comet_ml.get_running_experiment().log_metric("loss", 1)
        comet_ml.get_running_experiment().log_asset_data("text", name="a.txt")
        comet_ml.get_running_experiment().end()
        raise ValueError("afterwards")

    with in_pod(), pytest.raises(ValueError, match="afterwards"):
        train()
    (path,) = (tmp_path / "raw").rglob("*.zip")
    archive = read_archive(path)
    assert archive.status == "failed"
    assert archive.others["flyte_error_message"] == "afterwards"
    assert archive.metrics == {("loss", None): 1}
    assert (archive.damaged, "file_upload" in archive.types) == (0, True)


def test_a_task_that_fails_after_it_has_opened_another_experiment_is_shown_as_crashed_in_both(
    comet: CometServer, in_pod: InPod
) -> None:
    @track(host=comet.url)
    def train() -> None:
        comet_ml.Experiment(project_name="other")
        raise ValueError("afterwards")

    with in_pod(), pytest.raises(ValueError, match="afterwards"):
        train()
    assert sorted(experiment.project or "" for experiment in comet.experiments.values()) == ["digits", "other"]
    for experiment in comet.experiments.values():
        assert experiment.states[-1] == "crashed"
        assert experiment.others["flyte_error_message"] == "afterwards"


@pytest.mark.parametrize(("value", "logged"), [(True, False), (1, False), (0, True), (None, True)])
@pytest.mark.by_default("0-True")
def test_automatic_logging_can_be_turned_off_for_a_task(laptop: CometServer, value: Any, logged: bool) -> None:
    """The SDK reads the setting when it is imported, which is long ago."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    @track(**({} if value is None else {"disable_auto_logging": value}))
    def train() -> None:
        images, labels = load_digits(return_X_y=True)
        LogisticRegression(max_iter=7).fit(images[:200], labels[:200])

    train()
    assert ("max_iter" in laptop.only_experiment.parameters) == logged
