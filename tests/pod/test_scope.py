"""Scope: one experiment over the attempts of a node, or over a whole execution, by the real entrypoint."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest
from flytekitplugins.comet_ml.keys.experiment_key import derive_execution_key, derive_node_key

from tests.support.comet_records import Experiment
from tests.support.comet_server import CometServer
from tests.support.pod import Pod, RunningPod
from tests.support.pod_environment import POD_ENVIRONMENT

EXECUTION = POD_ENVIRONMENT["FLYTE_INTERNAL_EXECUTION_ID"]
NAMES = {
    "flyte_project": "flytesnacks",
    "flyte_domain": "development",
    "execution": EXECUTION,
    "workspace": "my-team",
    "project_name": "digits",
}
NODE_KEY = derive_node_key(**NAMES, node_id="n0")
EXECUTION_KEY = derive_execution_key(**NAMES)

SOURCE = """
import os
import time
import comet_ml
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login

@task
@comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"), scope="{scope}", end_timeout=20.0,
)
def train(first: int, then: str) -> int:
    experiment = comet_ml.get_running_experiment()
    for step in range(first, first + 10):
        experiment.log_metric("loss", 1 / (step + 1), step=step)
    if then == "wait":
        experiment.flush()
        open("logged", "w").close()
        time.sleep(60)
    if then == "overlap":
        open("logged", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.05)
    if then == "fail":
        raise ValueError("no more")
    return first
"""


def start(pod: Pod, scope: str, node: str, attempt: int, first: int, then: str) -> RunningPod:
    """A pod of a node's attempt, whose task logs ten steps of a metric."""
    name = f"{EXECUTION}-{node}-{attempt}"
    source = SOURCE.format(scope=scope)
    command, room = pod.register(source, "train", generated_name=name, inputs={"first": first, "then": then})
    return pod.start(command, room, {"FLYTE_ATTEMPT_NUMBER": str(attempt), "HOSTNAME": name})


def await_logged(running: RunningPod) -> None:
    deadline = time.monotonic() + 60
    while not (running.directory / "work" / "logged").exists():
        assert running.process.poll() is None, (running.directory / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def steps(experiment: Experiment) -> list[Any]:
    return sorted(step for step, _ in experiment.metrics["loss"])


@pytest.mark.by_default("9")
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_an_attempt_that_was_killed_and_the_next_one_are_one_experiment(comet: CometServer, pod: Pod, by: int) -> None:
    first = start(pod, "node", "n0", 0, 0, "wait")
    await_logged(first)
    first.process.send_signal(by)
    assert first.wait().status == -by
    second = start(pod, "node", "n0", 1, 10, "return").wait()
    assert (second.status, second.error) == (0, "")
    experiment = comet.only_experiment
    assert experiment.key == NODE_KEY
    assert steps(experiment) == list(range(20))
    assert experiment.others["flyte_attempt"] == "1"
    assert experiment.others["flyte_status"] == "finished"
    assert experiment.states[-1] in ("ended", "finished")
    assert ("crashed" in experiment.states) == (by == signal.SIGTERM)


def test_a_node_that_fails_again_stays_crashed(comet: CometServer, pod: Pod) -> None:
    for attempt in (0, 1):
        assert "no more" in start(pod, "node", "n0", attempt, 10 * attempt, "fail").wait().error
    assert steps(comet.only_experiment) == list(range(20))
    assert comet.only_experiment.states[-1] == "crashed"
    assert comet.only_experiment.others["flyte_status"] == "failed"


def test_two_nodes_of_scope_node_are_two_experiments(comet: CometServer, pod: Pod) -> None:
    running = [start(pod, "node", node, 0, 0, "return") for node in ("n0", "n1")]
    assert [pod.wait().error for pod in running] == ["", ""]
    assert len(comet.experiments) == 2


@pytest.mark.by_default("None")
# With comet-ml 3.43, which has no joint creation, what one of them logs is in an archive now and then.
@pytest.mark.newest
@pytest.mark.parametrize("failing", [None, "n1"])
def test_four_pods_at_once_are_one_experiment_with_everything_in_it(
    comet: CometServer, pod: Pod, failing: str | None
) -> None:
    nodes = ["n0", "n1", "n2", "n3-0-dn1"]
    running = {node: start(pod, "execution", node, 0, 10 * i, "overlap") for i, node in enumerate(nodes)}
    for each in running.values():
        await_logged(each)
    if failing is not None:
        # One of the others; the rest go on, and end well after it.
        failed = start(pod, "execution", "n9", 0, 40, "fail").wait()
        assert "no more" in failed.error
    for each in running.values():
        (each.directory / "work" / "go").touch()
    assert [each.wait().error for each in running.values()] == [""] * 4
    experiment = comet.only_experiment
    assert experiment.key == EXECUTION_KEY
    assert steps(experiment) == list(range(40 if failing is None else 50))
    for i, node in enumerate(nodes):
        assert experiment.others[f"{node}/flyte_node"] == f"{EXECUTION}-{node}-0"
        assert experiment.others[f"{node}/flyte_status"] == "finished"
        assert str(experiment.parameters[f"{node}/first"]) == str(10 * i)
    assert experiment.others["flyte_execution"] == EXECUTION
    assert experiment.name == EXECUTION
    assert not {"flyte_node", "flyte_task", "flyte_attempt", "flyte_status"} & set(experiment.others)
    if failing is None:
        assert "crashed" not in experiment.states
        assert experiment.states[-1] in ("ended", "finished")
    else:
        assert experiment.states[-1] == "crashed"
        assert experiment.others["n9/flyte_error_message"] == "no more"


@pytest.mark.slow
def test_a_node_that_succeeds_after_all_takes_its_failure_from_the_execution(comet: CometServer, pod: Pod) -> None:
    start(pod, "execution", "n0", 0, 0, "fail").wait()
    assert comet.only_experiment.states[-1] == "crashed"
    assert start(pod, "execution", "n0", 1, 10, "return").wait().error == ""
    assert comet.only_experiment.others["n0/flyte_status"] == "finished"
    assert comet.only_experiment.states[-1] == "finished"
