"""Decorating Flyte 1: a task's function, or a task made from one."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import CompilationState, FlyteContextManager
from flytekit.core.python_function_task import PythonFunctionTask
from flytekit.core.workflow import WorkflowBase

from .. import names
from ..decorated import ACTION_TASK, Surroundings
from ..errors import UnsupportedFunctionError
from ..inputs.arguments import check_no_secrets, input_names
from ..options import Options, check_known_names
from ..session import sigterm
from .identity import is_local
from .outputs import output_names
from .registration import TemplateConfig, tracked_function
from .tasks import request_secret

if TYPE_CHECKING:
    from ..session.session import Session

# Functions under @workflow. Not kept on the call: that is pickled.
_workflow_functions: WeakSet[Callable[..., Any]] = WeakSet()


def decorated(options: Options, function: Any, surroundings: Callable[[], Surroundings]) -> Any:
    """The tracked form of a function, or the task itself with its function tracked.

    Args:
        options: The decorator's options.
        function: A task's function, or a task.
        surroundings: Gives what a call finds around it.

    Raises:
        UnsupportedFunctionError: For what is neither.
        InvalidOptionError: If `log_inputs` or `log_outputs` names what there is not, or a secret.
    """
    _check_function(function)
    if isinstance(function, PythonFunctionTask):
        return _decorated_task(options, function, surroundings)
    return _decorated_function(options, function, _attributes(options), surroundings)


class TrackedCall:
    """Gives the session of each call of a function.

    Args:
        options: The decorator's options.
        function: The function.
        template: What the decorator adds to the task's template.
        surroundings: Gives what a call finds around it.
    """

    def __init__(
        self,
        options: Options,
        function: Callable[..., Any],
        template: TemplateConfig,
        surroundings: Callable[[], Surroundings],
    ) -> None:
        self._options = options
        self._function = function
        self._template = template
        self._surroundings = surroundings
        _prepare_for_threads()

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        _prepare_for_threads()

    def __call__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Session:
        """The session in which a call with these arguments runs.

        Raises:
            UnsupportedFunctionError: If the function turns out to be a workflow.
        """
        # A process that only registers tasks needs none of it.
        from ..session.session import Session
        from .plan import session_plan

        around = self._surroundings()
        if around.plan_of_action is not None:
            # flyte-migrate runs tasks of Flyte 1 as actions of Flyte 2.
            task = self._template.action_task
            plan = around.plan_of_action(task, self._function, args, kwargs, around.environ)
            return Session(around.comet_ml, around.environ, plan)
        context = (around.context_manager or FlyteContextManager).current_context()
        # The body of @dynamic is compiled too, but in a pod and with the mode of one.
        if isinstance(context.compilation_state, CompilationState) and is_local(context):
            # flytekit compiles a workflow once, and runs it afterwards even if that failed.
            _workflow_functions.add(self._function)
        if self._function in _workflow_functions:
            raise _on_a_workflow(self._function.__name__)
        plan = session_plan(self._options, self._function, self._template, args, kwargs, context, around.environ)
        return Session(around.comet_ml, around.environ, plan)


def _prepare_for_threads() -> None:
    # flytekit runs async tasks in a thread, where Python lets nobody watch for SIGTERM.
    if "FLYTE_INTERNAL_EXECUTION_ID" in os.environ:
        sigterm.prepare()


def _check_function(function: Any) -> None:
    name = getattr(function, "__name__", None) or getattr(function, "name", None) or repr(function)
    if isinstance(function, WorkflowBase):
        raise _on_a_workflow(name)
    is_task = isinstance(function, PythonFunctionTask)
    is_function = callable(function) and hasattr(function, "__name__") and not isinstance(function, (type, PythonTask))
    if not is_task and not is_function:
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
    if hasattr(function, "COMET_ML_HOST_KEY"):
        raise UnsupportedFunctionError(f"@comet_ml_login is on {name!r} twice; a task has one Comet experiment.")


def _decorated_function(
    options: Options,
    function: Callable[..., Any],
    attributes: dict[str, Any],
    surroundings: Callable[[], Surroundings],
) -> Callable[..., Any]:
    _check_names(options, function)
    call = TrackedCall(options, function, attributes["get_config"], surroundings)
    tracked: Callable[..., Any] = tracked_function(function, call)
    tracked.__dict__.update(attributes)
    return tracked


def _check_names(options: Options, function: Callable[..., Any]) -> None:
    if not isinstance(options.log_inputs, bool):
        check_known_names("log_inputs", options.log_inputs, input_names(function), function.__name__)
        check_no_secrets("log_inputs", options.log_inputs, function)
    if not isinstance(options.log_outputs, bool):
        known = output_names(function)
        if known is not None:
            check_known_names("log_outputs", options.log_outputs, known, function.__name__)
        check_no_secrets("log_outputs", options.log_outputs, function)


def _decorated_task(
    options: Options, task: PythonFunctionTask[Any], surroundings: Callable[[], Surroundings]
) -> PythonFunctionTask[Any]:
    attributes = _attributes(options)
    # flytekit has no setter for a task's function.
    task._task_function = _decorated_function(options, task.task_function, attributes, surroundings)
    vars(task).update(attributes)
    attributes["get_config"].task = task
    request_secret(task, attributes["get_config"].secret)
    return task


def _attributes(options: Options) -> dict[str, Any]:
    template = TemplateConfig(options)
    return {
        **names.CONFIG_KEYS,
        "secret": options.secret,
        "get_extra_config": template.config,
        "get_config": template,
        ACTION_TASK: template.action_task,
    }


def _on_a_workflow(name: str) -> UnsupportedFunctionError:
    return UnsupportedFunctionError(
        f"@comet_ml_login is on the workflow {name!r}, which runs in no pod of its own: put it on the tasks of the "
        "workflow that are to be tracked."
    )
