"""Which experiment is running: for each tracked call its own, also where calls overlap.

The SDK has one running experiment a process. Calls that run inside or beside each other (a local ``@dynamic``,
``@eager``, threads) would write into each other's, and starting one would end the other. While a tracked call runs,
the SDK's functions for the running experiment answer by context instead: within the call (its coroutines included)
with the call's own; elsewhere, as in a thread that the call started, with the newest of the process.

The SDK's entrances (`start`, `Experiment`, `ExistingExperiment`) are also held open to the call's experiment, or, in a
process that is not to track (a rank other than the primary one), closed to any.
"""

from __future__ import annotations

import functools
import inspect
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_lock = threading.RLock()
_current: ContextVar[Slot | None] = ContextVar("running_experiment", default=None)
_slots: list[Slot] = []


class Slot:
    """The place of a tracked call's running experiment.

    Attributes:
        experiment: What is running in the call; None until one is started.
        before: What was running in the process before the call.
        arguments: What a bare `comet_ml.start` in the call means: workspace, project, key.
        closed: Whether whatever is opened in the call is to be disabled.
        joins: Whether this SDK's `Experiment()` can join an experiment that exists.
    """

    def __init__(self, before: Any) -> None:
        self.experiment: Any = None
        self.before = before
        self.arguments: dict[str, Any] = {}
        self.closed = False
        self.joins = False


@contextmanager
def own_experiment(sdk: Any) -> Iterator[Slot]:
    """Give the context a running experiment of its own, none at first; what was running before is again, afterwards.

    Args:
        sdk: The `comet_ml` module.
    """
    with _lock:
        slot = Slot(_process_wide(sdk))
        if not _slots:
            _install(sdk)
        if not _by_context(sdk):
            sdk.config.set_global_experiment(None)
        slot.joins = _can_join(sdk)
        _slots.append(slot)
    outer = _current.get()
    _current.set(slot)
    try:
        yield slot
    finally:
        _current.set(outer)
        with _lock:
            _slots.remove(slot)
            # A call that began during this one, and goes on, has this one's experiment as the one before it.
            for other in _slots:
                if other.before is not None and other.before is slot.experiment:
                    other.before = slot.before
            if not of_another_call(slot, _process_wide(sdk)):
                sdk.config.set_global_experiment(slot.before)
            if not _slots:
                _uninstall(sdk)


def began_during(sdk: Any, slot: Slot) -> list[Any]:
    """The experiments that run and began during a call, newest first."""
    found: list[Any] = []
    for experiment in (_process_wide(sdk), slot.experiment):
        own = experiment is not None and experiment is not slot.before and not of_another_call(slot, experiment)
        if own and not any(experiment is other for other in found):
            found.append(experiment)
    return found


def of_another_call(slot: Slot, experiment: Any) -> bool:
    """Whether an experiment is the running one of another tracked call."""
    return experiment is not None and any(other.experiment is experiment for other in _slots if other is not slot)


# What stands in the SDK's functions meanwhile. `experiment` is a global of the module that they stand in.


def _get(experiment: Any) -> Any:
    slot = _current.get()
    return experiment if slot is None else slot.experiment


def _set(experiment: Any) -> None:
    slot = _current.get()
    if slot is not None:
        slot.experiment = experiment


def _getter() -> Any:
    from flytekitplugins.comet_ml import running

    return running._get(experiment)  # type: ignore[name-defined]


def _setter(new_experiment: Any) -> None:
    global experiment
    from flytekitplugins.comet_ml import running

    running._set(new_experiment)
    experiment = new_experiment  # type: ignore[name-defined]


_REPLACEMENTS: dict[str, Callable[..., Any]] = {
    "get_running_experiment": _getter,
    "get_global_experiment": _getter,
    "set_global_experiment": _setter,
}
_originals: dict[str, Any] = {}


def _by_context(sdk: Any) -> bool:
    return "set_global_experiment" in _originals or not isinstance(sdk, types.ModuleType)


def _process_wide(sdk: Any) -> Any:
    function = getattr(sdk, "get_running_experiment", None)
    if isinstance(function, types.FunctionType) and "experiment" in function.__globals__:
        return function.__globals__["experiment"]
    return sdk.get_running_experiment()


def _install(sdk: Any) -> None:
    functions = {name: getattr(getattr(sdk, "config", None), name, None) for name in _REPLACEMENTS}
    # Everybody in the SDK has these functions by reference: only their code is in one place.
    if all(isinstance(f, types.FunctionType) and "experiment" in f.__globals__ for f in functions.values()):
        for name, function in functions.items():
            assert isinstance(function, types.FunctionType)
            _originals[name] = function.__code__
            function.__code__ = _REPLACEMENTS[name].__code__
    for name in ("Experiment", "ExistingExperiment"):
        entrance = getattr(sdk, name, None)
        if isinstance(entrance, type) and "__init__" in vars(entrance):
            _originals[name] = vars(entrance)["__init__"]
            setattr(entrance, "__init__", _entrance(entrance, _originals[name]))  # noqa: B010
    if isinstance(sdk, types.ModuleType):
        _originals["start"] = sdk.start
        setattr(sdk, "start", _start(sdk, sdk.start))  # noqa: B010


def _uninstall(sdk: Any) -> None:
    for name, original in _originals.items():
        if name in _REPLACEMENTS:
            getattr(sdk.config, name).__code__ = original
        elif name == "start":
            sdk.start = original
        else:
            setattr(getattr(sdk, name), "__init__", original)  # noqa: B010
    _originals.clear()


# The entrances


def _can_join(sdk: Any) -> bool:
    """Whether `Experiment()` can continue an experiment that exists: `enable_get_or_create_mode`, from 3.49 on.

    Without it, such an object is dead and drops everything that is logged to it. `start` uses the same argument, and
    the constructor takes it as one of its undocumented ones.
    """
    init = _originals.get("Experiment")
    return init is not None and any(p.kind is p.VAR_KEYWORD for p in inspect.signature(init).parameters.values())


def _start(sdk: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def start(*args: Any, **kwargs: Any) -> Any:
        slot = _current.get()
        if slot is not None and slot.closed:
            # Without arguments: about a key, even a disabled experiment's, the server would be asked.
            return original(experiment_config=sdk.ExperimentConfig(disabled=True))
        if slot is None or slot.experiment is None:
            return original(*args, **kwargs)
        given = signature.bind_partial(*args, **kwargs).arguments
        if given.get("experiment_key") is None and given.get("mode") != "create":
            for name, value in slot.arguments.items():
                if given.get(name) is None and name in signature.parameters:
                    kwargs[name] = value
        return original(*args, **kwargs)

    return start


def _entrance(entrance: type, original: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        slot = _current.get()
        # A subclass comes by here again, through its own constructor.
        if slot is None or type(self) is not entrance:
            original(self, *args, **kwargs)
        elif slot.closed:
            given = signature.bind_partial(self, *args, **kwargs).arguments
            given = {name: value for name, value in given.items() if name in ("project_name", "workspace")}
            if "previous_experiment" in signature.parameters:
                given["previous_experiment"] = "0" * 32
            original(self, **given, disabled=True)
        else:
            key = slot.arguments.get("experiment_key")
            joins = slot.joins and "previous_experiment" not in signature.parameters
            if joins and key and kwargs.get("experiment_key") in (None, key):
                kwargs = {"enable_get_or_create_mode": True, **kwargs, "experiment_key": key}
            original(self, *args, **kwargs)

    return __init__
