"""The plugin's own part of a call: the real SDK, but for what talks to Comet, which returns at once.

Prints milliseconds of processor time a call: of the bare function, of login, start and end by hand, and of the
decorated function.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import comet_ml
from flytekit import FlyteContextManager, Secret
from flytekit.core.context_manager import ExecutionState
from flytekit.models.core.identifier import Identifier, ResourceType, WorkflowExecutionIdentifier
from flytekitplugins.comet_ml import comet_ml_login

CALLS = 300


class Experiment:
    """Takes every call and does nothing."""

    alive = True
    ended = False
    url = "https://www.comet.com/my-team/digits/key"

    def get_key(self) -> str:
        """A legal key."""
        return "k" * 32

    def end(self) -> None:
        """End."""
        self.ended = True

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def start(
    workspace: Any = None,
    project_name: Any = None,
    experiment_key: Any = None,
    mode: Any = None,
    online: Any = None,
    experiment_config: Any = None,
) -> Experiment:
    """What `comet_ml.start` does without a server."""
    experiment = Experiment()
    comet_ml.config.set_global_experiment(experiment)
    return experiment


def login(**settings: Any) -> None:
    """What `comet_ml.login` does without a server: nothing."""


class API:
    """A client that asks nobody."""

    def __init__(self, **arguments: Any) -> None: ...


comet_ml.start, comet_ml.login, comet_ml.API = start, login, API
logging.getLogger("flytekitplugins.comet_ml").setLevel(logging.ERROR)


def bare(epochs: int = 3) -> int:
    """A task's function."""
    return epochs


def by_hand(epochs: int = 3) -> int:
    """The same with the calls by hand."""
    comet_ml.login(api_key="key")
    experiment = comet_ml.start(workspace="my-team", project_name="digits", experiment_key="k" * 32)
    experiment.end()
    return epochs


decorated = comet_ml_login(project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="api-key"))(
    bare
)


def milliseconds(function: Callable[..., Any]) -> float:
    """The median of many calls."""
    times = []
    for _ in range(CALLS):
        began = time.process_time()
        function(3)
        times.append(time.process_time() - began)
    return statistics.median(times) * 1000


def in_a_pod() -> Any:
    """The context of `pyflyte-execute`."""
    context = FlyteContextManager.current_context()
    parameters = context.user_space_params
    assert parameters is not None
    new = parameters.builder()
    execution = os.environ["FLYTE_INTERNAL_EXECUTION_ID"]
    new.execution_id = WorkflowExecutionIdentifier(project="flytesnacks", domain="development", name=execution)
    new.task_id = Identifier(ResourceType.TASK, "flytesnacks", "development", "my_pkg.workflows.train", "v1")
    new.raw_output_prefix = f"/tmp/raw/i4/{execution}-n0-0"
    state = context.new_execution_state().with_params(
        mode=ExecutionState.Mode.TASK_EXECUTION, user_space_params=new.build()
    )
    return FlyteContextManager.with_context(context.with_execution_state(state))


with in_a_pod():
    for function in (bare, by_hand, decorated):
        function(3)
    print(json.dumps([milliseconds(function) for function in (bare, by_hand, decorated)]))
