"""Opening an experiment in a tracked call: `start`, `Experiment` and `ExistingExperiment`.

What asks for nothing else gets the call's own experiment. What asks for another one opens it beside that, and both
live. In a process that is not to track (a rank other than the primary one) whatever is opened is disabled.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import types
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .call import Call, direct, nearest, within

_F = TypeVar("_F", bound=Callable[..., Any])

_signature = functools.lru_cache(maxsize=16)(inspect.signature)


def parameters_of(function: Any) -> Mapping[str, inspect.Parameter]:
    """The parameters of one of the SDK's functions: every call needs some, and to find them takes a while."""
    # A bound method would keep its instance in the cache.
    return _signature(getattr(function, "__func__", function)).parameters


def _given(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, those that the SDK takes as further keywords among them."""
    plain = getattr(function, "__func__", function)
    owner = (None,) if plain is not function else ()
    given = dict(_signature(plain).bind_partial(*owner, *args, **kwargs).arguments)
    given.pop("self", None)
    further = given.pop("kwargs", {})
    return {**given, **further}


_NOBODY = "0" * 32
_DISTINGUISHING = ("experiment_key", "project", "project_name", "workspace")


def in_no_file(function: _F) -> _F:
    """Have a function stand in no file: the SDK takes the first on the stack that is not its own for the source."""
    assert isinstance(function, types.FunctionType)
    function.__code__ = function.__code__.replace(co_filename=f"<{__name__}>")
    return function


@in_no_file
def start(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `comet_ml.start` does in a tracked call."""
    call = nearest()
    if call is None or direct.get():
        return wrapped(*args, **kwargs)
    import comet_ml

    if call.closed:
        running = call.running
        return running if running is not None and not running.ended else comet_ml.Experiment(disabled=True)
    parameters, given = parameters_of(wrapped), _given(wrapped, args, kwargs)
    with within(call):
        if call.running is None:
            config = given.get("experiment_config")
            if config is None and call.first_arguments and "experiment_config" in parameters:
                given["experiment_config"] = comet_ml.ExperimentConfig(**call.first_arguments)
            return _made(call, wrapped(**given))
        if given.get("mode") == "create" or _is_another(call, given):
            if given.get("experiment_key") is None and call.key_is_taken:
                # The task's key is in force, and belongs to the task's own.
                given["experiment_key"] = uuid.uuid4().hex
            with call.set_aside():
                return _made(call, wrapped(**given))
        given |= {
            name: value for name, value in call.identity.items() if given.get(name) is None and name in parameters
        }
        known = len(call.opened)
        experiment = wrapped(**given)
        if len(call.opened) > known:
            # The one before had ended.
            call.on_made(experiment)
        else:
            take_over(experiment, given.get("experiment_config"))
        return experiment


@in_no_file
def experiment(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """What `Experiment(...)` does in a tracked call."""
    import comet_ml

    # ExistingExperiment comes by here again, through the constructor of its base.
    if isinstance(instance, comet_ml.ExistingExperiment):
        wrapped(*args, **kwargs)
    else:
        _construct(wrapped, instance, args, kwargs)


@in_no_file
def existing_experiment(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """What `ExistingExperiment(...)` does in a tracked call."""
    _construct(wrapped, instance, args, kwargs)


@in_no_file
def offline_experiment(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """What `OfflineExperiment(...)` does in a tracked call: it is one beside the task's, which has the key in force."""
    call = nearest()
    if call is None or direct.get() or (call.running is None and not call.closed):
        wrapped(*args, **kwargs)
        return
    given = _given(wrapped, args, kwargs)
    if call.closed:
        given["disabled"] = True
    elif given.get("experiment_key") is None:
        given["experiment_key"] = uuid.uuid4().hex
    with within(call), call.set_aside():
        wrapped(**given)
        call.on_made(instance)


@in_no_file
def _construct(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    call = nearest()
    given = _given(wrapped, args, kwargs)
    if call is None or direct.get() or given.get("disabled"):
        wrapped(*args, **kwargs)
        return
    existing = "previous_experiment" in parameters_of(wrapped)
    key = given.get("experiment_key") or given.get("previous_experiment")
    with within(call):
        if call.closed:
            kept = {name: value for name, value in given.items() if name in ("project_name", "workspace")}
            wrapped(**kept, **({"previous_experiment": _NOBODY} if existing else {}), disabled=True)
        elif call.running is None:
            if not existing:
                _first(call, wrapped, instance, given)
            else:
                wrapped(**given)
                call.on_made(instance)
        elif _is_another(call, {**given, "experiment_key": key}) or given.get("step_copy") is not None:
            with call.set_aside():
                wrapped(**({"experiment_key": uuid.uuid4().hex, **given} if key is None and not existing else given))
                call.on_made(instance)
        elif call.is_at_work and _alias(instance, call.running):
            importlib.import_module("comet_ml.config").set_global_experiment(instance)
        else:
            wrapped(**_with_a_key(call, given, existing))
            call.on_made(instance)


@in_no_file
def _first(call: Call, wrapped: Any, instance: Any, given: dict[str, Any]) -> None:
    """Make the first experiment of a call whose session started none: the decorator's settings are for it."""
    key = call.identity.get("experiment_key")
    if given.get("experiment_key") is None and key is not None:
        given = {**given, "experiment_key": key, **_joining(wrapped)}
    parameters = parameters_of(wrapped)
    defaults = {name: value for name, value in call.first_arguments.items() if name in parameters}
    wrapped(**{**defaults, **given})
    name, tags = call.first_arguments.get("name"), call.first_arguments.get("tags")
    if name:
        instance.set_name(name)
    if tags:
        instance.add_tags(list(tags))
    call.on_made(instance)


def _made(call: Call, experiment: Any) -> Any:
    call.on_made(experiment)
    return experiment


def _with_a_key(call: Call, given: dict[str, Any], existing: bool) -> dict[str, Any]:
    """Arguments with the key that is meant.

    In a forked child that is the task's: it has none of the threads that send. Otherwise, a constructor that names no
    key makes a new experiment, as it does without us: the task's key, which is in force, belongs to the task's own.
    """
    if existing or given.get("experiment_key") is not None:
        key = given.get("experiment_key")
        joins = not existing and key == call.identity.get("experiment_key")
        return {**_joining(None), **given} if joins else given
    if call.in_forked_child:
        return {**_joining(None), **given, "experiment_key": call.identity.get("experiment_key")}
    return {**given, "experiment_key": uuid.uuid4().hex}


def _joining(constructor: Any) -> dict[str, Any]:
    """The argument by which `Experiment` continues one that exists: `start` uses it, from comet-ml 3.49 on."""
    import comet_ml

    original = constructor or comet_ml.Experiment.__init__
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters_of(original).values())
    return {"enable_get_or_create_mode": True} if takes_any else {}


def can_join() -> bool:
    """Whether this SDK's `Experiment` can continue one that exists; if not, such an object drops what is logged."""
    return bool(_joining(None))


def _is_another(call: Call, given: dict[str, Any]) -> bool:
    """Whether arguments ask for another experiment than the call's."""
    names = {"project": "project_name"}
    wanted = {names.get(name, name): value for name, value in call.identity.items()}
    return any(given.get(name) not in (None, wanted.get(names.get(name, name))) for name in _DISTINGUISHING)


def take_over(experiment: Any, config: Any) -> None:
    """Give an experiment the name and tags that somebody asked for when he joined it."""
    name, tags = getattr(config, "name", None), getattr(config, "tags", None)
    if isinstance(name, str) and name and experiment.get_name() != name and not _named_by_us(experiment):
        experiment.set_name(name)
    if tags:
        experiment.add_tags(list(tags))


def _named_by_us(experiment: Any) -> bool:
    """Whether the decorator has a name for the experiment, which comes before anybody else's."""
    call = nearest()
    return call is not None and experiment is call.own and bool(call.first_arguments.get("name"))


def _alias(experiment: Any, running: Any) -> bool:
    """Make an object that is being constructed the running experiment under another name, if their kinds allow it."""
    import comet_ml

    kinds = (type(running), comet_ml.ExistingExperiment)
    if type(experiment).__module__.split(".")[0] == "comet_ml":
        experiment.__class__ = type(running)
    elif any(isinstance(experiment, kind) != isinstance(running, kind) for kind in kinds):
        # A class of the user's, made for another kind.
        return False
    experiment.__dict__ = running.__dict__
    return True
