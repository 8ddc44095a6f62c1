"""Opening an experiment in a tracked call: `start`, `Experiment` and `ExistingExperiment`.

Who asks for no other experiment gets the task's own. Who asks for another one gets it beside the task's, and both live.
In a process that does not track (a rank other than the primary one), every experiment is disabled.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import uuid
from collections.abc import Callable, Iterable, Mapping

from .call import Call, in_body, in_no_file, nearest, within
from .fallback import online_or_offline, opened_offline
from .protocols import Arguments, Experiment, Keywords, Wrapped


def parameters_of(function: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    """The parameters of one of the SDK's functions."""
    return inspect.signature(function).parameters


def _given(function: Wrapped, args: Arguments, kwargs: Keywords) -> Keywords:
    """The arguments of a call by name, those that the SDK takes as further keywords among them."""
    given = dict(inspect.signature(function).bind_partial(*args, **kwargs).arguments)
    further = given.pop("kwargs", {})
    return {**given, **further}


_NOBODY = "0" * 32
_DISTINGUISHING = ("experiment_key", "project", "project_name", "workspace")


@in_body
@in_no_file
def start(call: Call, wrapped: Wrapped, instance: None, args: Arguments, kwargs: Keywords) -> Experiment:
    """What `comet_ml.start` does in a tracked call."""
    comet_ml, running = importlib.import_module("comet_ml"), call.running
    if call.closed:
        made: Experiment = comet_ml.Experiment(disabled=True) if running is None or call.is_over(running) else running
        return made
    parameters, given = parameters_of(wrapped), _given(wrapped, args, kwargs)
    config = given.get("experiment_config")
    with within(call):
        if running is None:
            if config is None and call.first_arguments and "experiment_config" in parameters:
                given["experiment_config"] = comet_ml.ExperimentConfig(**call.first_arguments)
            return _made(call, _start(call, wrapped, given))
        if given.get("mode") == "create" or _is_another(call, given):
            if given.get("experiment_key") is None and call.key_is_taken:
                # The task's key is in force, and belongs to the task's own.
                given["experiment_key"] = uuid.uuid4().hex
            with call.set_aside():
                return _made(call, _start(call, wrapped, given))
        given |= {
            name: value for name, value in call.identity.items() if given.get(name) is None and name in parameters
        }
        if call.is_over(running):
            with call.set_aside():
                return _made(call, _start(call, wrapped, given))
        experiment: Experiment = wrapped(**given)
        take_over(experiment, getattr(config, "name", None), getattr(config, "tags", None))
        return experiment


@in_no_file
def _start(call: Call, wrapped: Wrapped, given: Keywords) -> Experiment:
    if given.get("online") is False or "online" not in parameters_of(wrapped):
        experiment: Experiment = wrapped(**given)
        return experiment
    offline = functools.partial(wrapped, **{**given, "online": False})
    return online_or_offline(call, functools.partial(wrapped, **given), offline)


@in_body
@in_no_file
def experiment(call: Call, wrapped: Wrapped, instance: Experiment, args: Arguments, kwargs: Keywords) -> None:
    """What `Experiment(...)`, `ExistingExperiment(...)` and `OfflineExperiment(...)` do in a tracked call."""
    import comet_ml

    given = _given(wrapped, args, kwargs)
    existing = "previous_experiment" in parameters_of(wrapped)
    offline = isinstance(instance, comet_ml.OfflineExperiment)
    # ExistingExperiment comes by here again, through the constructor of its base.
    again = isinstance(instance, comet_ml.ExistingExperiment) and not existing
    key = given.get("experiment_key") or given.get("previous_experiment")
    is_first = call.running is None and not call.closed
    with within(call):
        if again or given.get("disabled") or (offline and is_first):
            wrapped(*args, **kwargs)
            return
        if call.closed:
            kept = {name: value for name, value in given.items() if name in ("project_name", "workspace")}
            wrapped(**kept, **({"previous_experiment": _NOBODY} if existing else {}), disabled=True)
            return
        if is_first and not existing:
            _first(call, wrapped, instance, given)
        elif is_first:
            _make(call, wrapped, instance, given)
        elif offline or _is_another(call, {**given, "experiment_key": key}) or given.get("step_copy") is not None:
            arguments = given if existing or key is not None else {**given, "experiment_key": uuid.uuid4().hex}
            with call.set_aside():
                if offline:
                    wrapped(**arguments)
                else:
                    _make(call, wrapped, instance, arguments)
        elif call.running is not None and call.is_at_work and _alias(instance, call.running):
            importlib.import_module("comet_ml.config").set_global_experiment(instance)
            return
        else:
            with call.set_aside():
                _make(call, wrapped, instance, given if existing else _with_a_key(call, given))
        call.on_made(instance)


