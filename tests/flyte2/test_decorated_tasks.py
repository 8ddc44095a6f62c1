"""What is decorated in Flyte 2, and how: a task or its function, with the secret that its environment has."""

from __future__ import annotations

from typing import Any

import flyte
import pytest
from flytekitplugins.comet_ml import CometActionLink, InvalidOptionError, UnsupportedFunctionError

from tests.flyte2.conftest import CANARY
from tests.support.action_login import SECRET, login


def test_a_decorated_task_is_the_one_that_its_environment_knows() -> None:
    env = flyte.TaskEnvironment("same")

    @env.task
    async def task(number: int) -> int:
        return number

    decorated = login()(task)
    assert decorated is task
    assert env.tasks["same.task"] is task
    assert [type(link) for link in task.links] == [CometActionLink]
    assert [type(link) for link in task.override(short_name="another").links] == [CometActionLink]


def test_a_task_of_a_decorated_function_has_link_and_secret_too() -> None:
    env = flyte.TaskEnvironment("below")

    @env.task
    @login()
    async def task(number: int) -> int:
        return number

    assert [type(link) for link in task.links] == [CometActionLink]
    assert task.secrets == [SECRET]


def test_a_secret_that_the_environment_has_is_not_asked_for_twice() -> None:
    shared = [SECRET]
    env = flyte.TaskEnvironment("shared", secrets=shared)

    @login()
    @env.task
    async def task(number: int) -> int:
        return number

    assert task.secrets == [SECRET]
    assert shared == [SECRET]


def test_the_secrets_of_an_environment_are_left_alone() -> None:
    shared: list[Any] = ["other"]
    env = flyte.TaskEnvironment("left", secrets=shared)

    @login()
    @env.task
    async def task(number: int) -> int:
        return number

    @env.task
    async def untracked(number: int) -> int:
        return number

    assert [secret.key for secret in task.secrets] == ["other", "comet-api-key"]  # type: ignore[union-attr]
    assert untracked.secrets is shared
    assert shared == ["other"]


@pytest.mark.parametrize("order", ["above", "below"])
def test_a_reusable_environment_without_the_secret_is_refused_with_the_remedy(order: str) -> None:
    env = flyte.TaskEnvironment("refused", reusable=flyte.ReusePolicy(replicas=2))

    async def task(number: int) -> int:
        return number

    with pytest.raises(InvalidOptionError, match=r"reusable environment.*secrets=\[flyte.Secret\(key='comet-api-key'"):
        login()(env.task(task)) if order == "above" else env.task(login()(task))


def test_a_callable_secret_needs_nothing_of_a_reusable_environment() -> None:
    env = flyte.TaskEnvironment("callable", reusable=flyte.ReusePolicy(replicas=2))

    @login(secret=lambda: CANARY)
    @env.task
    async def task(number: int) -> int:
        return number

    assert task.secrets is None


@pytest.mark.parametrize("thing", [flyte.TaskEnvironment("thing"), int, 5], ids=["environment", "class", "number"])
def test_what_is_no_task_is_refused(thing: Any) -> None:
    with pytest.raises(UnsupportedFunctionError, match="decorates a task's Python function"):
        login()(thing)


@pytest.mark.parametrize("order", ["above", "below"])
def test_a_task_in_a_sandbox_is_refused(order: str) -> None:
    orchestrator = flyte.TaskEnvironment("sandbox").sandbox.orchestrator

    def task(number: int) -> int:
        return number

    with pytest.raises(UnsupportedFunctionError, match="runs in a sandbox of Flyte 2: nothing can be logged there"):
        login()(orchestrator(task)) if order == "above" else orchestrator(login()(task))


def test_a_task_is_not_decorated_twice() -> None:
    env = flyte.TaskEnvironment("twice")

    @login()
    @env.task
    async def task(number: int) -> int:
        return number

    with pytest.raises(UnsupportedFunctionError, match="twice"):
        login()(task)
