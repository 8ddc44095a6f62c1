"""The fixture `comet` of the pytest plugin: the real SDK, answered in this process."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import comet_ml
import pytest
import requests
import responses
from flytekit import task, workflow
from flytekitplugins.comet_ml.testing import Comet
from flytekitplugins.comet_ml.testing.fixture import comet_in_memory
from pytest_mock import MockerFixture

from tests.support.canary import CANARY
from tests.support.tracked import track


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test in which something, in whatever thread, looks for a server; but for threads of the tests before."""
    tried: list[object] = []
    before = {thread for thread in threading.enumerate() if thread is not threading.main_thread()}

    def refuse(*args: object, **kwargs: object) -> None:
        if threading.current_thread() not in before:
            tried.append(args)
        raise OSError("there is no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert tried == []


@pytest.fixture
def comet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Comet]:
    """What the plugin's fixture does."""
    with comet_in_memory(monkeypatch.setenv, monkeypatch.delenv, tmp_path / "comet") as comet:
        yield comet


@task
@track()
def train(epochs: int, fails: bool = False) -> float:
    experiment = comet_ml.get_running_experiment()
    loss = 1.0
    for epoch in range(epochs):
        loss /= 2
        experiment.log_metric("loss", loss, step=epoch)
    if fails:
        raise ValueError("no convergence")
    return loss


@workflow
def training(epochs: int = 3) -> float:
    return train(epochs=epochs)


def test_what_a_task_logged_is_there(comet: Comet) -> None:
    assert training() == 0.125
    [experiment] = comet.experiments
    assert experiment.metrics == {"loss": [0.5, 0.25, 0.125]}
    assert experiment.metrics["loss"].steps == [0, 1, 2]
    assert experiment.parameters == {"epochs": 3, "fails": False}
    assert experiment.others["flyte_task"].endswith("train")
    assert (experiment.workspace, experiment.project, experiment.name) == ("my-team", "digits", "train local")
    assert experiment.url == f"https://www.comet.com/my-team/digits/{experiment.key}"
    assert experiment.state == "finished"


@pytest.mark.newest
def test_a_task_that_fails_has_crashed(comet: Comet) -> None:
    with pytest.raises(ValueError, match="no convergence"):
        train(epochs=1, fails=True)
    [experiment] = comet.experiments
    assert experiment.state == "crashed"
    assert experiment.others["flyte_error_message"] == "no convergence"
    assert b"no convergence" in experiment.assets["traceback.txt"]


@task
@track()
def fetch() -> int:
    number = int(requests.get("https://data.example/number").text)
    comet_ml.get_running_experiment().log_metric("number", number)
    return number


@pytest.mark.parametrize(
    "fixtures", [("comet", "requests_mock"), ("requests_mock", "comet")], ids=lambda names: names[0]
)
def test_requests_mock_answers_the_task_s_own_requests_and_no_others(
    fixtures: tuple[str, str], request: pytest.FixtureRequest
) -> None:
    given = {name: request.getfixturevalue(name) for name in fixtures}
    given["requests_mock"].get("https://data.example/number", text="3")
    assert fetch() == 3
    [experiment] = given["comet"].experiments
    assert (experiment.metrics, experiment.state) == ({"number": [3]}, "finished")
    assert given["requests_mock"].call_count == 1


def test_responses_answers_the_task_s_own_requests_and_no_others(comet: Comet) -> None:
    with responses.RequestsMock() as mock:
        mock.get("https://data.example/number", body="3")
        assert fetch() == 3
        assert len(mock.calls) == 1
    [experiment] = comet.experiments
    assert (experiment.metrics, experiment.state) == ({"number": [3]}, "finished")


def test_each_call_has_an_experiment_in_the_order_of_the_calls(comet: Comet) -> None:
    for epochs in (1, 2, 3):
        train(epochs=epochs)
    assert [len(experiment.metrics["loss"]) for experiment in comet.experiments] == [1, 2, 3]


def test_a_tag_that_is_added_again_is_there_once(comet: Comet) -> None:
    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        experiment.add_tags(["nightly", "nightly"])
        experiment.add_tags(["small", "nightly"])

    body()
    assert comet.experiments[0].tags == ["nightly", "small"]