@in_no_file
def _make(call: Call, wrapped: Wrapped, instance: Experiment, given: Keywords) -> None:
    """Make an experiment that is to be sent, or turn the object into an offline one if Comet is away."""
    online_or_offline(
        call,
        functools.partial(_made_online, wrapped, instance, given),
        functools.partial(_made_offline, call, instance, given),
    )


@in_no_file
def _made_online(wrapped: Wrapped, instance: Experiment, given: Keywords) -> Experiment:
    wrapped(**given)
    return instance


@in_no_file
def _made_offline(call: Call, instance: Experiment, given: Keywords) -> Experiment | None:
    if type(instance).__module__.split(".")[0] != "comet_ml":
        # A class of the user's, which cannot become another.
        return None
    _alias(instance, opened_offline(call, given))
    importlib.import_module("comet_ml.config").set_global_experiment(instance)
    return instance


@in_no_file
def _first(call: Call, wrapped: Wrapped, instance: Experiment, given: Keywords) -> None:
    """Make the first experiment of a call whose session started none: the decorator's settings are for it."""
    key, defaults, parameters = call.identity.get("experiment_key"), call.first_arguments, parameters_of(wrapped)
    if given.get("experiment_key") is None and key is not None:
        given = {**given, "experiment_key": key, **_joining()}
    _make(call, wrapped, instance, {name: value for name, value in defaults.items() if name in parameters} | given)
    if defaults.get("name"):
        instance.set_name(defaults["name"])
    if defaults.get("tags"):
        instance.add_tags(list(defaults["tags"]))


def _made(call: Call, experiment: Experiment) -> Experiment:
    call.on_made(experiment)
    return experiment


def _with_a_key(call: Call, given: Keywords) -> Keywords:
    """Arguments of `Experiment` with the key that is meant.

    A forked child has none of the threads that send for the task's experiment, and so makes that anew. Elsewhere a
    constructor that names no key makes a new experiment, as it does without us: the task's key is the task's own.
    """
    own, key = call.identity.get("experiment_key"), given.get("experiment_key")
    if key is None:
        key = own if call.in_forked_child else uuid.uuid4().hex
    return {**(_joining() if key == own else {}), **given, "experiment_key": key}


def _joining() -> dict[str, bool]:
    """The argument by which `Experiment` continues one that exists: `start` uses it, from comet-ml 3.49 on."""
    return {"enable_get_or_create_mode": True} if can_join() else {}


def can_join() -> bool:
    """Whether this SDK's `Experiment` can continue one that exists; if not, such an object drops what is logged."""
    import comet_ml

    return any(p.kind is p.VAR_KEYWORD for p in parameters_of(comet_ml.Experiment.__init__).values())


def _is_another(call: Call, given: Keywords) -> bool:
    """Whether arguments ask for another experiment than the call's."""
    names = {"project": "project_name"}
    wanted = {names.get(name, name): value for name, value in call.identity.items()}
    return any(given.get(name) not in (None, wanted.get(names.get(name, name))) for name in _DISTINGUISHING)


def take_over(experiment: Experiment, name: object, tags: Iterable[str] | None = None) -> None:
    """Give an experiment the name and the tags that were asked for where it was joined."""
    call = nearest()
    # The decorator's name comes before anybody else's.
    named = call is not None and experiment is call.own and call.first_arguments.get("name")
    if isinstance(name, str) and name and experiment.get_name() != name and not named:
        experiment.set_name(name)
    if tags:
        experiment.add_tags(list(tags))


def _alias(experiment: Experiment, running: Experiment) -> bool:
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
