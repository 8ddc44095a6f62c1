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
import os
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .sdk import give_back_output, signature

_lock = threading.RLock()
_current: ContextVar[Slot | None] = ContextVar("running_experiment", default=None)
_slots: list[Slot] = []


class Slot:
    """The place of a tracked call's running experiment.

    Attributes:
        experiment: What is running in the call; None until one is started.
        before: What was running in the process before the call.
        outer: What was running in the context before the call: its caller's experiment.
        arguments: What a bare `comet_ml.start` in the call means: workspace, project, key.
        closed: Whether whatever is opened in the call is to be disabled.
        passing: Whether an entrance has let a call through, and so lets those pass that the SDK makes in it.
        joins: Whether this SDK's `Experiment()` can continue an experiment that has ended.
        opened: Called with every experiment that is opened in the call, while the SDK makes it.
    """

    def __init__(self, before: Any, outer: Any) -> None:
        self.experiment: Any = None
        self.before = before
        self.outer = outer
        self.arguments: dict[str, Any] = {}
        self.closed = False
        self.passing = False
        self.joins = False
        self.opened: Callable[[Any], None] = lambda experiment: None


@contextmanager
def own_experiment(sdk: Any) -> Iterator[Slot]:
    """Give the context a running experiment of its own, none at first; what was running before is again, afterwards.

    Args:
        sdk: The `comet_ml` module.
    """
    with _lock:
        slot = Slot(_process_wide(sdk), sdk.get_running_experiment())
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
        # Out of any call for a moment: what follows is about the process.
        _current.set(None)
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
        _current.set(outer)


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
        slot.opened(experiment)


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
_replaced: dict[str, Any] = {}
_streams: dict[str, Any] = {}


def _by_context(sdk: Any) -> bool:
    return "set_global_experiment" in _originals or type(sdk) is not types.ModuleType


def _process_wide(sdk: Any) -> Any:
    function = getattr(sdk, "get_running_experiment", None)
    if isinstance(function, types.FunctionType) and "experiment" in function.__globals__:
        return function.__globals__["experiment"]
    return sdk.get_running_experiment()


def _install(sdk: Any) -> None:
    _streams.update(stdout=sys.stdout, stderr=sys.stderr)
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
            _replaced[name] = _in_no_file(_entrance(sdk, entrance, _originals[name]))
            setattr(entrance, "__init__", _replaced[name])  # noqa: B010
    if type(sdk) is types.ModuleType:
        _originals["start"] = sdk.start
        _replaced["start"] = _in_no_file(_start(sdk, sdk.start))
        setattr(sdk, "start", _replaced["start"])  # noqa: B010


def _uninstall(sdk: Any) -> None:
    for name, original in _originals.items():
        if name in _REPLACEMENTS:
            getattr(sdk.config, name).__code__ = original
        elif name == "start":
            if sdk.start is _replaced[name]:
                sdk.start = original
        elif vars(getattr(sdk, name))["__init__"] is _replaced[name]:
            setattr(getattr(sdk, name), "__init__", original)  # noqa: B010
    _originals.clear()
    give_back_output(**_streams)
    _streams.clear()


# The entrances


def _in_no_file(entrance: Any) -> Any:
    """Have an entrance stand in no file: the SDK takes the first on the stack that is not its own for the source."""
    entrance.__code__ = entrance.__code__.replace(co_filename=f"<{__name__}>")
    return entrance


def _can_join(sdk: Any) -> bool:
    """Whether an `Experiment` can continue one that exists and has ended: `enable_get_or_create_mode`, from 3.49 on.

    Without it, such an object is dead and drops everything that is logged to it. `start` uses the same argument, and
    the constructor takes it as one of its undocumented ones.
    """
    init = _originals.get("Experiment")
    return init is not None and any(p.kind is p.VAR_KEYWORD for p in signature(init).parameters.values())


