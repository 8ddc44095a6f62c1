"""A local run, with the real SDK: what Comet receives, and what is left of it in the process afterwards."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekit import FlyteContextManager, Secret, task, workflow
from flytekit.core.context_manager import ExecutionState
from flytekit.models.core.identifier import WorkflowExecutionIdentifier
from flytekitplugins.comet_ml import (
    APIKeyRejectedError,
    InvalidExperimentKeyError,
    WorkspaceAccessError,
    comet_ml_login,
)

from tests.support.canary import CANARY, Canary
from tests.support.comet_server import CometServer, Request

KEY = "0123456789abcdef0123456789abcdef"
NEVER = Secret(group="never", key="read")
track = comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER)


@dataclass
class Config:
    lr: float = 0.1


@task
@track
def train(epochs: int, config: Config) -> float:
    experiment = comet_ml.get_running_experiment()
    for epoch in range(epochs):
        experiment.log_metric("loss", 1 / (epoch + 1), step=epoch)
    return 0.5


@workflow
def pipeline(epochs: int = 2) -> float:
    return train(epochs=epochs, config=Config())


def test_a_workflow_s_task_is_an_experiment(laptop: CometServer) -> None:
    assert pipeline(epochs=3) == 0.5
    experiment = laptop.only_experiment
    assert (experiment.workspace, experiment.project) == ("my-team", "digits")
    assert experiment.metrics["loss"] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert experiment.parameters["epochs"] == 3
    assert experiment.parameters["config.lr"] == 0.1
    assert experiment.others["Created from"] == "flyte"
    assert experiment.others["flyte_task"] == f"{__name__}.train"
    assert experiment.name == "train local"
    assert not experiment.alive


def test_the_process_is_as_it_was_before_the_call(laptop: CometServer) -> None:
    before = dict(os.environ)
    filters = [list(handler.filters) for handler in logging.getLogger("comet_ml").handlers]
    pipeline()
    assert dict(os.environ) == before
    assert [list(handler.filters) for handler in logging.getLogger("comet_ml").handlers] == filters
    assert comet_ml.get_running_experiment() is None


def test_the_process_is_as_it_was_after_an_exception(laptop: CometServer) -> None:
    before = dict(os.environ)

    @track
    def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError) as raised:
        fail()
    assert raised.value.args == ("mine",)
    assert dict(os.environ) == before
    assert not laptop.only_experiment.alive
    assert comet_ml.get_running_experiment() is None


def test_one_line_at_info_says_where_the_experiment_is(laptop: CometServer, caplog: pytest.LogCaptureFixture) -> None:
    pipeline()
    ours = [record for record in caplog.records if record.name == "flytekitplugins.comet_ml"]
    assert [record.levelname for record in ours] == ["INFO"]
    assert laptop.only_experiment.key in ours[0].getMessage()


def test_a_given_key_is_the_experiment_s_and_an_existing_one_is_continued(laptop: CometServer) -> None:
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, experiment_key=KEY)
    def log(value: int) -> None:
        comet_ml.get_running_experiment().log_metric("m", value)

    log(1)
    log(2)
    assert list(laptop.experiments) == [KEY]
    assert [value for _, value in laptop.experiments[KEY].metrics["m"]] == [1, 2]


def test_a_continued_experiment_keeps_its_name(laptop: CometServer) -> None:
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, experiment_key=KEY)
    def rename(name: str) -> None:
        if name:
            comet_ml.get_running_experiment().set_name(name)

    rename("mine")
    rename("")
    assert laptop.experiments[KEY].name == "mine"


def test_an_illegal_key_is_an_error_before_anything_is_posted(laptop: CometServer) -> None:
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, experiment_key="too-short")
    def body() -> None:
        pytest.fail("the body ran")

    with pytest.raises(InvalidExperimentKeyError, match=r"'too-short'.*32 to 50"):
        body()
    assert not [path for path in laptop.paths() if path.startswith("POST")]


@pytest.mark.parametrize(
    "call",
    [
        lambda: comet_ml.start(),
        lambda: comet_ml.start(workspace="my-team"),
        lambda: comet_ml.start(experiment_config=comet_ml.ExperimentConfig()),
        lambda: comet_ml.Experiment(),
        lambda: comet_ml.Experiment(project_name="digits", workspace="my-team"),
        lambda: comet_ml.ExistingExperiment(previous_experiment=os.environ.get("COMET_EXPERIMENT_KEY")),
    ],
    ids=["start", "start-workspace", "start-config", "Experiment", "Experiment-project", "ExistingExperiment"],
)
def test_a_body_that_opens_an_experiment_joins_ours(laptop: CometServer, call: Any) -> None:
    @track
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("ours", 1)
        experiment = call()
        assert experiment.alive
        experiment.log_metric("theirs", 2)

    body()
    experiment = laptop.only_experiment
    assert [value for _, value in experiment.metrics["ours"]] == [1]
    assert [value for _, value in experiment.metrics["theirs"]] == [2]
    assert not experiment.alive


def test_a_body_that_ends_the_experiment_may(laptop: CometServer) -> None:
    @track
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("m", 1)
        comet_ml.get_running_experiment().end()

    body()
    assert "m" in laptop.only_experiment.metrics


def test_without_start_the_settings_are_in_force_and_what_the_body_starts_is_ended(laptop: CometServer) -> None:
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, start=False, experiment_key=KEY)
    def body() -> None:
        assert comet_ml.get_running_experiment() is None
        assert os.environ["COMET_WORKSPACE"] == "my-team"
        assert os.environ["COMET_PROJECT_NAME"] == "digits"
        comet_ml.Experiment().log_metric("m", 1)

    body()
    experiment = laptop.experiments[KEY]
    assert (experiment.workspace, experiment.project) == ("my-team", "digits")
    assert "m" in experiment.metrics
    assert not experiment.alive


def test_an_experiment_that_was_running_is_set_aside(laptop: CometServer) -> None:
    mine = comet_ml.start(experiment_key="b" * 32)
    mine.log_metric("before", 1)
    pipeline()
    assert comet_ml.get_running_experiment() is mine
    assert not mine.ended
    mine.log_metric("after", 2)
    mine.end()
    assert {"before", "after"} <= set(laptop.experiments["b" * 32].metrics)
    assert "loss" not in laptop.experiments["b" * 32].metrics
    (ours,) = [experiment for key, experiment in laptop.experiments.items() if key != "b" * 32]
    assert not {"before", "after"} & set(ours.metrics)


def test_a_tracked_call_within_another_has_its_own_experiment(laptop: CometServer) -> None:
    @track
    def inner() -> None:
        comet_ml.get_running_experiment().log_metric("inner", 1)

    @track
    def outer() -> None:
        experiment = comet_ml.get_running_experiment()
        experiment.log_metric("outer", 1)
        inner()
        assert comet_ml.get_running_experiment() is experiment
        experiment.log_metric("outer", 2)

    outer()
    metrics = sorted(tuple(sorted(experiment.metrics)) for experiment in laptop.experiments.values())
    assert metrics == [("inner",), ("outer",)]


@pytest.mark.parametrize("switch", [{"disabled": True}, {"experiment_config": {"disabled": True}}, {}])
def test_a_disabled_experiment_asks_nobody(laptop: CometServer, switch: dict[str, Any]) -> None:
    if not switch:
        os.environ["COMET_AUTO_LOG_DISABLE"] = "1"

    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, experiment_key=KEY, **switch)
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("m", 1)
        comet_ml.Experiment().log_metric("m", 1)
        comet_ml.start().log_metric("m", 1)

    body()
    assert laptop.requests == []


@pytest.mark.parametrize("keyword", [True, False])
def test_an_offline_experiment_asks_nobody(laptop: CometServer, tmp_path: Path, keyword: bool) -> None:
    switch: dict[str, Any] = {"online": False}
    if not keyword:
        os.environ["COMET_START_ONLINE"] = "0"
        switch = {}

    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, **switch)
    def body() -> None:
        comet_ml.start().log_metric("m", 1)

    body()
    assert laptop.requests == []
    assert len(list((tmp_path / "work" / ".cometml-runs").glob("*.zip"))) == 1


def test_without_an_api_key_anywhere_the_run_is_offline_and_told_how_to_go_online(
    canary: Canary, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline()
    (archive,) = (tmp_path / "work" / ".cometml-runs").glob("*.zip")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "flytekitplugins.comet_ml"]
    assert "set COMET_API_KEY" in line
    pattern = line.split("comet_ml upload ")[1].split("`")[0]
    assert list(Path("/").glob(pattern.lstrip("/"))) == [archive]


def test_a_configuration_file_is_read_and_left_as_it_is(comet: CometServer, tmp_path: Path, canary: Canary) -> None:
    file = tmp_path / "home" / ".comet.config"
    file.write_text(f"[comet]\nurl_override = {comet.url}/clientlib/\nproject_name = other\n")
    os.environ["COMET_API_KEY"] = CANARY
    before = file.read_bytes()
    pipeline()
    assert file.read_bytes() == before
    assert comet.only_experiment.project == "digits"
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == [".comet.config"]


def test_an_api_key_from_the_configuration_file_goes_online(comet: CometServer, tmp_path: Path) -> None:
    comet.accepted_keys = {"key-of-the-configuration-file"}
    file = tmp_path / "home" / ".comet.config"
    file.write_text(f"[comet]\nurl_override={comet.url}/clientlib/\napi_key=key-of-the-configuration-file\n")
    pipeline()
    assert "loss" in comet.only_experiment.metrics
    assert "key-of-the-configuration-file" in file.read_text()


def test_a_rejected_key_is_an_error_before_the_body(laptop: CometServer) -> None:
    laptop.accepted_keys = {"another"}

    @track
    def body() -> None:
        pytest.fail("the body ran")

    with pytest.raises(APIKeyRejectedError, match=f"Comet at {laptop.url} rejected the API key") as rejected:
        body()
    assert "COMET_API_KEY" in str(rejected.value)
    assert CANARY not in repr(rejected.value)
    assert rejected.value.__cause__ is None
    assert rejected.value.__context__ is None
    assert not [path for path in laptop.paths() if path.endswith("add/run")]


def test_a_workspace_without_access_is_an_error_before_the_body(laptop: CometServer) -> None:
    laptop.forbidden_workspaces = {"my-team"}

    @track
    def body() -> None:
        pytest.fail("the body ran")

    with pytest.raises(WorkspaceAccessError, match="'my-team'"):
        body()
    assert comet_ml.get_running_experiment() is None


def test_a_server_that_is_away_costs_no_data(laptop: CometServer, caplog: pytest.LogCaptureFixture) -> None:
    os.environ.update(
        COMET_HTTP_SESSION_RETRY_TOTAL="0", COMET_GET_OR_ADD_EXPERIMENT_RETRY_TOTAL="0", COMET_TIMEOUT_HTTP="2"
    )
    laptop.stop()
    pipeline()
    (warning,) = [record for record in caplog.records if record.name == "flytekitplugins.comet_ml"]
    assert warning.levelname == "WARNING"
    assert f"Comet at {laptop.url} cannot be reached (NewConnectionError: " in warning.getMessage()
    assert "Max retries" not in warning.getMessage()
    assert len(list(Path(".cometml-runs").glob("*.zip"))) == 1


def test_settings_that_login_mangles_are_right_for_the_body(laptop: CometServer, canary: Canary) -> None:
    @comet_ml_login(
        project_name="digits",
        workspace="my-team",
        secret=NEVER,
        disable_auto_logging=True,
        logging_metrics_ignore=["a", "b"],
        log_code=False,
        tags=["first", "second"],
    )
    def body() -> None:
        assert comet_ml.get_config("comet.disable_auto_logging") == 1
        assert comet_ml.get_config("comet.logging.metrics_ignore") == ["a", "b"]
        assert sorted(comet_ml.get_running_experiment().get_tags()) == ["first", "second"]

    body()
    assert "log_code" not in canary.read()
    assert "Failed to set" not in canary.read()
    assert not [request for request in laptop.requests if request.query.get("type") == "source_code"]


def test_the_source_that_is_logged_is_the_task_s_own_file(laptop: CometServer) -> None:
    pipeline()
    logged = [r.query["fileName"] for r in laptop.requests if r.query.get("type") == "source_code"]
    assert logged == [__file__]


def test_a_name_that_the_user_gave_is_kept(laptop: CometServer) -> None:
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, name="my run")
    def body() -> None: ...

    body()
    assert laptop.only_experiment.name == "my run"


def test_an_experiment_config_is_used(laptop: CometServer) -> None:
    config = comet_ml.ExperimentConfig(name="from the config", tags=["t"])

    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, experiment_config=config, log_code=False)
    def body() -> None:
        assert comet_ml.get_running_experiment().get_tags() == ["t"]

    body()
    assert laptop.only_experiment.name == "from the config"
    assert not [request for request in laptop.requests if request.query.get("type") == "source_code"]


def test_what_the_body_logs_wins_over_the_inputs(laptop: CometServer) -> None:
    @track
    def body(epochs: int) -> None:
        comet_ml.get_running_experiment().log_parameter("epochs", 99)

    body(3)
    assert laptop.only_experiment.parameters["epochs"] == 99


def test_an_input_equal_to_the_api_key_is_not_logged(laptop: CometServer) -> None:
    @track
    def body(innocent: str, other: str) -> None: ...

    body(CANARY, "x")
    assert laptop.only_experiment.parameters["other"] == "x"
    assert "innocent" not in laptop.only_experiment.parameters


def test_an_async_task_is_awaited_within_its_experiment(laptop: CometServer) -> None:
    @task
    @track
    async def train_async(epochs: int) -> int:
        comet_ml.get_running_experiment().log_metric("async", epochs)
        return epochs + 1

    assert asyncio.run(train_async(epochs=4)) == 5
    assert [value for _, value in laptop.only_experiment.metrics["async"]] == [4]


def test_a_worker_process_of_a_local_run_is_local(laptop: CometServer) -> None:
    context = FlyteContextManager.current_context()
    assert context.user_space_params is not None
    new = context.user_space_params.builder()
    new.execution_id = WorkflowExecutionIdentifier(project="", domain="", name="")
    state = context.new_execution_state().with_params(
        mode=ExecutionState.Mode.TASK_EXECUTION, user_space_params=new.build()
    )
    with FlyteContextManager.with_context(context.with_execution_state(state)):
        train.task_function(epochs=1, config=Config())
    assert len(laptop.only_experiment.key) == 32


def test_a_call_in_a_thread_of_a_local_task_is_local(laptop: CometServer) -> None:
    thread = threading.Thread(target=train.task_function, kwargs={"epochs": 1, "config": Config()})
    thread.start()
    thread.join()
    assert "loss" in laptop.only_experiment.metrics


@pytest.mark.parametrize("find", ["get_running_experiment", "start"])
def test_calls_at_once_do_not_mix(laptop: CometServer, find: str) -> None:
    both = threading.Barrier(2, timeout=60)

    def body(name: str) -> None:
        for step in range(20):
            if step in (0, 10):
                both.wait()
            getattr(comet_ml, find)().log_metric(name, step, step=step)

    calls = [
        comet_ml_login(project_name=f"project-{name}", workspace="my-team", secret=NEVER)(body)
        for name in ("first", "second")
    ]
    before = dict(os.environ)
    threads = [threading.Thread(target=call, args=(call.get_extra_config()["project_name"],)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(
        (experiment.project, name, len(values))
        for experiment in laptop.experiments.values()
        for name, values in experiment.metrics.items()
    ) == [("project-first", "project-first", 20), ("project-second", "project-second", 20)]
    assert dict(os.environ) == before
    assert comet_ml.get_running_experiment() is None


def test_coroutines_at_once_do_not_mix(laptop: CometServer) -> None:
    @track
    async def body(name: str) -> None:
        for step in range(5):
            comet_ml.get_running_experiment().log_metric(name, step, step=step)
            await asyncio.sleep(0.01)

    async def both() -> None:
        await asyncio.gather(body("first"), body("second"))

    asyncio.run(both())
    assert sorted((name, len(values)) for e in laptop.experiments.values() for name, values in e.metrics.items()) == [
        ("first", 5),
        ("second", 5),
    ]
    assert all(len(experiment.metrics) == 1 for experiment in laptop.experiments.values())


def test_a_thread_of_the_body_finds_its_experiment(laptop: CometServer) -> None:
    @track
    def body() -> None:
        thread = threading.Thread(target=lambda: comet_ml.get_running_experiment().log_metric("m", 1))
        thread.start()
        thread.join()

    body()
    assert [value for _, value in laptop.only_experiment.metrics["m"]] == [1]


def test_what_the_body_sets_is_there_for_a_nested_call_and_after_it(laptop: CometServer) -> None:
    @track
    def inner() -> None:
        assert os.environ["COMET_DISABLE_AUTO_LOGGING"] == "1"

    @track
    def outer() -> None:
        # As Lightning does.
        os.environ["COMET_DISABLE_AUTO_LOGGING"] = "1"
        inner()
        assert os.environ["COMET_DISABLE_AUTO_LOGGING"] == "1"

    before = dict(os.environ)
    outer()
    assert dict(os.environ) == before


def test_an_experiment_whose_key_is_exported_is_set_aside_too(laptop: CometServer) -> None:
    os.environ["COMET_EXPERIMENT_KEY"] = KEY
    mine = comet_ml.start()
    pipeline()
    assert comet_ml.get_running_experiment() is mine
    mine.end()
    assert "loss" not in laptop.experiments[KEY].metrics
    assert len(laptop.experiments) == 2


@pytest.mark.newest
def test_what_the_body_prints_is_not_logged_to_an_experiment_that_was_running(laptop: CometServer) -> None:
    @track
    def body() -> None:
        print("only in the task's experiment")

    mine = comet_ml.start(experiment_key=KEY)
    print("before")
    body()
    print("after")
    mine.end()
    output = [str(r.body) for r in laptop.requests if "output" in r.path and KEY in f"{r.query} {r.body}"]
    assert "before" in "".join(output)
    assert "after" in "".join(output)
    assert "only in the task's experiment" not in "".join(output)


def test_a_subclass_of_experiment_joins(laptop: CometServer) -> None:
    class Mine(comet_ml.Experiment):  # type: ignore[misc]
        def log_twice(self, name: str) -> None:
            self.log_metric(name, 1)
            self.log_metric(name, 2)

    @track
    def body() -> None:
        Mine().log_twice("m")

    body()
    assert len(laptop.only_experiment.metrics["m"]) == 2


def test_many_metrics_logged_before_another_experiment_is_opened_all_arrive(laptop: CometServer) -> None:
    @track
    def body() -> None:
        for step in range(300):
            comet_ml.get_running_experiment().log_metric("ours", step, step=step)
        comet_ml.start(mode="create").log_metric("created", 1)
        comet_ml.Experiment(project_name="another").log_metric("another", 1)

    body()
    metrics = [experiment.metrics for experiment in laptop.experiments.values()]
    assert sorted(len(values) for metric in metrics for values in metric.values()) == [1, 1, 300]
    assert len(laptop.experiments) == 3


@pytest.mark.parametrize("online", [True, False])
def test_experiment_in_the_body_of_an_offline_run_joins_it(canary: Canary, tmp_path: Path, online: bool) -> None:
    """Whether there is no API key, or the run was asked to be offline."""
    options: dict[str, Any] = {} if online else {"online": False}
    if not online:
        os.environ["COMET_API_KEY"] = CANARY

    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, **options)
    def body() -> None:
        for step in range(300):
            comet_ml.get_running_experiment().log_metric("ours", step, step=step)
        comet_ml.Experiment().log_metric("theirs", 1)

    body()
    (archive,) = (tmp_path / "work" / ".cometml-runs").glob("*.zip")
    with zipfile.ZipFile(archive) as content:
        messages = content.read("messages.json").decode()
    assert messages.count('"metricName":"ours"') == 300
    assert messages.count('"metricName":"theirs"') == 1


def test_an_offline_archive_does_not_hold_an_input_equal_to_the_api_key(canary: Canary) -> None:
    os.environ["COMET_API_KEY"] = CANARY

    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, online=False)
    def body(innocent: str) -> None: ...

    body(CANARY)


def test_keywords_count_beside_an_experiment_config(laptop: CometServer) -> None:
    @comet_ml_login(
        project_name="digits",
        workspace="my-team",
        secret=NEVER,
        experiment_config=comet_ml.ExperimentConfig(name="x"),
        tags=["a"],
        auto_metric_logging=False,
    )
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        assert experiment.get_tags() == ["a"]
        assert experiment.auto_metric_logging is False

    body()
    assert laptop.only_experiment.name == "x"


@pytest.mark.newest
def test_a_name_in_a_configuration_file_is_kept(laptop: CometServer, tmp_path: Path) -> None:
    (tmp_path / "home" / ".comet.config").write_text("[comet_start]\nexperiment_name = mine\n")
    pipeline()
    assert laptop.only_experiment.name == "mine"


def test_a_notebook_is_not_stopped_by_a_question(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.ps1", ">>> ", raising=False)
    monkeypatch.setattr("getpass.getpass", lambda *args: pytest.fail("somebody was asked for a key"))
    pipeline()


def test_another_library_s_wrapper_around_the_sdk_stays(laptop: CometServer) -> None:
    original, made = vars(comet_ml.Experiment)["__init__"], []

    @functools.wraps(original)
    def theirs(self: Any, *args: Any, **kwargs: Any) -> None:
        made.append(self)
        original.__get__(self)(*args, **kwargs)

    comet_ml.Experiment.__init__ = theirs
    try:
        pipeline()
        assert len(made) == 1
    finally:
        comet_ml.Experiment.__init__ = original


def test_nested_calls_in_threads_leave_each_caller_its_own(laptop: CometServer) -> None:
    both = threading.Barrier(2, timeout=60)

    @track
    def inner(name: str) -> None:
        comet_ml.get_running_experiment().log_metric(f"inner-{name}", 1)
        both.wait()

    @track
    def outer(name: str) -> None:
        mine = comet_ml.get_running_experiment()
        both.wait()
        inner(name)
        both.wait()
        assert comet_ml.get_running_experiment() is mine
        comet_ml.get_running_experiment().log_metric(f"outer-{name}", 1)

    threads = [threading.Thread(target=outer, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tuple(experiment.metrics) for experiment in laptop.experiments.values()) == [
        ("inner-first",),
        ("inner-second",),
        ("outer-first",),
        ("outer-second",),
    ]
    assert comet_ml.get_running_experiment() is None


class OwnError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "crashed"),
    [
        (OwnError(f"no good: {CANARY}"), True),
        (KeyboardInterrupt(), True),
        (SystemExit(3), True),
        (SystemExit(0), False),
        (SystemExit(), False),
    ],
    ids=["exception", "interrupt", "exit 3", "exit 0", "exit"],
)
def test_comet_shows_how_the_task_ended(laptop: CometServer, error: BaseException, crashed: bool) -> None:
    @track
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("m", 1)
        raise error

    with pytest.raises(type(error)) as raised:
        body()
    assert raised.value is error
    experiment = laptop.only_experiment
    assert experiment.metrics["m"] == [(None, 1)]
    assert (experiment.states[-1] == "crashed") is crashed
    status = "terminated" if isinstance(error, KeyboardInterrupt) else "failed"
    assert (experiment.others.get("flyte_status") == status) is crashed
    if isinstance(error, OwnError):
        assert experiment.others["flyte_error_type"] == "OwnError"
        assert experiment.others["flyte_error_message"] == "no good: ***"
        (traceback,) = [r for r in laptop.requests if r.query.get("fileName") == "traceback.txt"]
        assert "OwnError" in repr(traceback.body)


def test_a_task_that_succeeds_is_not_shown_as_crashed(laptop: CometServer) -> None:
    pipeline()
    assert laptop.only_experiment.states[-1] == "ended"
    assert "flyte_status" not in laptop.only_experiment.others


def test_a_cancelled_coroutine_is_shown_as_crashed(laptop: CometServer) -> None:
    async def cancel() -> None:
        begun = asyncio.Event()

        @track
        async def body() -> None:
            begun.set()
            await asyncio.sleep(60)

        running = asyncio.ensure_future(body())
        await begun.wait()
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
    assert laptop.only_experiment.states[-1] == "crashed"


def test_a_coroutine_that_is_cancelled_before_its_body_has_begun_leaves_nothing_running(laptop: CometServer) -> None:
    async def cancel() -> None:
        asked, cancelled = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        @track
        async def body() -> None:
            pytest.fail("the body began")

        def hold(request: Request) -> None:
            if request.path.endswith("/add/run"):
                loop.call_soon_threadsafe(asked.set)
                assert cancelled.wait(60)

        with laptop.fault(hold):
            running = asyncio.ensure_future(body())
            await asked.wait()
            running.cancel()
            cancelled.set()
            await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
    assert laptop.only_experiment.states[-1] == "crashed"
    assert laptop.only_experiment.others["flyte_status"] == "terminated"


def test_an_error_that_cannot_be_put_into_words_does_not_keep_the_experiment_open(laptop: CometServer) -> None:
    class SpeechlessError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    @track
    def body() -> None:
        raise SpeechlessError

    with pytest.raises(SpeechlessError):
        body()
    assert laptop.only_experiment.states[-1] == "crashed"
    assert laptop.only_experiment.others["flyte_error_message"] == "(no message: its __str__ raised RuntimeError)"
