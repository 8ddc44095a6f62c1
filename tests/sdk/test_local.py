"""A local run, with the real SDK: what Comet receives, and what is left of it in the process afterwards."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import threading
from typing import Any

import comet_ml
import pytest
from flytekit import FlyteContextManager, task, workflow
from flytekit.core.context_manager import ExecutionState
from flytekit.models.core.identifier import WorkflowExecutionIdentifier
from flytekitplugins.comet_ml import comet_ml_login

from tests.support.canary import CANARY, Canary
from tests.support.comet_server import CometServer
from tests.support.local_task import NEVER, Config, track


# Not those of local_task.py: Comet is told the module and the file that a task stands in.
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


@pytest.mark.parametrize("option", ["name", "experiment_name"])
@pytest.mark.parametrize("details", ["0", "1"])
def test_a_name_that_the_user_gave_is_kept_with_or_without_system_details(
    laptop: CometServer, option: str, details: str
) -> None:
    os.environ["COMET_AUTO_LOG_ENV_DETAILS"] = details

    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, **{option: "my run"})
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
