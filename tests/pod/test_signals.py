"""Signals to a pod: what Comet shows afterwards, and that everything logged is there. The table of faults has more."""

from __future__ import annotations

import json
import os
import signal
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.comet_records import Experiment
from tests.support.comet_server import CometServer
from tests.support.faults import slow, status
from tests.support.pod import Pod, Run, RunningPod

pytestmark = pytest.mark.newest

SOURCE = """
import os, signal, sys, time
import comet_ml
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login

{module}

def log(steps):
    for step in steps:
        comet_ml.get_running_experiment().log_metric("loss", 1, step=step)

@task
@comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"), {options}
)
def train() -> int:
    log(range(50))
{body}
    return 1
"""

BUSY = 6
"""Seconds of which a killed process may have lost what it logged: 2 to 4, and more on a busy machine."""


def running(pod: Pod, body: str, *, module: str = "", options: str = "", **environment: str) -> RunningPod:
    """A pod whose body has made the file `ready`."""
    source = SOURCE.format(module=module, options=options, body="\n".join(f"    {line}" for line in body.splitlines()))
    started = pod.start(*pod.register(source, "train"), environment)
    _wait(lambda: (started.directory / "work" / "ready").exists() or started.process.poll() is not None)
    return started


def _wait(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def told(started: RunningPod, number: signal.Signals) -> Run:
    """Send a signal to a pod, and wait for its end."""
    started.process.send_signal(number)
    run = started.wait()
    print(run.log)
    return run


def steps(experiment: Experiment) -> list[int]:
    """The steps of the metric, in order."""
    return sorted(step for step, _ in experiment.metrics.get("loss", ()) if step is not None)


def has_outputs(run: Run) -> bool:
    """Whether the task has written its outputs."""
    return os.path.exists(run.directory / "out" / "outputs.pb")


READY = 'open("ready", "w").close()'
STOP = "stopped = []\nsignal.signal(signal.SIGTERM, lambda number, frame: stopped.append(1))\n"


def test_a_handler_that_exits_with_0_leaves_a_terminated_experiment(comet: CometServer, pod: Pod) -> None:
    module = "signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))"
    run = told(running(pod, f"{READY}\ntime.sleep(60)", module=module), signal.SIGTERM)
    assert not has_outputs(run)
    experiment = comet.only_experiment
    assert (experiment.others["flyte_status"], experiment.states[-1]) == ("terminated", "crashed")
    assert steps(experiment) == list(range(50))


def test_a_handler_of_the_body_s_has_the_time_to_finish_an_epoch(comet: CometServer, pod: Pod) -> None:
    body = f"{STOP}{READY}\nwhile not stopped:\n    time.sleep(0.05)\ntime.sleep(7)\nlog(range(50, 80))"
    run = told(running(pod, body), signal.SIGTERM)
    assert (run.status, has_outputs(run)) == (0, True)
    assert comet.only_experiment.states[-1] not in ("crashed", "running")
    assert comet.only_experiment.others.get("flyte_status", "finished") == "finished"
    assert steps(comet.only_experiment) == list(range(80))


def test_a_task_that_fails_after_a_signal_shows_its_own_error(comet: CometServer, pod: Pod) -> None:
    body = f"{STOP}{READY}\nwhile not stopped:\n    time.sleep(0.05)\nraise ValueError('no data')"
    run = told(running(pod, body), signal.SIGTERM)
    assert "no data" in run.error
    others = comet.only_experiment.others
    assert (others["flyte_status"], others["flyte_error_type"]) == ("failed", "ValueError")


@pytest.mark.slow
def test_an_interrupted_body_is_terminated(comet: CometServer, pod: Pod) -> None:
    told(running(pod, f"{READY}\ntime.sleep(60)"), signal.SIGINT)
    experiment = comet.only_experiment
    assert (experiment.others["flyte_status"], experiment.states[-1]) == ("terminated", "crashed")
    assert steps(experiment) == list(range(50))


def test_an_interrupt_during_the_end_loses_nothing(comet: CometServer, pod: Pod) -> None:
    started = running(pod, READY)
    comet.faults.append(slow(0.3))
    time.sleep(0.3)
    run = told(started, signal.SIGINT)
    assert (run.status, has_outputs(run)) == (1, False)
    assert "Interrupt again to leave at once" in run.log
    experiment = comet.only_experiment
    assert (experiment.others["flyte_status"], experiment.states[-1]) == ("terminated", "crashed")
    assert steps(experiment) == list(range(50))


LOGGING = (
    STOP + READY + "\nfor step in range(50, 5000):\n"
    "    log([step])\n"
    "    print(step, time.time(), file=open('logged', 'a'))\n"
    "    if stopped:\n        stopped.append(1)\n"
    "    if len(stopped) > {steps}:\n        break\n"
    "    time.sleep(0.1)"
)
"""A body with a handler of its own, which logs on after the signal."""


def logged_before(run_directory: Path, moment: float) -> set[int]:
    """The steps that the body logged before a moment."""
    lines = [line.split() for line in (run_directory / "work" / "logged").read_text().splitlines()]
    return {*range(50), *(int(step) for step, when in lines if float(when) < moment)}


def payloads_of(archive: Path) -> list[Any]:
    """What the messages of an archive say."""
    with zipfile.ZipFile(archive) as content:
        return [json.loads(line)["payload"] for line in content.read("messages.json").splitlines()]


def killed(started: RunningPod, seconds: float) -> float:
    """Send SIGTERM, and SIGKILL when the grace period is over; return when that was."""
    started.process.send_signal(signal.SIGTERM)
    time.sleep(seconds)
    moment = time.time()
    started.process.kill()
    print(started.wait().log)
    return moment


def test_a_body_has_all_of_the_grace_period_to_end_in_its_own_way(comet: CometServer, pod: Pod) -> None:
    started = running(pod, LOGGING.format(steps=70), options="grace_period=10")
    run = told(started, signal.SIGTERM)
    assert (run.status, has_outputs(run)) == (0, True)
    experiment = comet.only_experiment
    assert experiment.states[-1] not in ("crashed", "running")
    assert experiment.others.get("flyte_status", "finished") == "finished"
    assert set(steps(experiment)) == logged_before(started.directory, time.time())


def test_what_a_body_logs_until_it_is_killed_arrives_and_comet_shows_a_terminated_task(
    comet: CometServer, pod: Pod
) -> None:
    started = running(pod, LOGGING.format(steps=5000), options="grace_period=8")
    moment = killed(started, 8)
    experiment = comet.only_experiment
    assert (experiment.others["flyte_status"], experiment.states[-1]) == ("terminated", "crashed")
    assert logged_before(started.directory, moment - BUSY) <= set(steps(experiment))


def test_what_a_body_logs_until_it_is_killed_is_in_an_archive_where_the_server_is_away(
    comet: CometServer, pod: Pod
) -> None:
    started = running(pod, LOGGING.format(steps=5000), options="grace_period=8")
    comet.faults.append(status(500))
    moment = killed(started, 8)
    comet.faults.clear()
    (archive,) = (pod.directory / "raw").rglob("*.zip")
    payloads = payloads_of(archive)
    kept = {payload["metric"]["step"] for payload in payloads if payload.get("metric", {}).get("metricName") == "loss"}
    assert logged_before(started.directory, moment - BUSY) <= kept | set(steps(comet.only_experiment))
    assert "terminated" in [payload["value"] for payload in payloads if payload.get("key") == "flyte_status"]


@pytest.mark.slow
def test_a_rank_that_ends_in_its_own_way_leaves_no_failure_behind(comet: CometServer, pod: Pod) -> None:
    # Its signal came when the process could be killed at any moment, so Comet may have been told of a termination.
    body = f"{STOP}{READY}\nwhile not stopped:\n    time.sleep(0.05)\ntime.sleep(2)"
    options = 'ranks="all", grace_period=8'
    run = told(running(pod, body, options=options, RANK="1", WORLD_SIZE="2"), signal.SIGTERM)
    assert (run.status, has_outputs(run)) == (0, True)
    assert not {"flyte_status", "flyte_failed_rank"} & set(comet.only_experiment.others)
    assert "crashed" not in comet.only_experiment.states
