"""What flytekit sees of a decorated task: its template, its secrets, its function."""

from __future__ import annotations

import copy
import functools
import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloudpickle
import pytest
from flytekit import ContainerTask, PodTemplate, Secret, map_task, task
from flytekit.core.context_manager import FlyteEntities
from flytekitplugins.comet_ml import UnsupportedFunctionError, comet_ml_login
from flytekitplugins.comet_ml.flyte1.registration import TemplateConfig

from tests.support import ROOT
from tests.support.pod import template_of
from tests.support.tracked import SECRET

OTHER = Secret(group="other", key="other")
track = comet_ml_login(project_name="digits", workspace="my team", secret=SECRET)
LINK = track.get_extra_config()


@task
@track
def below(epochs: int, lr: float = 0.1) -> float:
    """Train."""
    return lr * epochs


@track
@task
def above(epochs: int, lr: float = 0.1) -> float:
    """Train."""
    return lr * epochs


@task
@track
async def below_async(epochs: int) -> int:
    return epochs


@track
@task
async def above_async(epochs: int) -> int:
    return epochs


@task(secret_requests=[OTHER, SECRET])
@track
def requested(epochs: int) -> int:
    return epochs


@track
@task(secret_requests=[OTHER])
def another_requested(epochs: int) -> int:
    return epochs


@task(pod_template=PodTemplate(primary_container_name="main-container"))
@track
def with_pod_template(epochs: int) -> int:
    return epochs


@track
@task(pod_template=PodTemplate(primary_container_name="main-container"))
def with_pod_template_above(epochs: int) -> int:
    return epochs


@task
@comet_ml_login(project_name="digits", workspace="my team", secret=lambda: "key")
def with_callable(epochs: int) -> int:
    return epochs


@task
@track
def below_mapped(epochs: int) -> int:
    return epochs


@track
@task
def above_mapped(epochs: int) -> int:
    return epochs


TASKS = [below, above, below_async, above_async]


def secrets_of(entity: Any) -> list[tuple[str | None, str | None]]:
    context = template_of(entity).security_context
    return [(secret.group, secret.key) for secret in (context.secrets or [])] if context else []


@pytest.mark.parametrize("entity", TASKS, ids=lambda entity: entity.name)
def test_the_template_carries_the_link_and_asks_for_the_secret(entity: Any) -> None:
    assert template_of(entity).config == LINK
    assert secrets_of(entity) == [("comet-ml", "comet-ml-api-key")]
    # Serialized again, nothing is doubled.
    assert secrets_of(entity) == [("comet-ml", "comet-ml-api-key")]


def test_a_secret_that_is_requested_is_not_requested_twice() -> None:
    assert secrets_of(requested) == [("other", "other"), ("comet-ml", "comet-ml-api-key")]
    assert secrets_of(another_requested) == [("other", "other"), ("comet-ml", "comet-ml-api-key")]


def test_a_callable_asks_for_no_secret() -> None:
    assert secrets_of(with_callable) == []


def test_a_secret_of_flyte_2_is_requested_by_its_group_and_key() -> None:
    kind = type("Secret", (SimpleNamespace,), {"__module__": "flyte._secret"})
    secret = kind(group="comet-ml", key="comet-ml-api-key", as_env_var="COMET_API_KEY")

    @task
    @comet_ml_login(project_name="digits", workspace="my team", secret=secret)
    def test_both(epochs: int) -> int:
        return epochs

    assert secrets_of(test_both) == [("comet-ml", "comet-ml-api-key")]


@pytest.mark.parametrize("order", ["below", "above"])
def test_a_map_task_that_was_made_after_its_task_was_serialized_asks_for_the_secret_too(order: str) -> None:
    for entity in (below_mapped, above_mapped):
        assert secrets_of(entity) == [("comet-ml", "comet-ml-api-key")]
    entity = map_task(below_mapped if order == "below" else above_mapped)
    assert secrets_of(entity) == [("comet-ml", "comet-ml-api-key")]


