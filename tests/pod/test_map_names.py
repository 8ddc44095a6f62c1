"""What the nodes of a map task are called in Comet."""

from __future__ import annotations

import pytest

from tests.support.comet_server import CometServer
from tests.support.pod import Pod

SOURCE = """
import os
from flytekit import Secret, map_task, task
from flytekitplugins.comet_ml import comet_ml_login

@task
@comet_ml_login(project_name="digits", workspace="my-team", host=os.environ.get("COMET_HOST_FOR_TESTS", "https://x.y"),
                secret=Secret(group="comet-ml", key="comet-ml-api-key"), log_outputs=True)
def train_one(n: int) -> int:
    return n

mapped = map_task(train_one)
"""
DIGEST = "6b3b4a5d7c8e9f00112233445566778a"


@pytest.mark.by_default("None-my_pkg.workflows.map_train_one_6b3b4a5d7c8e9f00112233445566778a-arraynode")
@pytest.mark.parametrize(
    ("offset", "registered"),
    [(None, f"my_pkg.workflows.map_train_one_{DIGEST}-arraynode"), ("0", f"my_pkg.workflows.map_train_one_{DIGEST}")],
)
def test_a_node_of_a_map_task_has_the_task_s_name_and_its_index(
    comet: CometServer, pod: Pod, offset: str | None, registered: str
) -> None:
    index = {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_K8S_ARRAY_INDEX", "FLYTE_K8S_ARRAY_INDEX": "1"}
    run = pod.run(
        SOURCE,
        "mapped",
        generated_name="ahq8bl2jkbsf7wxd4mzn-n0-0-n1-0",
        inputs={"n": [5, 7]},
        environment={**index, "BATCH_JOB_ARRAY_INDEX_OFFSET": offset, "FLYTE_INTERNAL_TASK_NAME": registered},
    )
    assert run.error == ""
    [experiment] = comet.experiments.values()
    assert experiment.name == "train_one[1] ahq8bl2jkbsf7wxd4mzn"
    assert experiment.others["flyte_task"] == "my_pkg.workflows.train_one"
    assert experiment.others["flyte_map_index"] == "1"
    assert experiment.parameters["n"] == 7
    assert [value for _, value in experiment.metrics["o0"]] == [7]
