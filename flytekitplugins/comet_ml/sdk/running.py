"""Which experiment is running: for each tracked call its own, also where calls overlap.

The SDK has one running experiment a process. Calls that run inside or beside each other (a local ``@dynamic``,
``@eager``, threads) would write into each other's, and starting one would end the other. While a tracked call runs,
the SDK's functions for the running experiment answer by context instead: within the call (its coroutines included)
with the call's own; elsewhere, as in a thread that the call started, with the newest of the process.
"""

from __future__ import annotations

import os
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from . import entrances, give_back_output
from .slot import Slot, current
from .slot import slots as _slots

_lock = threading.RLock()


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
        slot.joins = entrances.can_join(_originals.get("Experiment"))
        _slots.append(slot)
    outer = current.get()
    current.set(slot)
    try:
        yield slot
    finally:
        # Out of any call for a moment: what follows is about the process.
        current.set(None)
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
        current.set(outer)


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
    slot = current.get()
    return experiment if slot is None else slot.experiment


def _set(experiment: Any) -> None:
    slot = current.get()
    if slot is not None:
        slot.experiment = experiment
        slot.opened(experiment)


def _getter() -> Any:
    from flytekitplugins.comet_ml.sdk import running

    return running._get(experiment)  # type: ignore[name-defined]


def _setter(new_experiment: Any) -> None:
    global experiment
    from flytekitplugins.comet_ml.sdk import running

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
            _replaced[name] = entrances.constructor(sdk, entrance, _originals[name])
            setattr(entrance, "__init__", _replaced[name])  # noqa: B010
    if type(sdk) is types.ModuleType:
        _originals["start"] = sdk.start
        _replaced["start"] = entrances.start(sdk, sdk.start)
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


def _in_forked_child() -> None:
    # A thread that is not there any more may have held it.
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