def _start(sdk: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    parameters = signature(original)

    @functools.wraps(original)
    def start(*args: Any, **kwargs: Any) -> Any:
        slot = _current.get()
        if slot is not None and slot.closed:
            running = slot.experiment
            return running if running is not None and not running.ended else sdk.Experiment(disabled=True)
        if slot is None or slot.experiment is None or slot.passing:
            return original(*args, **kwargs)
        given = parameters.bind_partial(*args, **kwargs).arguments
        if given.get("mode") == "create" or _is_another(slot, given):
            with _beside(slot):
                return original(*args, **kwargs)
        for name, value in slot.arguments.items():
            if given.get(name) is None and name in parameters.parameters:
                kwargs[name] = value
        with _passing(slot):
            return original(*args, **kwargs)

    return start


def _entrance(sdk: Any, entrance: type, original: Callable[..., Any]) -> Callable[..., Any]:
    parameters = signature(original)
    existing = sdk.ExistingExperiment

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        slot = _current.get()
        # ExistingExperiment comes by here again, through the constructor of its base.
        if slot is None or (entrance is not existing and isinstance(self, existing)):
            original(self, *args, **kwargs)
            return
        given = _flat(parameters.bind_partial(self, *args, **kwargs).arguments)
        key = given.get("experiment_key") or given.get("previous_experiment")
        if slot.closed:
            given = {name: value for name, value in given.items() if name in ("project_name", "workspace")}
            if entrance is existing:
                given["previous_experiment"] = "0" * 32
            original(self, **given, disabled=True)
        elif slot.experiment is None or slot.passing or given.get("disabled"):
            original(self, *args, **kwargs)
        elif _is_another(slot, {**given, "experiment_key": key}) or given.get("step_copy") is not None:
            with _beside(slot):
                original(self, *args, **kwargs)
        elif not slot.experiment.ended and _alias(sdk, self, slot.experiment):
            sdk.config.set_global_experiment(self)
        elif slot.joins and entrance is not existing:
            kwargs = {"enable_get_or_create_mode": True, **kwargs, "experiment_key": slot.arguments["experiment_key"]}
            original(self, *args, **kwargs)
        else:
            original(self, *args, **kwargs)

    return __init__


@contextmanager
def _passing(slot: Slot) -> Iterator[None]:
    slot.passing = True
    try:
        yield
    finally:
        slot.passing = False


def _flat(arguments: dict[str, Any]) -> dict[str, Any]:
    """Bound arguments with those that the SDK takes as further keywords among them."""
    return {**arguments, **arguments.get("kwargs", {})}


def _is_another(slot: Slot, given: dict[str, Any]) -> bool:
    """Whether arguments ask for another experiment than the call's."""
    names = {"project": "project_name"}
    wanted = {names.get(name, name): value for name, value in slot.arguments.items()}
    return any(given.get(name) not in (None, wanted.get(names.get(name, name))) for name in _DISTINGUISHING)


_DISTINGUISHING = ("experiment_key", "project", "project_name", "workspace")


@contextmanager
def _beside(slot: Slot) -> Iterator[None]:
    """Open another experiment: the call's own is ended first, since the SDK would drop what it has not sent."""
    if not slot.experiment.ended:
        slot.experiment.end()
    exported = os.environ.pop("COMET_EXPERIMENT_KEY", None)
    try:
        with _passing(slot):
            yield
    finally:
        if exported is not None:
            os.environ["COMET_EXPERIMENT_KEY"] = exported


def _alias(sdk: Any, experiment: Any, running: Any) -> bool:
    """Make an object that is being constructed the running experiment under another name, if their kinds allow it."""
    kinds = (type(running), sdk.ExistingExperiment)
    if type(experiment).__module__.split(".")[0] == "comet_ml":
        experiment.__class__ = type(running)
    elif any(isinstance(experiment, kind) != isinstance(running, kind) for kind in kinds):
        # A class of the user's, made for another kind.
        return False
    experiment.__dict__ = running.__dict__
    return True
