"""Which experiment is running: for each tracked call its own, also where calls overlap.

The SDK has one running experiment a process. Calls that run inside or beside each other (a local ``@dynamic``,
``@eager``, threads) would write into each other's, and starting one would end the other. In a tracked call the SDK's
functions for the running experiment answer by context instead: within the call (its coroutines included) with the
call's own; elsewhere, as in a thread that the call started, with the newest of the process.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..forks import process_lock
from .call import Call, calls, current
from .protocols import Experiment

_lock = process_lock()


@contextmanager
def own_call(sdk: Any) -> Iterator[Call]:
    """Give the context a running experiment of its own, none at first; what was running before is again, afterwards.

    Args:
        sdk: The `comet_ml` module, or what a test has put in its place.
    """
    with _lock():
        # Out of any call, the SDK's answer is the newest of the process, which may be that of a call beside this one.
        is_inside = current.get() is not None or not calls
        call = Call(process_wide(sdk), sdk.get_running_experiment() if is_inside else None)
        call.streams = calls[0].streams if calls else {name: getattr(sys, name) for name in ("stdout", "stderr")}
        if not _answers_by_context(sdk):
            sdk.config.set_global_experiment(None)
        calls.append(call)
    outer = current.get()
    current.set(call)
    try:
        yield call
    finally:
        # Out of any call for a moment: what follows is about the process.
        current.set(None)
        with _lock():
            if call in calls:
                calls.remove(call)
            # A call that began during this one, and goes on, has this one's experiment as the one before it.
            for other in calls:
                if other.before is not None and any(other.before is each for each in call.opened):
                    other.before = call.before
            running = process_wide(sdk)
            if running is not None and not any(other.experiment_of(running) for other in calls if other is not call):
                sdk.config.set_global_experiment(call.before)
            if not calls:
                _give_back_output(call.streams)
        current.set(outer)


def process_wide(sdk: Any) -> Experiment | None:
    """The running experiment of the process, whatever the context's is."""
    function = sdk.get_running_experiment
    ours = isinstance(function, types.FunctionType) and "experiment" in function.__globals__
    experiment: Experiment | None = function.__globals__["experiment"] if ours else function()
    return experiment


def is_of_another_call(call: Call, experiment: Experiment) -> bool:
    """Whether an experiment is one of another tracked call that runs."""
    return any(other.experiment_of(experiment) for other in calls if other is not call)


# What stands in the SDK's functions. `experiment` is a global of the module that they stand in.


def _get(experiment: Experiment | None) -> Experiment | None:
    call = current.get()
    return experiment if call is None else call.running


def _set(experiment: Experiment | None) -> None:
    call = current.get()
    if call is not None:
        call.running = experiment
        if experiment is not None:
            call.on_open(experiment)


def _getter() -> object:
    from flytekitplugins.comet_ml.sdk import running_experiment

    return running_experiment._get(experiment)  # type: ignore[name-defined]


def _setter(new_experiment: Experiment | None) -> None:
    global experiment
    from flytekitplugins.comet_ml.sdk import running_experiment

    running_experiment._set(new_experiment)
    experiment = new_experiment  # type: ignore[name-defined]


FUNCTIONS: dict[str, Callable[..., object]] = {
    "get_running_experiment": _getter,
    "get_global_experiment": _getter,
    "set_global_experiment": _setter,
}
"""The SDK's functions, all in `comet_ml.config`, and what they do instead."""


def answer_by_context() -> None:
    """Have the SDK's functions answer by context, all of them or none.

    Everybody holds these functions by ``from comet_ml import ...``, the SDK's own modules too: only their code is in
    one place. So it is the code that is replaced, for good; outside of a tracked call it does what it did.
    """
    config = importlib.import_module("comet_ml.config")
    theirs = {name: getattr(config, name, None) for name in FUNCTIONS}
    if all(isinstance(each, types.FunctionType) and "experiment" in each.__globals__ for each in theirs.values()):
        for name, function in theirs.items():
            setattr(function, "__code__", FUNCTIONS[name].__code__)  # noqa: B010 - for type checkers, it may be None


def _answers_by_context(sdk: object) -> bool:
    function = getattr(getattr(sdk, "config", None), "set_global_experiment", None)
    return getattr(function, "__code__", None) is _setter.__code__ or not isinstance(sdk, types.ModuleType)


def _give_back_output(streams: dict[str, object]) -> None:
    """Put back `sys.stdout` and `sys.stderr` where the SDK has left its own: it does after experiments that overlap."""
    for name, stream in streams.items():
        if type(getattr(sys, name)).__module__ == "comet_ml.console":
            setattr(sys, name, stream)
