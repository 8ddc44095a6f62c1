"""The real `a0`, against a real server: which experiment an action has, and how it is shown to have ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest
from flytekitplugins.comet_ml.archives.archive import read_archive
from flytekitplugins.comet_ml.keys.experiment_key import is_legal_key

from tests.support.action import CHILD, ROOT, RUN_NAME, Actions, RunningAction, links_of
from tests.support.comet_server import CometServer

MODULE = """
import asyncio
import time

import comet_ml
import flyte
from flytekitplugins.comet_ml import comet_ml_login

env = flyte.TaskEnvironment("train")
login = comet_ml_login(
    project_name="digits",
    workspace="my-team",
    secret=flyte.Secret("comet-api-key", as_env_var="COMET_API_KEY_SECRET"),
    end_timeout=10,
)

def log(epochs):
    experiment = comet_ml.get_running_experiment()
    for step in range(epochs):
        experiment.log_metric("loss", 1.0 / (step + 1), step=step)

@login
@env.task(report=True)
async def asynchronous(epochs: int) -> float:
    log(epochs)
    return 0.5

@login
@env.task(report=True)
def synchronous(epochs: int) -> float:
    log(epochs)
    return 0.5

@env.task(report=True)
@login
async def below(epochs: int) -> float:
    log(epochs)
    return 0.5

@login
@env.task(report=True)
async def asynchronous_failing(epochs: int) -> float:
    log(epochs)
    raise ValueError("no luck")

@login
@env.task(report=True)
def synchronous_failing(epochs: int) -> float:
    log(epochs)
    raise ValueError("no luck")

@login
@env.task(report=True)
async def asynchronous_waiting(epochs: int) -> float:
    log(epochs)
    print("waiting", flush=True)
    await asyncio.sleep(60)
    return 0.5

@login
@env.task(report=True)
def synchronous_waiting(epochs: int) -> float:
    log(epochs)
    print("waiting", flush=True)
    time.sleep(60)
    return 0.5
"""
KINDS = pytest.mark.parametrize("kind", ["asynchronous", "synchronous"])


def until(happened: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def until_it_waits(running: RunningAction) -> None:
    until(lambda: "waiting" in running.log.read_text() or running.process.poll() is not None)


@pytest.mark.parametrize("task", ["asynchronous", "synchronous", "below"])
@pytest.mark.parametrize(("action", "attempt"), [(ROOT, 0), (ROOT, 2), (CHILD, 0), (CHILD, 12)])
def test_an_action_has_the_experiment_that_its_link_leads_to(
    actions: Actions, comet: CometServer, task: str, action: str, attempt: int
) -> None:
    run = actions.run(actions.module(MODULE), task, action=action, attempt=attempt, inputs={"epochs": 3})
    assert run.status == 0, run.log
    assert run.output() == 0.5
    (link,) = links_of(run.wire, action=action, attempt=attempt)
    experiment = comet.only_experiment
    assert is_legal_key(experiment.key)
    assert link == f"https://www.comet.com/my-team/digits/{experiment.key}"


@KINDS
def test_an_experiment_has_what_flyte_and_the_body_know(actions: Actions, comet: CometServer, kind: str) -> None:
    run = actions.run(actions.module(MODULE), kind, action=CHILD, attempt=1, inputs={"epochs": 3})
    experiment = comet.only_experiment
    assert experiment.states == ["alive", "ended"], run.log
    assert [step for step, _ in experiment.metrics["loss"]] == [0, 1, 2]
    assert experiment.parameters["epochs"] == 3
    assert experiment.name == f"{kind} {RUN_NAME} {CHILD[:6]}"
    assert {name: value for name, value in experiment.others.items() if name.startswith("flyte_")} == {
        "flyte_run": RUN_NAME,
        "flyte_execution": RUN_NAME,
        "flyte_action": CHILD,
        "flyte_node": CHILD,
        "flyte_attempt": "1",
        "flyte_project": "flytesnacks",
        "flyte_domain": "development",
        "flyte_task": f"train.{kind}",
        "flyte_task_version": "v1",
        "flyte_previous_experiment": f"{experiment.key[:-1]}0",
    }


@KINDS
def test_a_task_that_raises_is_shown_as_crashed_with_its_error(actions: Actions, comet: CometServer, kind: str) -> None:
    run = actions.run(actions.module(MODULE), f"{kind}_failing", inputs={"epochs": 3})
    assert "no luck" in run.error
    experiment = comet.only_experiment
    assert experiment.states[-1] == "crashed"
    assert experiment.others["flyte_status"] == "failed"
    assert experiment.others["flyte_error_type"] == "ValueError"
    assert experiment.others["flyte_error_message"] == "no luck"
    assert len(experiment.metrics["loss"]) == 3


@KINDS
def test_an_aborted_action_is_shown_as_terminated(actions: Actions, comet: CometServer, kind: str) -> None:
    running = actions.start(actions.module(MODULE), f"{kind}_waiting", inputs={"epochs": 3})
    until_it_waits(running)
    running.process.send_signal(signal.SIGTERM)
    run = running.wait(120)
    assert run.status == -signal.SIGTERM, run.log
    experiment = comet.only_experiment
    assert experiment.others["flyte_status"] == "terminated"
    assert experiment.states[-1] == "crashed", (experiment.states, run.log)
    assert len(experiment.metrics["loss"]) == 3


@pytest.mark.parametrize("ends", ["asynchronous", "synchronous_failing", "asynchronous_waiting"])
def test_the_report_says_how_the_action_ended(actions: Actions, comet: CometServer, ends: str) -> None:
    running = actions.start(actions.module(MODULE), ends, inputs={"epochs": 3})
    if ends.endswith("waiting"):
        until_it_waits(running)
        running.process.send_signal(signal.SIGTERM)
    run = running.wait()
    assert ">Comet</li>" in run.report
    assert comet.only_experiment.key in run.report
    shown = {"asynchronous": "finished", "synchronous_failing": "failed", "asynchronous_waiting": "terminated"}
    assert shown[ends] in run.report.lower()


@KINDS
def test_what_cannot_be_sent_is_in_the_raw_data_path(actions: Actions, comet: CometServer, kind: str) -> None:
    comet.stop()
    run = actions.run(actions.module(MODULE), kind, inputs={"epochs": 3})
    assert run.status == 0, run.log
    assert run.output() == 0.5
    (path,) = run.archives
    archive = read_archive(path)
    assert archive.key == links_of(run.wire)[0].rpartition("/")[2]
    assert f"upload --host {comet.url} {path}" in run.log


def test_a_missing_secret_is_named_before_the_body(actions: Actions, comet: CometServer) -> None:
    changes = {"COMET_API_KEY_SECRET": None}
    run = actions.run(actions.module(MODULE), "asynchronous", inputs={"epochs": 3}, environment=changes)
    assert "flyte.Secret(key='comet-api-key', as_env_var='COMET_API_KEY_SECRET') was not found" in run.error
    assert comet.experiments == {}


def test_the_key_is_neither_in_the_log_nor_in_the_outputs(actions: Actions, comet: CometServer) -> None:
    run = actions.run(actions.module(MODULE), "synchronous_failing", inputs={"epochs": 1})
    key = actions.environment["COMET_API_KEY_SECRET"]
    assert key not in run.log
    assert not [path for path in actions.directory.rglob("*") if path.is_file() and key.encode() in path.read_bytes()]
