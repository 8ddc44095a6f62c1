"""The example of a search: every trial is an experiment, in a map task and in a dynamic task."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.core import dynamic_job_pb2
from flytekit.core.utils import load_proto_from_file

from tests.support.comet_server import CometServer
from tests.support.examples import EXAMPLES, EXECUTION, pyflyte_run, start_pod, succeeded
from tests.support.pod import Pod

pytestmark = pytest.mark.newest

SEARCH = EXAMPLES / "search.py"
SEARCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "map_task": ("grid", {"costs": [0.1, 10.0]}),
    "dynamic": ("random_search", {"trials": 2, "seed": 1}),
}


@pytest.mark.by_default("map_task")
@pytest.mark.parametrize("kind", SEARCHES)
def test_every_trial_of_a_local_search_is_an_experiment(laptop: CometServer, kind: str) -> None:
    workflow, inputs = SEARCHES[kind]
    run = pyflyte_run(SEARCH, workflow, inputs)
    scores = trials(laptop, number=2)
    assert f"\n{max(scores)}\n" in run.log


@pytest.mark.slow
def test_every_node_of_a_mapped_search_is_an_experiment(laptop: CometServer, pod: Pod) -> None:
    # The map task is a node of the workflow, under no name of its own.
    source = f"{SEARCH.read_text()}\nmapped = grid.nodes[0].flyte_entity\n"
    inputs = {"cost": [0.1, 10.0], "gamma": 0.001}
    nodes = []
    for index in range(2):
        name = f"{EXECUTION}-n0-0-n{index}-0"
        variables = {
            "BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_K8S_ARRAY_INDEX",
            "FLYTE_K8S_ARRAY_INDEX": str(index),
        }
        nodes.append(start_pod(pod, laptop, source, "mapped", inputs, generated_name=name, **variables))
    for node in nodes:
        succeeded(node)
    trials(laptop, number=2)
    assert {experiment.others["flyte_execution"] for experiment in laptop.experiments.values()} == {EXECUTION}
    assert {experiment.parameters["cost"] for experiment in laptop.experiments.values()} == {0.1, 10.0}


@pytest.mark.slow
def test_every_child_of_a_dynamic_search_is_an_experiment(laptop: CometServer, pod: Pod) -> None:
    source = SEARCH.read_text()
    parent = succeeded(start_pod(pod, laptop, source, "sample", {"trials": 2, "seed": 1}))
    assert laptop.experiments == {}
    job = load_proto_from_file(dynamic_job_pb2.DynamicJobSpec, str(parent.directory / "out" / "futures.pb"))
    children = []
    for node in job.nodes:
        inputs = {given.var: given.binding.scalar.primitive.float_value for given in node.inputs}
        name = f"{EXECUTION}-n0-0-{node.id}-0"
        children.append(start_pod(pod, laptop, source, "trial", inputs, generated_name=name))
    for child in children:
        succeeded(child)
    trials(laptop, number=2)


def trials(comet: CometServer, number: int) -> list[float]:
    """The scores of a search, each from an experiment that has ended."""
    assert len(comet.experiments) == number
    scores = []
    for experiment in comet.experiments.values():
        assert set(experiment.parameters) == {"cost", "gamma"}
        assert experiment.states == ["alive", "ended"]
        ((_, score),) = experiment.metrics["accuracy"]
        scores.append(score)
    return scores
