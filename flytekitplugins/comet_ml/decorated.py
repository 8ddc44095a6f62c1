"""The types of a decorated function and a decorated task, and what a call of one finds around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from .options import FlyteSecret, Options
    from .session.plan import SessionPlan

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

Function: TypeAlias = Callable[..., object]
"""A task's function, decorated or not."""


class TrackedFunction(Protocol[P, R_co]):
    """A decorated function: its own parameters and result, and what the decorator adds.

    Attributes:
        __name__: The function's name.
        __wrapped__: The function itself: a call of it is not tracked.
        secret: The decorator's secret.
        LINK_TYPE_KEY: Name of the link type in the task template's config. The other names are those of its values.
    """

    __name__: str
    secret: FlyteSecret | Callable[[], str]
    LINK_TYPE_KEY: str
    COMET_ML_PROJECT_NAME_KEY: str
    COMET_ML_WORKSPACE_KEY: str
    COMET_ML_EXPERIMENT_KEY_KEY: str
    COMET_ML_URL_SUFFIX_KEY: str
    COMET_ML_HOST_KEY: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run the function, tracked."""

    @property
    def __wrapped__(self) -> Callable[P, R_co]: ...

    def get_extra_config(self) -> dict[str, str]:
        """What the link puts into the task template's config."""


class _FunctionTask(Protocol):
    # A task is told from a function by these. flytekit's class is Any for type checkers that want a py.typed.
    @property
    def task_function(self) -> Callable[..., object]: ...
    @property
    def security_context(self) -> object: ...


TaskT = TypeVar("TaskT", bound=_FunctionTask)


# Arguments can be secrets: no repr shows them.
@dataclass(frozen=True, repr=False)
class FunctionCall:
    """A call of a decorated function.

    Attributes:
        function: The function.
        args: Its arguments.
        kwargs: Its arguments by name.
    """

    function: Function
    args: tuple[object, ...]
    kwargs: Mapping[str, object]

    @property
    def name(self) -> str:
        """The function's name, with its module."""
        return f"{self.function.__module__}.{self.function.__name__}"


@dataclass(frozen=True)
class Surroundings:
    """What a call of a decorated function finds around it.

    Attributes:
        comet_ml: The `comet_ml` module, or what a test has put in its place.
        environ: The environment of the process, or what a test has put in its place.
        context_manager: What a test has put in the place of flytekit's `FlyteContextManager`; None without a test.
        plan_of_action: Gives the plan of a call in an action of Flyte 2, whatever generation the function was
            decorated for; None where no action runs.
    """

    comet_ml: Any
    environ: MutableMapping[str, str]
    context_manager: Any = None
    plan_of_action: Callable[[ActionTask, FunctionCall, MutableMapping[str, str]], SessionPlan] | None = None


ACTION_TASK = "comet_ml_action_task"
"""Name of the attribute of a decorated function that holds its `ActionTask`."""


@dataclass
class ActionTask:
    """What is known of a task of Flyte 2 that was made of a decorated function.

    A function has one too: it knows the newest task that was made of it.

    Attributes:
        options: The decorator's options.
        name: The task's name; None as long as no task of Flyte 2 was made of the function.
        report: Whether the task has a report.
        secret_variables: The environment variables in which the tasks of the function find their secrets, Comet's and
            others. All of them share it: an override runs in a pod as the task that it is a copy of.
    """

    options: Options
    name: str | None = None
    report: bool = False
    secret_variables: set[str] = field(default_factory=set)
