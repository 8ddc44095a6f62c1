"""Calls that the SDK refuses on an experiment that is offline or disabled, and that a tracked body makes all the same.

A body does not know whether the server is there, nor whether its process is the one that tracks. So what can be kept is
kept, what only shows something does nothing, and what needs an answer of the server says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import requests

from ..log import logger
from . import artifacts
from .call import call_of, direct, nearest
from .experiments import is_offline
from .sending import is_connected


def log_artifact(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Log an artifact; offline, its files and all that is known of it come into the archive."""
    artifact: Any = args[0] if args else kwargs.get("artifact")
    if not _is_tracked(instance) or not hasattr(artifact, "assets") or len(args) > 1:
        return wrapped(*args, **kwargs)
    if instance.disabled:
        return artifacts.known_of(artifact, instance)
    if is_offline(instance):
        return artifacts.keep(instance, artifact)
    if is_connected(instance):
        try:
            return wrapped(*args, **kwargs)
        except Exception as error:
            if not _is_outage(error):
                raise
            reason = type(error).__name__
    else:
        reason = "the connection is lost"
    logger.warning(
        "Comet has not made the artifact %r: it cannot be reached (%s). Its files are logged as assets of the "
        "experiment.",
        str(artifact.name),
        reason,
    )
    return artifacts.keep(instance, artifact)


def _is_tracked(experiment: Any) -> bool:
    if direct.get():
        return False
    # A disabled one is in no list.
    return call_of(experiment) is not None or (experiment.disabled and nearest() is not None)


def _is_outage(error: BaseException | None) -> bool:
    if error is None:
        return False
    status = getattr(getattr(error, "response", None), "status_code", None)
    away = isinstance(error, (requests.ConnectionError, requests.Timeout)) or (status is not None and status >= 500)
    # The SDK raises one of its own for it.
    return away or _is_outage(error.__cause__ or error.__context__)


def _answers(experiment: Any) -> bool:
    """Whether there is a server behind an experiment that it can ask."""
    return not _is_tracked(experiment) or not (experiment.disabled or is_offline(experiment))


def needs_the_server(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Say that a call cannot work offline, and what to do."""
    if _answers(instance):
        return wrapped(*args, **kwargs)
    raise artifacts.needs_the_server(f"{getattr(wrapped, '__name__', 'this')}()") from None


def nothing(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Do nothing where there is nothing to show, and nobody to tell."""
    if _answers(instance):
        return wrapped(*args, **kwargs)
    logger.debug("%s() does nothing offline.", getattr(wrapped, "__name__", "this"))
    return None


def url(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The address of an experiment; of an offline one, that which it will have."""
    # A property's function is called with the object.
    experiment = args[0] if instance is None else instance
    call = call_of(experiment) if is_offline(experiment) else None
    return wrapped(*args, **kwargs) if call is None else call.url_of(experiment)


WRAPPERS: Mapping[str, Callable[[Any, Any, Any, Any], Any]] = {
    "log_artifact": log_artifact,
    "get_artifact": needs_the_server,
    "get_hf_dataset": needs_the_server,
    "display": nothing,
    "display_project": nothing,
    "send_notification": nothing,
    "create_symlink": nothing,
    "register_callback": nothing,
}
"""By the name of the method of `OfflineExperiment` and of `Experiment`."""
