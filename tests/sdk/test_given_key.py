"""A given experiment key in map tasks and dynamic tasks: all nodes share it, and the map task says so."""

from __future__ import annotations

import functools
import logging
from typing import Any

import comet_ml
import pytest
from flytekit import dynamic, map_task, task, workflow
from flytekitplugins.comet_ml import comet_ml_login

from tests.support.comet_server import CometServer
from tests.support.pod import template_of
from tests.support.told import warnings_in
from tests.support.tracked import SECRET

pytestmark = pytest.mark.newest

KEY = "0123456789abcdef0123456789abcdef"
keyed_track = comet_ml_login(project_name="digits", workspace="my-team", secret=SECRET, experiment_key=KEY)


@task
@keyed_track
def keyed_below(n: int) -> int:
    comet_ml.get_running_experiment().log_metric("m", n)
    return n


@keyed_track
@task
def keyed_above(n: int) -> int:
    comet_ml.get_running_experiment().log_metric("m", n)
    return n


@dynamic
@keyed_track
def keyed_parent(n: int) -> int:
    comet_ml.get_running_experiment().log_metric("parent", n)
    return keyed_below(n=n)


def legacy_map_task(entity: Any) -> Any:
    from flytekit.core import legacy_map_task

    return legacy_map_task.map_task(entity)


MAPS = {"ArrayNode": map_task, "partial": lambda entity: map_task(functools.partial(entity)), "legacy": legacy_map_task}


@pytest.mark.parametrize("mapping", MAPS.values(), ids=MAPS.keys())
@pytest.mark.parametrize("entity", [keyed_below, keyed_above], ids=["below", "above"])
def test_a_map_task_with_a_given_key_warns_once_that_all_nodes_share_it(
    entity: Any, mapping: Any, caplog: pytest.LogCaptureFixture
) -> None:
    mapped = mapping(entity)
    with caplog.at_level(logging.WARNING, "flytekitplugins.comet_ml"):
        assert template_of(mapped).config["experiment_key"] == KEY
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "flytekitplugins.comet_ml"]
    assert KEY in warning
    assert "All nodes of the map task" in warning


def test_a_task_with_a_given_key_that_nobody_maps_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    @task
    @keyed_track
    def alone(n: int) -> int:
        return n

    with caplog.at_level(logging.WARNING, "flytekitplugins.comet_ml"):
        template_of(alone)
    assert warnings_in(caplog) == []


def test_all_nodes_of_a_map_task_log_to_the_given_key(laptop: CometServer) -> None:
    mapped = map_task(keyed_below)

    @workflow
    def pipeline(n: list[int]) -> list[int]:
        return mapped(n=n)

    assert pipeline(n=[1, 2]) == [1, 2]
    assert laptop.only_experiment.key == KEY
    assert [value for _, value in laptop.only_experiment.metrics["m"]] == [1, 2]


def test_the_children_of_a_dynamic_task_log_to_the_given_key(laptop: CometServer) -> None:
    assert keyed_parent(n=3) == 3
    assert laptop.only_experiment.key == KEY
    assert laptop.only_experiment.metrics["parent"] == [(None, 3)]
    assert laptop.only_experiment.metrics["m"] == [(None, 3)]
