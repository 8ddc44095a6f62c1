"""Calls that only the server can answer, while it does not: offline, in an outage, or disabled.

A body does not know whether the server is there, or whether its process is the one that tracks. So what can be kept is
kept. A call that only shows or tells something does nothing. A call that needs an answer raises an error that says so.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping

from ..log import logger
from . import artifacts, refusals
from .call import Call, call_of, direct, nearest
from .experiments import is_offline
from .protocols import Arguments, Experiment, Keywords, Wrapped, Wrapper
from .sending import is_connected
from .threads import answer_within, wait_until


class _NoAnswerError(Exception):
    """The server does not answer; the message says why."""


def log_artifact(wrapped: Wrapped, instance: Experiment, args: Arguments, kwargs: Keywords) -> object:
    """Log an artifact; where Comet cannot make it, its files and all that is known of it are kept."""
    artifact = args[0] if args else kwargs.get("artifact")
    if _call_of(instance) is None or artifact is None or not hasattr(artifact, "assets") or len(args) > 1:
        return wrapped(*args, **kwargs)
    if instance.disabled:
        return artifacts.known_of(artifact, instance)
    if is_offline(instance):
        return artifacts.keep(instance, artifact)
    try:
        return _answer(wrapped, instance, args, kwargs)
    except _NoAnswerError as no_answer:
        cause = no_answer.__cause__
        reason = str(no_answer) if cause is None else type(cause).__name__
    logger.warning(
        "Comet has not made the artifact %r: it cannot be reached (%s). Its files are logged as assets of the "
        "experiment.",
        str(artifact.name),
        reason,
    )
    return artifacts.keep(instance, artifact)


def needs_the_server(wrapped: Wrapped, instance: Experiment, args: Arguments, kwargs: Keywords) -> object:
    """Ask the server; where it does not answer, say that the call cannot work, and what to do."""
    try:
        return _answer(wrapped, instance, args, kwargs)
    except _NoAnswerError as reason:
        raise artifacts.needs_the_server(f"{_name(wrapped)}()", str(reason)) from reason.__cause__


def nothing(wrapped: Wrapped, instance: Experiment, args: Arguments, kwargs: Keywords) -> object:
    """Show something, or tell the server; where it does not answer, the body does not wait for it."""
    if instance.disabled:
        return wrapped(*args, **kwargs)
    try:
        return _answer(wrapped, instance, args, kwargs)
    except _NoAnswerError as reason:
        logger.debug("%s() does nothing: %s.", _name(wrapped), reason)
        return None


def log_embedding(wrapped: Wrapped, instance: Experiment, args: Arguments, kwargs: Keywords) -> object:
    """Log an embedding; older SDKs refuse that offline."""
    try:
        return wrapped(*args, **kwargs)
    except NotImplementedError:
        if _call_of(instance) is None:
            raise
        logger.warning("This comet-ml logs no embedding offline: it is lost. Newer versions keep it.")
        return None


def add_tags(wrapped: Wrapped, instance: Experiment, args: Arguments, kwargs: Keywords) -> object:
    """Add tags, which an experiment keeps for its archive and tells the server at once."""
    if _call_of(instance) is None or instance.disabled or is_connected(instance):
        return nothing(wrapped, instance, args, kwargs)
    online = importlib.import_module("comet_ml").Experiment
    # This does no more than an offline experiment does.
    getattr(super(online, instance), _name(wrapped))(*args, **kwargs)
    return None


def url(wrapped: Wrapped, instance: Experiment | None, args: Arguments, kwargs: Keywords) -> object:
    """The address of an experiment. An offline one has the address that it will have in Comet."""
    # A property's function is called with the object.
    experiment: Experiment = args[0] if instance is None else instance
    call = call_of(experiment) if is_offline(experiment) else None
    return wrapped(*args, **kwargs) if call is None else call.url_of(experiment)


def _answer(wrapped: Wrapped, experiment: Experiment, args: Arguments, kwargs: Keywords) -> object:
    """What the SDK gives, with the time that the body may wait for a server that is away.

    Raises:
        _NoAnswerError: If there is no server to ask, or it does not answer.
    """
    call = _call_of(experiment)
    if call is None:
        return wrapped(*args, **kwargs)
    if experiment.disabled:
        raise _NoAnswerError("the experiment is disabled in this process")
    if is_offline(experiment):
        raise _NoAnswerError("the experiment of this task is offline")
    if not is_connected(experiment):
        raise _NoAnswerError("the connection to Comet is lost")
    begun = time.monotonic()
    answer = answer_within(0.05, lambda: wrapped(*args, **kwargs), "comet-ml-asking")
    deadline = begun + call.seconds_to_wait
    wait_until(lambda: answer.done() or not is_connected(experiment), lambda: deadline)
    outage = answer.exception() if answer.done() else None
    if answer.done() and (outage is None or not refusals.is_outage(outage)):
        return answer.result()
    call.seconds_to_wait -= time.monotonic() - begun
    raise _NoAnswerError("Comet cannot be reached") from outage


def _call_of(experiment: Experiment) -> Call | None:
    """The call in which the body uses an experiment."""
    if direct.get():
        return None
    # A disabled one is in no list.
    return call_of(experiment) or (nearest() if experiment.disabled else None)


def _name(wrapped: Wrapped) -> str:
    return str(getattr(wrapped, "__name__", "this"))


OFFLINE: Mapping[str, Wrapper] = {
    "log_artifact": log_artifact,
    "get_artifact": needs_the_server,
    "get_hf_dataset": needs_the_server,
    "display": nothing,
    "display_project": nothing,
    "create_symlink": nothing,
    "register_callback": nothing,
    "log_embedding": log_embedding,
}
"""What an `OfflineExperiment` refuses, by the name of the method."""

ONLINE: Mapping[str, Wrapper] = {
    "log_artifact": log_artifact,
    "get_artifact": needs_the_server,
    "create_symlink": nothing,
    "register_callback": nothing,
    "send_notification": nothing,
    "add_tag": add_tags,
    "add_tags": add_tags,
}
"""What an `Experiment` asks the server at once, by the name of the method. Tags are in its archive besides."""