@pytest.mark.newest
def test_tags_name_files_models_html_and_output_are_there(comet: Comet, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"\0\1")

    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        experiment.add_tags(["nightly", "small"])
        experiment.set_name("mine")
        experiment.log_asset_data("content", name="notes.txt")
        experiment.log_model("net", str(tmp_path / "weights.bin"))
        experiment.log_remote_asset("s3://bucket/data.csv", remote_file_name="data.csv")
        experiment.log_html("<b>bold</b>")
        with experiment.train():
            experiment.log_metric("accuracy", float("inf"))
        print("as it was printed")

    body()
    [experiment] = comet.experiments
    assert (experiment.tags, experiment.name, experiment.html) == (["nightly", "small"], "mine", "<b>bold</b>")
    assert experiment.assets["notes.txt"] == b"content"
    assert experiment.assets["net/weights.bin"] == b"\0\1"
    assert experiment.assets["data.csv"] == b"s3://bucket/data.csv"
    assert experiment.metrics == {"train_accuracy": [float("inf")]}
    assert "as it was printed" in experiment.output


def test_an_artifact_is_there_and_can_be_got(comet: Comet, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1,2")
    versions = []

    @track()
    def logs() -> None:
        artifact = comet_ml.Artifact("rows", "dataset", aliases=["good"])
        artifact.add(str(tmp_path / "rows.csv"), "rows.csv")
        artifact.add_remote("s3://bucket/more.csv", "more.csv", sync_mode=False)
        comet_ml.get_running_experiment().log_artifact(artifact)

    @track()
    def gets() -> None:
        artifact = comet_ml.get_running_experiment().get_artifact("rows", version_or_alias="good")
        artifact.download(str(tmp_path / "got"))
        versions.append(str(artifact.version))
        assert [asset.logical_path for asset in artifact.remote_assets] == ["more.csv"]

    logs()
    logs()
    gets()
    assert comet.experiments[0].artifacts == {"rows": {"rows.csv": b"1,2", "more.csv": b"s3://bucket/more.csv"}}
    assert (tmp_path / "got" / "rows.csv").read_text() == "1,2"
    assert versions == ["2.0.0"]


def test_of_files_and_artifacts_of_one_name_all_are_there(comet: Comet, tmp_path: Path) -> None:
    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        for number in range(8):
            experiment.log_text(f"text {number}", step=number)
            experiment.log_asset_data(f"{number}", name="notes.txt")
        for name in ("a.csv", "b.csv"):
            (tmp_path / name).write_text(name)
            artifact = comet_ml.Artifact("rows", "dataset")
            artifact.add(str(tmp_path / name), name)
            experiment.log_artifact(artifact)
        experiment.log_asset_data("first", name="status.txt", overwrite=True)
        experiment.log_asset_data("second", name="status.txt", overwrite=True)

    body()
    [experiment] = comet.experiments
    assert experiment.assets.all("text-sample") == [f"text {number}".encode() for number in range(8)]
    assert experiment.assets.all("notes.txt") == [str(number).encode() for number in range(8)]
    assert experiment.assets["notes.txt"] == b"7"
    assert experiment.assets.all("status.txt") == [b"second"]
    assert experiment.assets.all("nothing") == []
    assert experiment.artifacts.all("rows") == [{"a.csv": b"a.csv"}, {"b.csv": b"b.csv"}]
    assert experiment.artifacts == {"rows": {"b.csv": b"b.csv"}}


def test_the_source_stands_by_itself(comet: Comet) -> None:
    train(epochs=1)
    [experiment] = comet.experiments
    assert [Path(name).name for name in experiment.code] == [Path(__file__).name]
    assert experiment.assets == {}
    # A failing assertion shows the experiment, and must not show files.
    assert "def train" not in repr(experiment)


@pytest.mark.newest
def test_points_can_be_logged_of_which_the_service_says_how_many(comet: Comet) -> None:
    @track()
    def body() -> None:
        comet_ml.get_running_experiment().log_points_3d("scene", points=[[0, 0, 0]])

    body()
    assert comet.experiments[0].state == "finished"


@pytest.mark.parametrize("way", [lambda: comet_ml.start(), lambda: comet_ml.Experiment()], ids=["start", "Experiment"])
def test_the_experiment_of_a_body_that_starts_its_own_is_there(comet: Comet, way: type) -> None:
    @track(start=False)
    def body() -> None:
        way().log_metric("m", 1)

    body()
    assert [experiment.metrics for experiment in comet.experiments] == [{"m": [1]}]


@pytest.mark.newest
def test_an_experiment_of_the_test_itself_is_there(comet: Comet) -> None:
    experiment = comet_ml.start(workspace="my-team", project_name="digits")
    experiment.log_metric("m", 1)
    experiment.end()
    assert comet.experiments[0].metrics == {"m": [1]}


def test_an_offline_task_is_there_too(comet: Comet, tmp_path: Path) -> None:
    @track(online=False)
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("m", 1)
        raise ValueError("offline")

    with pytest.raises(ValueError, match="offline"):
        body()
    assert [(each.metrics, each.state) for each in comet.experiments] == [({"m": [1]}, "crashed")]
    assert len(comet.experiments) == 1
    assert not (tmp_path / "work" / ".cometml-runs").exists()


def test_an_offline_experiment_is_there_once_it_has_ended(comet: Comet) -> None:
    experiment = comet_ml.OfflineExperiment(workspace="my-team", project_name="digits")
    experiment.log_metric("m", 1)
    assert comet.experiments == []
    experiment.end()
    assert [each.metrics for each in comet.experiments] == [{"m": [1]}]


def offline() -> None:
    comet_ml.OfflineExperiment(workspace="my-team", project_name="digits").log_metric("m", 1)


def online() -> None:
    comet_ml.start(workspace="my-team").log_metric("m", 1)


def tracked_with(**options: Any) -> Callable[[], None]:
    @track(**options)
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("m", 1)

    return body


@pytest.mark.parametrize(
    "logs",
    [
        tracked_with(),
        tracked_with(online=False),
        tracked_with(online=False, offline_directory="runs"),
        tracked_with(experiment_config={"offline_directory": "runs"}, online=False),
        offline,
        online,
    ],
)
@pytest.mark.parametrize("environment", [{}, {"COMET_OFFLINE_DIRECTORY": "runs"}, None])
def test_a_test_may_clear_the_environment_or_name_a_directory(
    comet: Comet, tmp_path: Path, logs: Callable[[], None], environment: dict[str, str] | None
) -> None:
    home = os.environ["HOME"]
    (tmp_path / "home" / ".comet.config").write_text(f"[comet]\napi_key = {CANARY}\nworkspace = theirs\n")
    if environment is None:
        os.environ.clear()
        os.environ["HOME"] = home
    else:
        os.environ.update(environment)
    before = set(Path.cwd().rglob("*"))
    logs()
    running = comet_ml.get_running_experiment()
    if running is not None:
        running.end()
    assert [(each.metrics, each.workspace, each.state) for each in comet.experiments] == [
        ({"m": [1]}, "my-team", "finished")
    ]
    assert set(Path.cwd().rglob("*")) == before


@pytest.mark.parametrize("host", ["https://www.comet.com", "https://comet.example.com"])
def test_the_server_may_be_any(comet: Comet, host: str) -> None:
    @track(host=host)
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("m", 1)

    body()
    assert comet.experiments[0].url.startswith(f"{host}/my-team/digits/")


def test_the_user_s_settings_and_files_count_for_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "home" / ".comet.config").write_text(
        "[comet]\napi_key = theirs\nworkspace = theirs\n[comet_auto_log]\ndisable = 1\n"
    )
    os.environ.update(COMET_AUTO_LOG_DISABLE="1", COMET_START_ONLINE="0", COMET_API_KEY=CANARY)
    comet: Comet = request.getfixturevalue("comet")
    train(epochs=1)
    assert len(comet.experiments) == 1


@pytest.mark.newest
def test_afterwards_everything_is_as_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    os.environ["COMET_API_KEY"] = CANARY
    with monkeypatch.context() as patch, comet_in_memory(patch.setenv, patch.delenv, tmp_path / "comet") as comet:
        left_open = comet_ml.start(workspace="my-team", project_name="digits")
    assert left_open.ended
    assert comet.experiments[0].state == "finished"
    assert comet_ml.get_running_experiment() is None
    assert os.environ["COMET_API_KEY"] == CANARY
    assert not [name for name in os.environ if name in ("COMET_OFFLINE_DIRECTORY", "COMET_CONFIG")]


@pytest.mark.newest
def test_a_mock_of_something_in_the_body_goes_with_it(comet: Comet, mocker: MockerFixture) -> None:
    mocker.patch.object(comet_ml.CometExperiment, "log_metric")
    train(epochs=1)
    assert comet.experiments[0].metrics == {}
