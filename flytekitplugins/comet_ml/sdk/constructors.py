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
from .experiments import is_offline
from .fallback import online_or_offline, opened_offline
from .protocols import Arguments, Experiment, Keywords, Wrapped


def parameters_of(function: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    """The parameters of one of the SDK's functions, a method's ``self`` included."""
    return _parameters(getattr(function, "__func__", function))


@functools.lru_cache(maxsize=16)
def _parameters(function: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
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
    with within(call), call.settings(given.get("api_key")):
        if getattr(config, "disabled", False):
            with call.set_aside():
                disabled: Experiment = wrapped(**given)
            return disabled
        if running is None:
            return _made(call, _start(call, wrapped, given))
        meant = _meant(call, given.get("experiment_key"))
        if given.get("mode") == "create" or _is_another(call, given, meant):
            if given.get("experiment_key") is None and call.key_is_taken:
                # The task's key is in force, and belongs to the task's own.
                given["experiment_key"] = uuid.uuid4().hex
            with call.set_aside():
                return _made(call, _start(call, wrapped, given))
        if meant is None or meant is call.own:
            given |= {
                name: value for name, value in call.identity.items() if given.get(name) is None and name in parameters
            }
        if meant is None:
            with call.set_aside():
                return _made(call, _start(call, wrapped, given))
        call.running = meant
        experiment: Experiment = wrapped(**given)
        take_over(experiment, getattr(config, "name", None), getattr(config, "tags", None))
        return experiment


@in_no_file
def _start(call: Call, wrapped: Wrapped, given: Keywords) -> Experiment:
    if given.get("online") is False or "online" not in parameters_of(wrapped):
        experiment: Experiment = wrapped(**given)
        return experiment
    offline = functools.partial(wrapped, **{**given, "online": False})
    return online_or_offline(call, functools.partial(wrapped, **given), offline, given.get("api_key"))


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
    meant = _meant(call, key)
    is_first = call.running is None and not call.closed
    with within(call), call.settings(given.get("api_key")):
        if again:
            wrapped(*args, **kwargs)
            return
        if given.get("disabled"):
            with call.set_aside():
                wrapped(*args, **kwargs)
            return
        if call.closed:
            kept = {name: value for name, value in given.items() if name in ("project_name", "workspace")}
            wrapped(**kept, **({"previous_experiment": _NOBODY} if existing else {}), disabled=True)
            return
        if is_first and offline:
            wrapped(**_with_the_task_s_key(call, given, joins=False))
        elif is_first and not existing:
            _make(call, wrapped, instance, _with_the_task_s_key(call, given, joins=True))
        elif is_first:
            _make(call, wrapped, instance, given)
        elif (
            offline or _is_another(call, {**given, "experiment_key": key}, meant) or given.get("step_copy") is not None
        ):
            arguments = given if existing or key is not None else {**given, "experiment_key": uuid.uuid4().hex}
            with call.set_aside():
                if offline:
                    wrapped(**arguments)
                else:
                    _make(call, wrapped, instance, arguments)
        elif meant is not None and _alias(instance, meant):
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
        given.get("api_key"),
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


def _with_the_task_s_key(call: Call, given: Keywords, *, joins: bool) -> Keywords:
    """Arguments of the first experiment of a call whose session started none: the link leads to it."""
    key = call.identity.get("experiment_key")
    if key is None or given.get("experiment_key") is not None:
        return given
    return {**given, "experiment_key": key, **(_joining() if joins else {})}


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


def _is_another(call: Call, given: Keywords, meant: Experiment | None) -> bool:
    """Whether arguments ask for an experiment that the call does not have: neither its own, nor one by its key."""
    if given.get("experiment_key") is not None and meant is not None:
        return False
    names = {"project": "project_name"}
    wanted = {names.get(name, name): value for name, value in call.identity.items()}
    return any(given.get(name) not in (None, wanted.get(names.get(name, name))) for name in _DISTINGUISHING)


def _meant(call: Call, key: object) -> Experiment | None:
    """The experiment of a call that a key asks for, or, without a key, the task's own; None if it is not at work.

    It need not be the running one: that is another one, if the body has opened one beside the task's.
    """
    if call.in_forked_child:
        # It has none of the threads that send.
        return None
    own = call.own if call.own is not None else call.running
    asked = [each for each in reversed(call.opened) if each.get_key() == key] if key is not None else [own]
    return next((each for each in asked if each is not None and not call.is_over(each)), None)


def take_over(experiment: Experiment, name: object, tags: Iterable[str] | None = None) -> None:
    """Give an experiment the name and the tags that were asked for where it was joined."""
    call = nearest()
    # The decorator's name comes before anybody else's.
    if call is not None and experiment is call.own and call.name:
        name = call.name
    # Offline, `get_name` warns that there is no name yet.
    if isinstance(name, str) and name and (is_offline(experiment) or experiment.get_name() != name):
        experiment.set_name(name)
    missing = [tag for tag in tags or () if tag not in experiment.get_tags()]
    if missing:
        experiment.add_tags(missing)


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