def test_a_task_is_found_after_flytekit_was_made_to_forget_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert secrets_of(below) == [("comet-ml", "comet-ml-api-key")]
    monkeypatch.setattr(FlyteEntities, "entities", [])

    @task
    @track
    def test_late(epochs: int) -> int:
        return epochs

    mapped = map_task(test_late)
    assert secrets_of(test_late) == [("comet-ml", "comet-ml-api-key")]
    assert secrets_of(mapped) == [("comet-ml", "comet-ml-api-key")]


@pytest.mark.parametrize("entity", [with_pod_template, with_pod_template_above], ids=lambda entity: entity.name)
def test_the_task_s_own_config_stays(entity: Any) -> None:
    assert template_of(entity).config == {"primary_container_name": "main-container", **LINK}


@pytest.mark.parametrize("entity", TASKS, ids=lambda entity: entity.name)
def test_the_task_resolves_by_its_module_and_name(entity: Any) -> None:
    arguments = template_of(entity).container.args
    name = entity.name.rpartition(".")[2]
    assert arguments[-4:] == ["task-module", __name__, "task-name", name]
    assert globals()[name] is entity


@pytest.mark.parametrize("entity", TASKS, ids=lambda entity: entity.name)
def test_a_decorated_function_is_a_real_function(entity: Any) -> None:
    function = entity.task_function
    assert inspect.isfunction(function)
    assert inspect.iscoroutinefunction(function) == ("async" in entity.name)
    assert next(iter(inspect.signature(function).parameters)) == "epochs"
    assert inspect.getfile(function) == __file__
    assert function.__name__ == entity.name.rpartition(".")[2]
    assert copy.copy(function) is function
    assert inspect.isfunction(copy.deepcopy(function))


def test_the_attributes_of_the_drop_in_are_on_function_and_task() -> None:
    for function in (below.task_function, above.task_function):
        assert function.secret is SECRET
    for thing in (below, above, below.task_function, above.task_function):
        assert thing.get_extra_config() == LINK
        assert thing.LINK_TYPE_KEY == "link_type"
        assert thing.COMET_ML_HOST_KEY == "host"


def test_a_plain_decorator_on_top_keeps_link_and_secret() -> None:
    def plain(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    @task
    @plain
    @track
    def under_a_plain_one(epochs: int) -> int:
        return epochs

    assert template_of(under_a_plain_one).config == LINK
    assert secrets_of(under_a_plain_one) == [("comet-ml", "comet-ml-api-key")]


def test_a_decorated_function_survives_cloudpickle_without_its_task() -> None:
    template_of(below)
    hook: TemplateConfig = below.get_config
    assert hook.task is below
    function = cloudpickle.loads(cloudpickle.dumps(below.task_function))
    assert function.secret == SECRET
    assert cloudpickle.loads(cloudpickle.dumps(hook)).task is None


def test_a_task_in_main_is_registered_under_its_file(tmp_path: Path) -> None:
    script = tmp_path / "work" / "my_script.py"
    script.write_text(
        """
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login
from tests.support.pod import template_of

@task
@comet_ml_login(project_name="digits", workspace="my team", secret=Secret(group="comet-ml", key="comet-ml-api-key"))
def train(epochs: int) -> int:
    return epochs

print(template_of(train).container.args[-4:], template_of(train).config["link_suffix"])
"""
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, env=environment)
    assert f"['task-module', 'my_script', 'task-name', 'train'] {LINK['link_suffix']}" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "thing",
    [
        ContainerTask(name="mine", image="image", command=["true"]),
        functools.partial(print),
        int,
    ],
    ids=["container task", "partial", "class"],
)
def test_what_has_no_python_function_is_refused(thing: Any) -> None:
    with pytest.raises(UnsupportedFunctionError, match="decorates a task's Python function"):
        track(thing)
