"""Which task a map task is over, and which element a node of it works on, by the names in its pod."""

from __future__ import annotations

import pytest
from flytekit import map_task, task
from flytekitplugins.comet_ml.flyte1.identity import Identity, _map_index, _mapped_task


@task
def map_reduce_2(n: int) -> int:
    return n


def test_flytekit_s_own_name_of_a_map_task_is_understood() -> None:
    assert _mapped_task(map_task(map_reduce_2).name) == map_reduce_2.name


@pytest.mark.parametrize(
    "name", ["my_pkg.train", "my_pkg.map_train", "map_train", "my_pkg.map_train_6b3b", "my_pkg.train-arraynode"]
)
def test_the_name_of_another_task_is_its_own(name: str) -> None:
    assert _mapped_task(name) == name


@pytest.mark.parametrize(
    ("environment", "index"),
    [
        ({}, None),
        ({"FLYTE_K8S_ARRAY_INDEX": "3"}, None),
        ({"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "A", "A": "3"}, "3"),
        ({"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "A", "A": "3", "BATCH_JOB_ARRAY_INDEX_OFFSET": "10"}, "13"),
        ({"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "A", "A": "x"}, None),
        ({"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "A"}, None),
    ],
)
def test_the_index_is_the_one_that_flytekit_takes(environment: dict[str, str], index: str | None) -> None:
    assert _map_index(environment) == index


def test_nodes_of_a_map_task_have_their_index_in_their_names_but_not_that_of_a_shared_experiment() -> None:
    identity = Identity(local=False, task="my_pkg.train", execution="fe73", map_index="0", node_id="n0-0-n0")
    assert identity.experiment_name() == "train[0] fe73"
    assert identity.experiment_name("execution") == "fe73"
    assert identity.others("execution")["n0-0-n0/flyte_map_index"] == "0"
