"""Which generation of Flyte is meant. What is decorated tells it, and what runs. Neither is imported for it."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable, MutableMapping
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from .decorated import ActionTask, FunctionCall, Surroundings
    from .options import Options
    from .session.plan import SessionPlan

    Decorate: TypeAlias = Callable[[Options, object, Callable[[], Surroundings]], object]
    PlanOfAction: TypeAlias = Callable[[ActionTask, FunctionCall, MutableMapping[str, str]], SessionPlan]

_FLYTE_1, _FLYTE_2 = "flytekit", "flyte"


def decorator_of(decorated: object) -> Decorate:
    """What decorates something: `flyte1.decorate.decorated` or `flyte2.decorate.decorated`.

    A function can become a task of either. It is Flyte 2's if only that is loaded, and Flyte 1's otherwise. The wrapper
    for Flyte 1 asks at every call who runs: it can become a task of Flyte 2 all the same, by `flyte-migrate` or later.

    Args:
        decorated: A task of either generation, or a function.
    """
    kinds = {kind.__module__.partition(".")[0] for kind in type(decorated).__mro__}
    if _FLYTE_1 in kinds:
        generation = "flyte1"
    elif _FLYTE_2 in kinds:
        generation = "flyte2"
    else:
        generation = "flyte1" if _has_flyte_1() else "flyte2"
    if generation == "flyte1" and _has_flyte_2():
        _watch_tasks_of_flyte_2()
    return _decorate_for(generation)


@functools.cache
def _decorate_for(generation: str) -> Decorate:
    decorate: Decorate = importlib.import_module(f"{__package__}.{generation}.decorate").decorated
    return decorate


@functools.cache
def _watch_tasks_of_flyte_2() -> None:
    """Have tasks of Flyte 2 that are made of functions get their link and secret, as soon as Flyte 2 is imported."""
    # It takes some time to load, and is needed only beside both generations.
    import wrapt

    def watch(module: ModuleType) -> None:
        importlib.import_module(f"{__package__}.flyte2.registration").watch_tasks()

    wrapt.register_post_import_hook(watch, _FLYTE_2)


def plan_of_action() -> PlanOfAction | None:
    """What gives the plan of a call in an action of Flyte 2; None where no action runs."""
    flyte = sys.modules.get(_FLYTE_2)
    if flyte is None or not getattr(flyte, "ctx", bool)():
        return None
    plan: PlanOfAction = importlib.import_module(f"{__package__}.flyte2.plan").session_plan
    return plan


# A module decorates many tasks, and to look for a package takes as long as to decorate one.
@functools.cache
def _has_flyte_2() -> bool:
    return _FLYTE_2 in sys.modules or importlib.util.find_spec(_FLYTE_2) is not None


def _has_flyte_1() -> bool:
    if _FLYTE_1 in sys.modules or _FLYTE_2 in sys.modules:
        return _FLYTE_1 in sys.modules
    return importlib.util.find_spec(_FLYTE_1) is not None
