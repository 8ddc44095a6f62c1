"""What goes wrong, once each where Flyte 2 has its own way: the task comes first, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from flytekitplugins.comet_ml.archives.archive import read_archive

from tests.support.action import CHILD, Actions, Run, links_of
from tests.support.comet_server import CometServer
from tests.support.faults import on, reset, slow, status

MODULE = """
import os, sys, time
import comet_ml
import flyte
from flytekitplugins.comet_ml import comet_ml_login

env = flyte.TaskEnvironment("faults")
SECRETS = {
    "variable": flyte.Secret("comet-api-key", as_env_var="COMET_API_KEY_SECRET"),
    "group": flyte.Secret("api-key", group="comet"),
    "callable": lambda: os.environ["COMET_API_KEY_SECRET"],
}

def login(secret="variable", **options):
    return comet_ml_login(
        project_name="digits", workspace="my-team", secret=SECRETS[secret], end_timeout=5, **options
    )

def log():
    experiment = comet_ml.get_running_experiment()
    for step in range(50):
        experiment.log_metric("loss", 1.0 / (step + 1), step=step)

@login()
@env.task(report=True)
async def task(word: str) -> float:
    log()
    return 0.5

@login(on_unavailable="raise")
@env.task
async def strict(word: str) -> float:
    return 0.5

@login(secret="group")
@env.task
async def grouped(word: str) -> float:
    log()
    return 0.5

@login(secret="callable")
@env.task
async def called(word: str) -> float:
    log()
    return 0.5

@login(log_outputs=True)
@env.task
async def outputs(word: str) -> tuple[float, str]:
    return 0.5, "done"

@login()
@env.task
def exits(word: str) -> float:
    log()
    sys.exit(3)

@login()
@env.task
async def dies_with_its_disk(word: str) -> float:
    raise OSError(28, "No space left on device")
"""


def run(actions: Actions, task: str = "task", word: str = "word", **environment: str | None) -> Run:
    return actions.run(
        actions.module(MODULE), task, action=CHILD, inputs={"word": word}, environment=environment, timeout=180
    )


def kept(run: Run, comet: CometServer) -> int:
    """How many values are in Comet or in the archive."""
    sent = {step for each in comet.experiments.values() for step, _ in each.metrics.get("loss", [])}
    archived = [
        message.payload["metric"]["step"]
        for path in run.archives
        for message in read_archive(path).messages()
        if message.type == "metric_msg" and message.payload["metric"]["metricName"] == "loss"
    ]
    return len(sent.union(archived))


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(status(500), id="500"),
        pytest.param(status(503), id="503"),
        pytest.param(reset, id="reset"),
        pytest.param(on("batch", status(500)), id="500 to metrics"),
        pytest.param(on("batch", reset), id="reset on metrics"),
    ],
)
def test_a_server_that_misbehaves_costs_no_value(actions: Actions, comet: CometServer, fault: object) -> None:
    comet.faults.append(fault)  # type: ignore[arg-type]
    ended = run(actions)
    assert ended.status == 0, ended.log
    assert ended.output() == 0.5
    assert kept(ended, comet) == 50
    assert all(archive.name.startswith(links_of(ended.wire, action=CHILD)[0][-47:]) for archive in ended.archives)


def test_a_server_that_hangs_is_not_waited_for(actions: Actions, comet: CometServer) -> None:
    comet.faults.append(slow(120))
    begun = time.monotonic()
    ended = run(actions)
    assert ended.status == 0, ended.log
    assert time.monotonic() - begun < 100
    assert kept(ended, comet) == 50


def test_an_unavailable_server_fails_the_task_that_wants_it_so(actions: Actions, comet: CometServer) -> None:
    comet.stop()
    assert "cannot be reached" in run(actions, "strict").error


def test_a_rejected_key_fails_the_task_before_its_body(actions: Actions, comet: CometServer) -> None:
    comet.accepted_keys = {"another"}
    ended = run(actions)
    assert "rejected the API key" in ended.error
    assert comet.experiments == {}


def test_a_secret_of_a_group_is_found_where_flyte_puts_it(actions: Actions, comet: CometServer) -> None:
    key = actions.environment["COMET_API_KEY_SECRET"]
    assert run(actions, "grouped", COMET_API_KEY=key).status == 0
    assert comet.only_experiment.states == ["alive", "ended"]


def test_a_callable_secret_is_called_in_the_pod(actions: Actions, comet: CometServer) -> None:
    ended = run(actions, "called")
    assert ended.status == 0, ended.log
    assert comet.only_experiment.states == ["alive", "ended"]
    assert list(ended.wire.task_template.security_context.secrets) == []


def test_a_task_that_exits_is_shown_as_crashed(actions: Actions, comet: CometServer) -> None:
    run(actions, "exits")
    assert comet.only_experiment.states[-1] == "crashed"
    assert len(comet.only_experiment.metrics["loss"]) == 50


def test_what_a_task_returns_is_logged_if_it_is_asked_for(actions: Actions, comet: CometServer) -> None:
    ended = run(actions, "outputs")
    assert ended.status == 0, ended.log
    experiment = comet.only_experiment
    assert experiment.metrics["o0"][-1][1] == 0.5


def test_an_input_with_the_key_in_it_is_not_logged(actions: Actions, comet: CometServer) -> None:
    ended = run(actions, word=f"x{actions.environment['COMET_API_KEY_SECRET']}")
    assert ended.status == 0, ended.log
    assert "word" not in comet.only_experiment.parameters


def test_a_key_that_is_pickled_with_the_task_is_warned_of() -> None:
    code = (
        "import cloudpickle, flyte\n"
        "from flytekitplugins.comet_ml import comet_ml_login\n"
        "env = flyte.TaskEnvironment('pickled')\n"
        "@comet_ml_login(project_name='a', workspace='b', secret=lambda: 'canary0123456789canaryXYZ')\n"
        "@env.task\n"
        "async def task() -> None: ...\n"
        "cloudpickle.dumps(task)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert "is pickled with its `secret`" in done.stderr
    assert "canary0123456789canaryXYZ" not in done.stderr
