"""Decorating Flyte 1: a task's function, or a task made from one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakSet

from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import CompilationState, FlyteContextManager
from flytekit.core.python_function_task import PythonFunctionTask
from flytekit.core.workflow import WorkflowBase

from ..decorated import Function, FunctionCall, Surroundings
from ..errors import UnsupportedFunctionError
from ..front_end.decorate import TrackedCall, attributes_of, check_input_names, checked_function, is_function
from ..front_end.outputs import check_output_names
from ..options import Options
from .identity import is_local
from .outputs import output_names
from .registration import TemplateConfig, tracked_function
from .tasks import request_secret

if TYPE_CHECKING:
    from ..session.plan import SessionPlan

# Functions under @workflow. Not kept on the call: that is pickled.
_workflow_functions: WeakSet[Function] = WeakSet()


def decorated(options: Options, function: object, surroundings: Callable[[], Surroundings]) -> object:
    """The tracked form of a function, or the task itself with its function tracked.

    Args:
        options: The decorator's options.
        function: A task's function, or a task.
        surroundings: Gives what a call finds around it.

    Raises:
        UnsupportedFunctionError: For what is neither.
        InvalidOptionError: If `log_inputs` or `log_outputs` names what there is not, or a secret; or if Flyte 1 has no
            such secret as the task is to request.
    """
    if isinstance(function, WorkflowBase):
        raise _on_a_workflow(getattr(function, "__name__", None) or function.name)
    fits = isinstance(function, PythonFunctionTask) or (is_function(function) and not isinstance(function, PythonTask))
    checked = checked_function(function, fits=fits)
    template = TemplateConfig(options)
    if not isinstance(function, PythonFunctionTask):
        return _decorated_function(checked, template, surroundings)
    # flytekit has no setter for a task's function.
    function._task_function = _decorated_function(function.task_function, template, surroundings)
    vars(function).update(_attributes(template))
    template.task = function
    request_secret(function, template.secret)
    return function


class FlyteCall(TrackedCall):
    """Gives the session of each call of a task of Flyte 1.

    Args:
        template: What the decorator adds to the task's template.
        function: The function.
        surroundings: Gives what a call finds around it.
    """

    def __init__(self, template: TemplateConfig, function: Function, surroundings: Callable[[], Surroundings]) -> None:
        self._template = template
        super().__init__(function, surroundings)

    def _plan(self, around: Surroundings, call: FunctionCall) -> SessionPlan:
        from .plan import session_plan

        template, function = self._template, call.function
        if around.plan_of_action is not None:
            # flyte-migrate runs tasks of Flyte 1 as actions of Flyte 2.
            return around.plan_of_action(template.action_task, call, around.environ)
        context = (around.context_manager or FlyteContextManager).current_context()
        # The body of @dynamic is compiled too, but in a pod and with the mode of one.
        if isinstance(context.compilation_state, CompilationState) and is_local(context):
            # flytekit compiles a workflow once, and runs it afterwards even if that failed.
            _workflow_functions.add(function)
        if function in _workflow_functions:
            raise _on_a_workflow(function.__name__)
        return session_plan(template, call, context, around.environ)


def _decorated_function(
    function: Function, template: TemplateConfig, surroundings: Callable[[], Surroundings]
) -> Function:
    options = template.options
    check_input_names(options, function)
    check_output_names(options, function, output_names)
    tracked = tracked_function(function, FlyteCall(template, function, surroundings))
    vars(tracked).update(_attributes(template))
    return tracked


def _attributes(template: TemplateConfig) -> dict[str, object]:
    return {**attributes_of(template.action_task, template.config), "get_config": template}


def _on_a_workflow(name: str) -> UnsupportedFunctionError:
    return UnsupportedFunctionError(
        f"@comet_ml_login is on the workflow {name!r}, which runs in no pod of its own: put it on the tasks of the "
        "workflow that are to be tracked."
    )
