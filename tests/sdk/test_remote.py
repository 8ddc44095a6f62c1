"""A task in a pod, in this process: the context of `pyflyte-execute`, the real SDK, a server of its own."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekit import Secret, task
from flytekitplugins.comet_ml import APIKeyError, APIKeyRejectedError, WorkspaceAccessError
from flytekitplugins.comet_ml.keys.experiment_key import link_suffix

from tests.support.canary import CANARY, Canary
from tests.support.comet_http import Request
from tests.support.comet_server import CometServer
from tests.support.pod import Pod
from tests.support.pod_environment import SECRET_VARIABLE, InPod
from tests.support.pod_task import tracked
from tests.support.tracked import track

KEY = "ahq8bl2jkbsf7wxd4mznn00" + link_suffix("digits", "my-team")


def test_the_experiment_has_the_pod_s_key_and_flyte_s_identity(comet: CometServer, in_pod: InPod) -> None:
    with in_pod():
        tracked(comet)()
    experiment = comet.experiments[KEY]
    assert {name: value for name, value in experiment.others.items() if name.startswith("flyte_")} == {
        "flyte_execution": "ahq8bl2jkbsf7wxd4mzn",
        "flyte_project": "flytesnacks",
        "flyte_domain": "development",
        "flyte_node": "ahq8bl2jkbsf7wxd4mzn-n0-0",
        "flyte_attempt": "0",
        "flyte_task": "my_pkg.workflows.train",
        "flyte_task_version": "v1",
        "flyte_workflow": "flytesnacks:development:my_pkg.workflows.wf",
        "flyte_execution_url": "https://flyte.example.com/console/projects/flytesnacks/domains/development/executions/"
        "ahq8bl2jkbsf7wxd4mzn/nodeId/n0/nodes",
    }
    assert experiment.others["Created from"] == "flyte"
    assert experiment.name == "train ahq8bl2jkbsf7wxd4mzn"
    assert experiment.metrics["loss"] == [(None, 0.5)]
    assert experiment.parameters == {"epochs": 3}
    assert not experiment.alive


def test_each_other_is_sent_once(comet: CometServer, in_pod: InPod) -> None:
    with in_pod():
        tracked(comet)()
    others = [r.body["key"] for r in comet.requests if r.path.endswith("log-other")]
    assert sorted(others) == sorted(set(others))


def test_a_retried_attempt_gets_an_experiment_of_its_own(comet: CometServer, in_pod: InPod) -> None:
    with in_pod():
        tracked(comet)()
    with in_pod("ahq8bl2jkbsf7wxd4mzn-n0-1", FLYTE_ATTEMPT_NUMBER="1"):
        tracked(comet)()
    assert len(comet.experiments) == 2


def test_the_key_is_there_for_the_body_and_gone_after_it(comet: CometServer, in_pod: InPod) -> None:
    with in_pod():
        before = dict(os.environ)
        assert tracked(comet)() == CANARY
        assert dict(os.environ) == before


def test_login_writes_the_key_nowhere(comet: CometServer, in_pod: InPod, tmp_path: Path, canary: Canary) -> None:
    seen: list[Path] = []

    def look(request: Request) -> None:
        seen.extend(path for path in tmp_path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes())

    with in_pod(), comet.fault(look):
        tracked(comet, directory=str(tmp_path / "home"))()
    assert seen == []
    assert list((tmp_path / "home").iterdir()) == []
    assert list((tmp_path / "tmp").rglob("*.config*")) == []
    assert "saved" not in canary.read()


@pytest.mark.parametrize("option", [{"directory": "save-here"}, {"force": True}])
def test_arguments_of_login_itself_do_not_change_that(
    comet: CometServer, in_pod: InPod, tmp_path: Path, option: dict[str, Any]
) -> None:
    with in_pod():
        tracked(comet, **option)()
    assert comet.only_experiment.metrics["loss"] == [(None, 0.5)]
    assert not list(tmp_path.rglob("*.comet.config*"))


def test_without_start_the_body_s_own_experiment_has_the_pod_s_key(comet: CometServer, in_pod: InPod) -> None:
    @track(host=comet.url, start=False)
    def train() -> None:
        assert comet_ml.get_running_experiment() is None
        comet_ml.Experiment().log_metric("loss", 0.5)

    with in_pod():
        train()
    experiment = comet.experiments[KEY]
    assert experiment.metrics["loss"] == [(None, 0.5)]
    assert experiment.others["flyte_execution"] == "ahq8bl2jkbsf7wxd4mzn"
    assert not experiment.alive


def test_an_experiment_of_the_body_s_own_knows_flyte_too(comet: CometServer, in_pod: InPod) -> None:
    @track(host=comet.url)
    def train() -> None:
        comet_ml.Experiment(experiment_key="c" * 32).log_metric("theirs", 1)

    with in_pod():
        train()
    theirs = comet.experiments["c" * 32]
    assert theirs.metrics["theirs"] == [(None, 1)]
    assert theirs.others["flyte_execution"] == "ahq8bl2jkbsf7wxd4mzn"
    assert not theirs.alive


def test_the_command_line_is_not_logged(comet: CometServer, in_pod: InPod, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pyflyte-execute", "--inputs", "s3://x", "--junk", "1"])
    with in_pod():
        tracked(comet)()
    assert set(comet.experiments[KEY].parameters) <= {"epochs", "curr_step"}


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(400, 90212, APIKeyRejectedError), (400, 90219, WorkspaceAccessError), (403, None, WorkspaceAccessError)],
)
def test_a_refusal_is_told_apart_by_its_code_and_raises_before_the_body(
    comet: CometServer, in_pod: InPod, status: int, code: int | None, error: type[Exception]
) -> None:
    def refuse(request: Request) -> Any:
        return (status, {"msg": "whatever", "sdk_error_code": code}) if request.path.endswith("add/run") else None

    @track(host=comet.url)
    def train() -> None:
        pytest.fail("the body ran")

    with in_pod(), comet.fault(refuse), pytest.raises(error):
        train()


def test_a_rejected_key_is_not_printed(comet: CometServer, in_pod: InPod, canary: Canary) -> None:
    comet.accepted_keys = {"another"}
    with in_pod(), pytest.raises(APIKeyRejectedError) as rejected:
        tracked(comet)()
    assert CANARY not in f"{rejected.value!r} {rejected.value.__cause__!r} {rejected.value.__context__!r}"
    checks = [path for path in comet.paths() if path.startswith("GET /api/rest/")]
    assert len(checks) == 1


def test_the_secret_is_missing(comet: CometServer, in_pod: InPod) -> None:
    with in_pod():
        del os.environ[SECRET_VARIABLE]
        with pytest.raises(APIKeyError, match=r"Secret\(group='comet-ml', key='comet-ml-api-key'\) was not found"):
            tracked(comet)()
    assert comet.requests == []


@pytest.mark.newest
def test_the_secret_is_only_in_its_environment_variable(comet: CometServer, in_pod: InPod, canary: Canary) -> None:
    canary.allowed_variables.add("MY_COMET_KEY")
    secret = Secret(group="comet-ml", key="comet-ml-api-key", env_var="MY_COMET_KEY")
    with in_pod(MY_COMET_KEY=CANARY):
        del os.environ[SECRET_VARIABLE]
        assert tracked(comet, secret=secret)() == CANARY


def test_a_callable_gives_the_key(comet: CometServer, in_pod: InPod) -> None:
    with in_pod():
        del os.environ[SECRET_VARIABLE]
        assert tracked(comet, secret=lambda: f" {CANARY}\n")() == CANARY


def test_a_callable_that_gives_nothing_is_named(comet: CometServer, in_pod: InPod) -> None:
    def from_vault() -> None:
        return None

    with in_pod(), pytest.raises(APIKeyError, match=r"from_vault' gave a NoneType where the Comet API key"):
        tracked(comet, secret=from_vault)()


@pytest.mark.parametrize("switch", [{"disabled": True}, {"COMET_AUTO_LOG_DISABLE": "1"}])
def test_a_disabled_experiment_reads_no_secret_and_asks_nobody(
    comet: CometServer, in_pod: InPod, switch: dict[str, Any]
) -> None:
    options = {name: value for name, value in switch.items() if name.islower()}
    with in_pod(**{name: value for name, value in switch.items() if name.isupper()}):
        tracked(comet, secret=lambda: pytest.fail("the secret was read"), **options)()
    assert comet.requests == []


@pytest.mark.parametrize("switch", [{"online": False}, {"COMET_START_ONLINE": "0"}])
def test_an_offline_experiment_needs_no_secret(
    comet: CometServer, in_pod: InPod, tmp_path: Path, switch: dict[str, Any]
) -> None:
    options = {name: value for name, value in switch.items() if name.islower()}
    with in_pod(**{name: value for name, value in switch.items() if name.isupper()}):
        tracked(comet, secret=lambda: pytest.fail("the secret was read"), **options)()
    assert comet.requests == []
    (archive,) = (tmp_path / "raw").rglob("comet-ml/*.zip")
    assert archive.name.startswith(KEY)


def test_experiment_in_the_body_joins_and_loses_nothing(comet: CometServer, in_pod: InPod) -> None:
    @task
    @track(host=comet.url)
    def train() -> None:
        comet_ml.get_running_experiment().log_metric("ours", 1)
        experiment = comet_ml.Experiment(api_key=os.environ["COMET_API_KEY"], project_name="digits")
        assert experiment.get_key() == KEY
        for step in range(50):
            experiment.log_metric("theirs", step, step=step)

    with in_pod():
        train.task_function()
    assert len(comet.only_experiment.metrics["theirs"]) == 50
    assert len(comet.only_experiment.metrics["ours"]) == 1


def test_settings_of_the_user_s_own_environment_survive(comet: CometServer, in_pod: InPod) -> None:
    with in_pod(COMET_WORKSPACE="mine", COMET_OFFLINE_DIRECTORY="/somewhere", COMET_AUTO_LOG_CLI_ARGUMENTS="1"):
        before = dict(os.environ)
        tracked(comet)()
        assert dict(os.environ) == before
    assert comet.only_experiment.workspace == "my-team"


def test_an_experiment_of_the_body_s_own_is_warned_about(
    comet: CometServer, in_pod: InPod, caplog: pytest.LogCaptureFixture
) -> None:
    @track(host=comet.url)
    def train() -> None:
        comet_ml.get_running_experiment().log_metric("ours", 1)
        comet_ml.Experiment(project_name="another").log_metric("theirs", 1)

    with in_pod():
        train()
    (theirs,) = [experiment for experiment in comet.experiments.values() if "theirs" in experiment.metrics]
    assert theirs.project == "another"
    assert theirs.others["flyte_execution"] == "ahq8bl2jkbsf7wxd4mzn"
    assert "ours" in comet.experiments[KEY].metrics
    (warning,) = [record.getMessage() for record in caplog.records if "comet_ml.start()" in record.msg]
    assert "start=False" in warning


@pytest.mark.newest
def test_experiment_after_ours_has_ended_is_a_new_one_of_the_same_task(comet: CometServer, in_pod: InPod) -> None:
    @track(host=comet.url)
    def train() -> None:
        comet_ml.get_running_experiment().end()
        comet_ml.Experiment().log_metric("theirs", 1)

    with in_pod():
        train()
    first, second = comet.experiments.values()
    assert second.metrics["theirs"] == [(None, 1)]
    assert first.key != second.key
    assert first.others["flyte_node"] == second.others["flyte_node"]
    assert not first.alive
    assert not second.alive


def test_a_handler_of_the_sdk_s_inner_loggers_does_not_see_the_key(comet: CometServer, in_pod: InPod) -> None:
    comet.accepted_keys = {"another"}
    seen: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(record.getMessage())  # type: ignore[method-assign]
    inner = logging.getLogger("comet_ml.config.config_init")
    inner.addHandler(handler)
    try:
        with in_pod(), pytest.raises(APIKeyRejectedError):
            tracked(comet)()
    finally:
        inner.removeHandler(handler)
    assert CANARY not in "".join(seen)


@pytest.mark.slow
def test_a_log_file_of_the_sdk_at_debug_does_not_hold_the_key(comet: CometServer, pod: Pod) -> None:
    source = """
import logging
import os
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login

@task
@comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"),
)
def train() -> None: ...
"""
    run = pod.run(source, "train", environment={"COMET_LOGGING_FILE": "comet.log", "COMET_LOGGING_FILE_LEVEL": "debug"})
    assert run.error == ""
    log = (run.directory / "work" / "comet.log").read_text()
    assert "DEBUG" in log
    assert CANARY not in log
