"""One decorated function can be that of many tasks, and be called in others: what is known of each stays its own."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path
from typing import Any

import cloudpickle
import comet_ml
import flyte
import pytest
from flytekitplugins.comet_ml.flyte2.registration import action_task_of

from tests.support.action import Actions
from tests.support.action_in_process import run_action
from tests.support.action_login import SECRET, login
from tests.support.comet_server import CometServer

PASSWORD = "zebra-hunter-22"
DATABASE = flyte.Secret("database", as_env_var="DATABASE")


def log_metric(name: str) -> None:
    experiment = comet_ml.get_running_experiment()
    assert experiment is not None
    experiment.log_metric(name, 0.5)


def failing(env: flyte.TaskEnvironment, **options: Any) -> Any:
    """A task that is called in another one's action, and fails there."""

    @login(**options)
    @env.task
    def child(epochs: int) -> None:
        raise ValueError("no luck")

    return child


@pytest.fixture
def with_password(cluster: CometServer, monkeypatch: pytest.MonkeyPatch) -> CometServer:
    """A cluster whose pods have the database's password in the environment."""
    monkeypatch.setenv("DATABASE", PASSWORD)
    return cluster


def logged_inputs(comet: CometServer) -> str:
    return str(comet.only_experiment.parameters)


def test_an_override_with_other_secrets_leaves_the_task_its_own(with_password: CometServer, tmp_path: Path) -> None:
    env = flyte.TaskEnvironment("overridden", secrets=[DATABASE])

    @login()
    @env.task
    async def task(url: str, epochs: int) -> None: ...

    task.override(secrets=[flyte.Secret("other")])
    asyncio.run(run_action(task, tmp_path, url=f"me:{PASSWORD}@host", epochs=3))
    assert PASSWORD not in logged_inputs(with_password)
    assert with_password.only_experiment.parameters["epochs"] == 3


def test_a_secret_of_an_override_is_known_where_a_pod_runs_the_task(with_password: CometServer, tmp_path: Path) -> None:
    env = flyte.TaskEnvironment("copied")

    @login()
    @env.task
    async def task(url: str) -> None: ...

    task.override(secrets=[DATABASE])
    asyncio.run(run_action(task, tmp_path, url=PASSWORD))
    assert PASSWORD not in logged_inputs(with_password)


@pytest.mark.parametrize("number", [0, 1])
def test_the_secrets_of_each_environment_are_withheld(with_password: CometServer, tmp_path: Path, number: int) -> None:
    environments = [
        flyte.TaskEnvironment("first", secrets=[DATABASE]),
        flyte.TaskEnvironment("second", secrets=[SECRET, DATABASE]),
    ]

    @login()
    async def function(url: str) -> None: ...

    tasks = [environment.task(function) for environment in environments]
    flyte.TaskEnvironment("third").task(function)
    asyncio.run(run_action(tasks[number], tmp_path, url=PASSWORD))
    assert PASSWORD not in logged_inputs(with_password)


def test_a_secret_that_flyte_names_itself_is_withheld(
    cluster: CometServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = flyte.TaskEnvironment("prefixed")
    monkeypatch.setenv("FLYTE_SECRETS_ENV_PREFIX", "_UNION_")
    monkeypatch.setenv("_UNION_DATABASE", PASSWORD)

    @login()
    @env.task
    async def task(url: str) -> None: ...

    asyncio.run(run_action(task, tmp_path, url=PASSWORD))
    assert PASSWORD not in logged_inputs(cluster)


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "under another decorator"])
@pytest.mark.parametrize("number", [0, 1])
def test_each_task_of_a_function_has_its_name_and_its_report(
    cluster: CometServer, tmp_path: Path, number: int, wrapped: bool
) -> None:
    @login()
    def decorated(epochs: int) -> None: ...

    @functools.wraps(decorated)
    def above(*args: Any, **kwargs: Any) -> Any:
        return decorated(*args, **kwargs)

    function = above if wrapped else decorated
    names = ["gpu", "cpu"]
    tasks = [
        flyte.TaskEnvironment(names[0]).task(report=True)(function),
        flyte.TaskEnvironment(names[1]).task(function),
    ]
    outputs = asyncio.run(run_action(tasks[number], tmp_path, epochs=3))
    assert cluster.only_experiment.others["flyte_task"] == f"{names[number]}.decorated"
    assert (outputs / "report.html").exists() is tasks[number].report


