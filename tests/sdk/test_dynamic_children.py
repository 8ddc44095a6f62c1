"""The children of a local dynamic or eager task: each has an experiment of its own."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import comet_ml
import pytest
from flytekit import dynamic, task
from flytekitplugins.comet_ml import comet_ml_login

from tests.support.comet_server import CometServer
from tests.support.tracked import SECRET

pytestmark = pytest.mark.newest

track = comet_ml_login(project_name="digits", workspace="my-team", secret=SECRET)

seen: list[tuple[str, str]] = []


def note(name: str, value: int) -> None:
    experiment = comet_ml.get_running_experiment()
    experiment.log_metric(name, value)
    seen.append((name, experiment.get_key()))


@task
@track
def child(n: int) -> int:
    note("child", n)
    return n


@task
@track
async def async_child(n: int) -> int:
    note("before", n)
    await asyncio.sleep(0.05)
    note("after", n)
    return n


@dynamic
@track
def parent_below(n: int) -> int:
    note("parent", 0)
    for value in range(n):
        child(n=value)
        note("parent", value + 1)
    return n


@track
@dynamic
def parent_above(n: int) -> int:
    note("parent", 0)
    for value in range(n):
        child(n=value)
        note("parent", value + 1)
    return n


@pytest.mark.parametrize("parent", [parent_below, parent_above], ids=["below", "above"])
def test_a_local_dynamic_and_its_children_do_not_mix(laptop: CometServer, parent: Any) -> None:
    seen.clear()
    before = dict(os.environ)
    assert parent(n=2) == 2
    assert dict(os.environ) == before
    assert comet_ml.get_running_experiment() is None
    assert [name for name, _ in seen] == ["parent", "child", "parent", "child", "parent"]
    (parent_key,) = {key for name, key in seen if name == "parent"}
    child_keys = [key for name, key in seen if name == "child"]
    assert set(laptop.experiments) == {parent_key, *child_keys}
    assert len(laptop.experiments) == 3
    metrics = {key: experiment.metrics for key, experiment in laptop.experiments.items()}
    assert metrics[parent_key] == {"parent": [(None, 0), (None, 1), (None, 2)]}
    assert [metrics[key] for key in child_keys] == [{"child": [(None, 0)]}, {"child": [(None, 1)]}]
    assert laptop.experiments[parent_key].name == f"{parent.task_function.__name__} local"


def test_a_local_eager_s_children_at_once_do_not_mix(laptop: CometServer) -> None:
    flytekit = pytest.importorskip("flytekit")

    @flytekit.eager
    @track
    async def parent(n: int) -> int:
        note("parent", 0)
        await asyncio.gather(*[async_child(n=value) for value in range(n)])
        note("parent", 1)
        return n

    seen.clear()
    assert asyncio.run(parent(n=3)) == 3
    (parent_key,) = {key for name, key in seen if name == "parent"}
    metrics = {key: experiment.metrics for key, experiment in laptop.experiments.items()}
    assert metrics.pop(parent_key) == {"parent": [(None, 0), (None, 1)]}
    children = sorted(metrics.values(), key=lambda found: found["before"][0][1])
    assert children == [{"before": [(None, value)], "after": [(None, value)]} for value in range(3)]
