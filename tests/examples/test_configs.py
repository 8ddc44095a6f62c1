"""The example of configs in a map task: every node has its config, its experiment and its name."""

from __future__ import annotations

import pytest

from tests.support.comet_records import Experiment
from tests.support.comet_server import CometServer
from tests.support.examples import EXAMPLES, EXECUTION, pyflyte_run, start_pod, succeeded
from tests.support.pod import Pod

pytestmark = pytest.mark.newest


@pytest.mark.slow
def test_every_config_of_a_local_map_task_is_an_experiment(laptop: CometServer) -> None:
    pyflyte_run(EXAMPLES / "configs.py", "compare", {"hidden": [8, 16]})
    models(laptop, hidden={8, 16})


@pytest.mark.slow
def test_every_node_of_a_map_task_has_its_config_and_its_name(laptop: CometServer, pod: Pod) -> None:
    path = EXAMPLES / "configs.py"
    source = f"{path.read_text()}\nmapped = compare.nodes[1].flyte_entity\n"
    # What the entrypoint reads are the inputs of all elements. The example's own class is in the pod's module alone.
    config = pytest.importorskip("pydantic").create_model("Config", hidden=(int, ...), optimizer=(dict, {"epochs": 2}))
    configs = [config(hidden=8), config(hidden=16)]
    nodes = []
    for index in range(2):
        name = f"{EXECUTION}-n1-0-n{index}-0"
        variables = {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_K8S_ARRAY_INDEX", "FLYTE_K8S_ARRAY_INDEX": str(index)}
        nodes.append(start_pod(pod, laptop, source, "mapped", {"config": configs}, generated_name=name, **variables))
    for node in nodes:
        succeeded(node)
    assert {experiment.name for experiment in models(laptop, hidden={8, 16})} == {
        f"train[0] {EXECUTION}",
        f"train[1] {EXECUTION}",
    }


def models(comet: CometServer, hidden: set[int]) -> list[Experiment]:
    """The experiments of some configs, each with its parameters, losses and result."""
    experiments = list(comet.experiments.values())
    assert {experiment.parameters["config.hidden"] for experiment in experiments} == hidden
    assert len(experiments) == len(hidden)
    for experiment in experiments:
        assert experiment.parameters["config.optimizer.learning_rate"] == 0.01
        assert len(experiment.metrics["loss"]) == experiment.parameters["config.optimizer.epochs"]
        ((_, accuracy),) = experiment.metrics["o0"]
        assert accuracy > 0.1
    return experiments
