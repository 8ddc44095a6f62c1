"""Decorating a function: what can be tracked, and the session of each call of it."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .. import names
from ..decorated import ACTION_TASK, ActionTask, Function, FunctionCall, Surroundings
from ..errors import UnsupportedFunctionError
from ..inputs.arguments import check_no_secrets, check_types, input_names
from ..options import Options, check_known_names
from ..session import sigterm

if TYPE_CHECKING:
    from ..session.plan import SessionPlan
    from ..tracked_function import Around


class TrackedCall(ABC):
    """Gives the session of each call of a function.

    Args:
        function: The function.
        surroundings: Gives what a call finds around it.
    """

    def __init__(self, function: Function, surroundings: Callable[[], Surroundings]) -> None:
        self._function = function
        self._surroundings = surroundings
        # Flyte runs some tasks in a thread, in pods and locally. Python lets nobody watch for SIGTERM there.
        sigterm.prepare()

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        sigterm.prepare()

    def __call__(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Around:
        """The session in which a call with these arguments runs.

        Raises:
            UnsupportedFunctionError: If the function turns out to be a workflow.
        """
        # A process that only registers tasks does not need it.
        from ..session.session import Session
        from .nesting import NotedSession

        around = self._surroundings()
        plan = self._plan(around, FunctionCall(self._function, args, kwargs))
        return NotedSession(Session(around.comet_ml, around.environ, plan), plan)

    @abstractmethod
    def _plan(self, around: Surroundings, call: FunctionCall) -> SessionPlan:
        """What the session of a call is to do."""


def is_function(value: object) -> bool:
    """Whether something is a function, and no class."""
    return callable(value) and hasattr(value, "__name__") and not isinstance(value, type)


def checked_function(function: object, *, fits: bool) -> Function:
    """Refuse what cannot be tracked.

    Args:
        function: What is decorated.
        fits: Whether it is a function, or a task that was made from one.

    Raises:
        UnsupportedFunctionError: For what is neither, for a generator function, and for what is decorated already.
    """
    name = getattr(function, "__name__", None) or getattr(function, "name", None) or repr(function)
    if not fits or not callable(function):
        kind = "class" if isinstance(function, type) else type(function).__name__
        raise UnsupportedFunctionError(
            f"@comet_ml_login decorates a task's Python function, or a task made from one; not the {kind} {name!r}."
        )
    body = inspect.unwrap(getattr(function, "task_function", function))
    if inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body):
        raise UnsupportedFunctionError(
            f"@comet_ml_login is on {name!r}, a generator function, which Flyte cannot run as one: return a list "
            "instead."
        )
    if hasattr(function, ACTION_TASK):
        raise UnsupportedFunctionError(f"@comet_ml_login is on {name!r} twice; a task has one Comet experiment.")
    return function


def check_input_names(options: Options, function: Function) -> None:
    """Refuse a `log_inputs` that names what there is not, a secret, or what is never logged.

    Raises:
        InvalidOptionError: With the names.
    """
    if not isinstance(options.log_inputs, bool):
        check_known_names("log_inputs", options.log_inputs, input_names(function), function.__name__)
        check_no_secrets("log_inputs", options.log_inputs, function)
        check_types("log_inputs", options.log_inputs, function)


def attributes_of(action_task: ActionTask, get_extra_config: Callable[[], dict[str, str]]) -> dict[str, object]:
    """The attributes that a decorated function has."""
    return {
        **names.CONFIG_KEYS,
        "secret": action_task.options.secret,
        "get_extra_config": get_extra_config,
        ACTION_TASK: action_task,
    }