def test_an_override_leaves_what_is_known_of_the_task() -> None:
    env = flyte.TaskEnvironment("known")

    @login()
    @env.task(report=True)
    async def task(epochs: int) -> None: ...

    copy = task.override(report=False)
    known = [action_task_of(each.func) for each in (task, copy)]
    assert [each.report for each in known if each is not None] == [True, False]


MODULE = """
import flyte
from tests.support.action_login import login

@login()
def train(epochs: int) -> None:
    raise ValueError("no luck")

on_gpu = flyte.TaskEnvironment("gpu").task(train)
on_cpu = flyte.TaskEnvironment("cpu").task(train)
"""


def test_the_function_of_a_task_is_still_its_own_when_a_worker_has_it_of_a_pickle(
    cluster: CometServer, tmp_path: Path, actions: Actions
) -> None:
    task = actions.module(MODULE).on_gpu
    task.func = cloudpickle.loads(cloudpickle.dumps(task.func))
    asyncio.run(run_action(task, tmp_path, epochs=3))
    experiment = cluster.only_experiment
    assert experiment.others["flyte_task"] == "gpu.train"
    assert experiment.others["flyte_status"] == "failed"


# A task that is called in the action of another one, without an action of its own


@pytest.mark.parametrize("scope", ["attempt", "node", "execution"])
def test_the_error_of_a_task_in_another_s_action_is_not_the_action_s(
    cluster: CometServer, tmp_path: Path, scope: str
) -> None:
    env = flyte.TaskEnvironment(f"caught_{scope}")

    @login(scope=scope)
    @env.task
    async def child(epochs: int) -> None:
        log_metric("child")
        raise ValueError("no luck")

    @login(scope=scope)
    @env.task
    async def parent(epochs: int) -> None:
        with pytest.raises(ValueError, match="no luck"):
            await child.forward(epochs + 1)
        log_metric("parent")

    asyncio.run(run_action(parent, tmp_path, epochs=3))
    experiment = cluster.only_experiment
    assert {"child", "parent"} <= set(experiment.metrics)
    assert "crashed" not in experiment.states
    assert experiment.states[-1] == "ended"
    told = {name: value for name, value in experiment.others.items() if name.endswith(("status", "error_message"))}
    assert "failed" not in told.values()
    assert "no luck" not in told.values()


def test_a_task_in_another_s_action_says_its_own_beside_the_other(cluster: CometServer, tmp_path: Path) -> None:
    env = flyte.TaskEnvironment("inner")

    @login()
    @env.task
    def child(epochs: int) -> None: ...

    @login()
    @env.task
    def parent(epochs: int) -> None:
        child.forward(epochs + 1)

    asyncio.run(run_action(parent, tmp_path, epochs=3))
    experiment = cluster.only_experiment
    assert experiment.others["flyte_task"] == "inner.parent"
    assert experiment.others["child/flyte_task"] == "inner.child"
    assert (experiment.parameters["epochs"], experiment.parameters["child/epochs"]) == (3, 4)


def test_the_error_of_a_task_in_another_s_action_that_nobody_catches_is_the_action_s(
    cluster: CometServer, tmp_path: Path
) -> None:
    env = flyte.TaskEnvironment("uncaught")

    child = failing(env)

    @login()
    @env.task
    def parent(epochs: int) -> None:
        child.forward(epochs)

    asyncio.run(run_action(parent, tmp_path, epochs=3))
    experiment = cluster.only_experiment
    assert experiment.states[-1] == "crashed"
    assert experiment.others["flyte_error_message"] == "no luck"


def test_a_task_of_another_project_in_an_action_has_an_experiment_of_its_own(
    cluster: CometServer, tmp_path: Path
) -> None:
    env = flyte.TaskEnvironment("elsewhere")

    child = failing(env, project_name="search")

    @login()
    @env.task
    def parent(epochs: int) -> None:
        with pytest.raises(ValueError, match="no luck"):
            child.forward(epochs)

    asyncio.run(run_action(parent, tmp_path, epochs=3))
    states = {experiment.project: experiment.states[-1] for experiment in cluster.experiments.values()}
    assert states == {"digits": "ended", "search": "crashed"}


def test_a_task_in_the_action_of_one_that_starts_no_experiment_says_how_it_ended(
    cluster: CometServer, tmp_path: Path
) -> None:
    env = flyte.TaskEnvironment("unstarted")

    child = failing(env)

    @login(start=False)
    @env.task
    def parent(epochs: int) -> None:
        with pytest.raises(ValueError, match="no luck"):
            child.forward(epochs)

    asyncio.run(run_action(parent, tmp_path, epochs=3))
    assert cluster.only_experiment.others["flyte_status"] == "failed"
