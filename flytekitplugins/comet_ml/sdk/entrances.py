"""The SDK's entrances (`start`, `Experiment`, `ExistingExperiment`) while a tracked call runs.

They are held open to the call's experiment, or, in a process that is not to track (a rank other than the primary one),
closed to any.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from . import signature
from .slot import Slot, nearest


def _in_no_file(entrance: Any) -> Callable[..., Any]:
    """Have an entrance stand in no file: the SDK takes the first on the stack that is not its own for the source."""
    entrance.__code__ = entrance.__code__.replace(co_filename=f"<{__name__}>")
    replaced: Callable[..., Any] = entrance
    return replaced


def can_join(constructor: Any) -> bool:
    """Whether an `Experiment` can continue one that exists and has ended: `enable_get_or_create_mode`, from 3.49 on.

    Without it, such an object is dead and drops everything that is logged to it. `start` uses the same argument, and
    the constructor takes it as one of its undocumented ones.

    Args:
        constructor: The SDK's own ``Experiment.__init__``; None where it could not be found.
    """
    if constructor is None:
        return False
    return any(p.kind is p.VAR_KEYWORD for p in signature(constructor).parameters.values())


def start(sdk: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    """What stands in the place of `comet_ml.start`.

    Args:
        sdk: The `comet_ml` module.
        original: The SDK's function.
    """
    parameters = signature(original)

    @functools.wraps(original)
    def start(*args: Any, **kwargs: Any) -> Any:
        slot = nearest()
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

    return _in_no_file(start)


def constructor(sdk: Any, entrance: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """What stands in the place of the constructor of `Experiment` or `ExistingExperiment`.

    Args:
        sdk: The `comet_ml` module.
        entrance: The class.
        original: The SDK's constructor.
    """
    parameters = signature(original)
    existing = sdk.ExistingExperiment

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        slot = nearest()
        # ExistingExperiment comes by here again, through the constructor of its base.
        if slot is None or (entrance is not existing and isinstance(self, existing)):
            original(self, *args, **kwargs)
            return
        if construct(slot, self, *args, **kwargs):
            slot.made(self)

    def construct(slot: Slot, self: Any, *args: Any, **kwargs: Any) -> bool:
        """Make it, and say whether it is one that was not there before."""
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
        elif slot.is_at_work and _alias(sdk, self, slot.experiment):
            sdk.config.set_global_experiment(self)
            return False
        elif slot.joins and entrance is not existing:
            kwargs = {"enable_get_or_create_mode": True, **kwargs, "experiment_key": slot.arguments["experiment_key"]}
            original(self, *args, **kwargs)
        else:
            original(self, *args, **kwargs)
        return True

    construct = _in_no_file(construct)
    return _in_no_file(__init__)


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
    if slot.is_at_work:
        slot.end(slot.experiment)
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
