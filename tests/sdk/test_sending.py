"""Delivery: what the SDK's connections wait for, and that what was logged is delivered or in an archive."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml import ServerUnavailableError, comet_ml_login
from flytekitplugins.comet_ml.archives.archive import read_archive
from pytest_mock import MockerFixture

from tests.support.comet_http import Answer, Request
from tests.support.comet_server import CometServer
from tests.support.held import hold_before_its_batch

SECRET = "unused, since the run is local"


def track(**options: Any) -> comet_ml_login:
    return comet_ml_login(project_name="digits", workspace="my-team", secret=lambda: SECRET, **options)


def archived(work: Path, name: str, key: str = "") -> int:
    """How many values of a metric are in the archives of a local run, or of an experiment alone."""
    archives = [read_archive(path) for path in (work / ".cometml-runs").glob(f"{key}*.zip")]
    return sum(count for archive in archives for (metric, _), count in archive.metrics.items() if metric == name)


def refuse_metrics(request: Request) -> Answer | None:
    return (500, {}) if request.path.endswith("/metric") and request.method == "POST" else None


@pytest.mark.newest
def test_a_message_on_its_way_to_a_batch_when_the_task_ends_is_waited_for(
    laptop: CometServer, mocker: MockerFixture
) -> None:
    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        experiment.flush()
        is_held = hold_before_its_batch(mocker, experiment, "_flush_batches")
        experiment.log_metric("loss", 1)
        assert is_held.wait(60)

    body()
    assert "loss" in laptop.only_experiment.metrics
    assert not Path(".cometml-runs").exists()


def test_what_the_server_refuses_is_in_an_archive(laptop: CometServer, tmp_path: Path) -> None:
    laptop.faults.append(refuse_metrics)

    @track()
    def body() -> None:
        for step in range(20):
            comet_ml.get_running_experiment().log_metric("loss", step, step=step)

    body()
    assert "loss" not in laptop.only_experiment.metrics
    assert archived(tmp_path / "work", "loss") == 20


@pytest.mark.newest
def test_what_the_server_refuses_of_an_experiment_of_the_body_s_is_in_an_archive(
    laptop: CometServer, tmp_path: Path
) -> None:
    laptop.faults.append(refuse_metrics)

    @track(start=False)
    def body() -> None:
        comet_ml.start().log_metric("loss", 1)

    body()
    assert "loss" not in laptop.only_experiment.metrics
    assert archived(tmp_path / "work", "loss") == 1


def test_a_run_that_was_delivered_leaves_no_archive(laptop: CometServer, tmp_path: Path) -> None:
    @track()
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("loss", 1)

    body()
    assert not (tmp_path / "work" / ".cometml-runs").exists()


def test_an_end_that_hangs_is_cut_and_leaves_an_archive(laptop: CometServer, tmp_path: Path) -> None:
    @track(end_timeout=4.0)
    def body() -> None:
        for step in range(20):
            comet_ml.get_running_experiment().log_metric("loss", step, step=step)
        laptop.faults.append(laptop.hang)

    begun = time.monotonic()
    body()
    # The SDK alone waits for minutes.
    assert time.monotonic() - begun < 60
    assert archived(tmp_path / "work", "loss") == 20


@pytest.mark.slow
@pytest.mark.newest
def test_a_body_that_opens_another_experiment_does_not_wait_for_a_server_that_hangs(
    laptop: CometServer, tmp_path: Path
) -> None:
    waited: list[float] = []

    @track(end_timeout=6.0)
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        experiment.log_metric("loss", 1)
        laptop.faults.append(laptop.hang)
        experiment.log_asset(__file__)
        begun = time.monotonic()
        comet_ml.start(online=False, project_name="other")
        waited.append(time.monotonic() - begun)

    body()
    assert waited[0] < 60
    assert archived(tmp_path / "work", "loss") == 1


def test_the_connections_of_a_started_experiment_are_as_patient_as_the_sdk_s(laptop: CometServer) -> None:
    seen: list[Any] = []

    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        clients = [experiment.connection._low_level_http_client, experiment.rest_api_client.low_level_api_client]
        for client in clients:
            retries = {adapter.max_retries.total for adapter in client.retry_session.adapters.values()}
            seen.append((client.default_timeout, retries))
        seen.append({name for name in os.environ if name.startswith(("COMET_TIMEOUT", "COMET_HTTP_SESSION"))})

    body()
    config = comet_ml.get_config()
    timeouts = [config[f"comet.timeout.{name}"] for name in ("http", "api")]
    assert seen == [*((timeout, {config["comet.http_session.retry_total"]}) for timeout in timeouts), set()]


@pytest.mark.newest
def test_a_timeout_that_the_user_has_set_is_in_force_at_the_start(
    laptop: CometServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMET_TIMEOUT_API", "1")
    laptop.faults.append(lambda request: time.sleep(1.5) if "account-details" in request.path else None)

    @track(on_unavailable="raise")
    def body() -> None: ...

    with pytest.raises(ServerUnavailableError, match=r"read timeout=1"):
        body()


def test_a_refused_connection_costs_little_time_and_one_warning(
    laptop: CometServer, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    laptop.stop()
    keys: list[str] = []

    @track()
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("loss", 1)
        keys.append(comet_ml.get_running_experiment().get_key())

    begun = time.monotonic()
    body()
    # The SDK alone takes 40 seconds, on a quiet machine.
    assert time.monotonic() - begun < 30
    (warning,) = [r.getMessage() for r in caplog.records if r.name == "flytekitplugins.comet_ml" and r.levelno >= 30]
    assert laptop.url in warning
    assert "upload" in warning
    # An experiment that another test has left hanging may still write its own.
    assert archived(tmp_path / "work", "loss", keys[0]) == 1


# comet-ml 3.43 captures the console in forks of the process, which keep the server's port.
@pytest.mark.newest
def test_a_connection_that_comes_back_before_the_end_delivers_everything(laptop: CometServer, tmp_path: Path) -> None:
    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        laptop.stop()
        for step in range(20):
            experiment.log_metric("loss", step, step=step)
        time.sleep(3)
        laptop.start()

    body()
    online = len(laptop.only_experiment.metrics.get("loss", []))
    assert online == 20 or archived(tmp_path / "work", "loss") == 20
    assert not laptop.only_experiment.alive


def test_what_was_logged_last_arrives_last_though_the_server_is_slow(laptop: CometServer) -> None:
    late: list[Request] = []

    def slow_at_first(request: Request) -> None:
        if request.path.endswith("/parameter") and not late:
            late.append(request)
            time.sleep(3)

    laptop.faults.append(slow_at_first)

    @track()
    def body(epochs: int) -> None:
        deadline = time.monotonic() + 10
        while not late and time.monotonic() < deadline:
            time.sleep(0.01)
        comet_ml.get_running_experiment().log_parameter("epochs", 99)

    body(3)
    assert laptop.only_experiment.parameters["epochs"] == 99


@pytest.mark.newest
def test_a_value_that_falls_out_of_the_sdk_s_batch_is_in_an_archive(laptop: CometServer, tmp_path: Path) -> None:
    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        batch = experiment.streamer.online_streamer.message_handler._message_batch_metrics
        batch.append = lambda message: None
        experiment.log_metric("loss", 1)

    body()
    assert archived(tmp_path / "work", "loss") == 1


PAGE = b"<html>Please log in</html>"


# As an answer to some requests, what has `None` here can be Comet's own, if Comet is there.
NOT_COMETS = [
    (200, PAGE, "metric"),
    (201, PAGE, "metric"),
    (200, b"", None),
    (200, None, "metric"),
    (200, [], "metric"),
    (204, b"", "metric"),
    (200, {"login": "required"}, None),
    (200, {"code": 503, "msg": "failed"}, "metric"),
    (302, "/login", "metric"),
    (303, "/login", "metric"),
    (307, "/login", "metric"),
    (304, "", "metric"),
]
CASES = [(status, answer, part) for status, answer, some in NOT_COMETS for part in dict.fromkeys(["", some or ""])]
COMMON = [(303, "/login", "metric")]


@pytest.mark.parametrize(
    ("status", "answer", "part"),
    [pytest.param(*case, marks=() if case in COMMON else pytest.mark.slow) for case in CASES],
    ids=lambda value: str(value)[:20] or "everything",
)
def test_what_is_no_answer_of_comet_s_is_no_delivery(
    laptop: CometServer, tmp_path: Path, status: int, answer: Any, part: str
) -> None:
    def from_elsewhere(request: Request) -> Answer | None:
        if request.path == "/login":
            return 200, PAGE
        return (status, answer) if part in request.path else None

    @track()
    def body() -> None:
        laptop.faults.append(from_elsewhere)
        for step in range(50):
            comet_ml.get_running_experiment().log_metric("loss", step, step=step)

    body()
    assert archived(tmp_path / "work", "loss") == 50
    laptop.faults.clear()


def test_a_list_of_messages_that_cannot_be_written_loses_nothing(laptop: CometServer, tmp_path: Path) -> None:
    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        records = experiment.streamer.replay_manager
        with records.__lock__, records.conn:
            full = "CREATE TRIGGER full BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'no room'); END"
            records.conn.execute(full)
        laptop.faults.append(refuse_metrics)
        experiment.log_metric("loss", 1)

    body()
    assert archived(tmp_path / "work", "loss") == 1


@pytest.mark.by_default("untold")
@pytest.mark.parametrize("version", [None, "1.2.80"], ids=["untold", "old"])
def test_a_comet_of_another_version_loses_nothing(laptop: CometServer, tmp_path: Path, version: str | None) -> None:
    def tell(request: Request) -> Answer | None:
        if request.path.endswith("/isAlive/ver"):
            return (200, {"version": version}) if version else (500, {})
        return None

    @track()
    def body() -> None:
        laptop.faults.append(refuse_metrics)
        comet_ml.get_running_experiment().log_metric("loss", 1)

    laptop.faults.append(tell)
    body()
    assert not laptop.only_experiment.alive
    assert archived(tmp_path / "work", "loss") == 1


@pytest.mark.parametrize("answer", [b"", {}, {"msg": "added"}, {"code": 200}, {"new": "form"}])
def test_what_comet_may_say_is_a_delivery(laptop: CometServer, tmp_path: Path, answer: object) -> None:
    def said(request: Request) -> Answer | None:
        return (200, answer) if "metric" in request.path or "log-other" in request.path else None

    @track()
    def body() -> None:
        laptop.faults.append(said)
        comet_ml.get_running_experiment().log_metric("loss", 1)

    body()
    assert not (tmp_path / "work" / ".cometml-runs").exists()
    assert "/clientlib/batch/logger/experiment/metric" in [request.path for request in laptop.requests]


def test_a_parameter_that_is_logged_again_and_again_leaves_no_archive(laptop: CometServer, tmp_path: Path) -> None:
    @track()
    def body() -> None:
        for epoch in range(20):
            comet_ml.get_running_experiment().log_parameter("epoch", epoch)

    body()
    assert laptop.only_experiment.parameters["epoch"] == 19
    assert not (tmp_path / "work" / ".cometml-runs").exists()
