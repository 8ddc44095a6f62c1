"""What this plugin uses of the Comet SDK beyond its public functions, and what differs between its versions.

Every function takes the `comet_ml` module (or what a test puts in its place) or an experiment as its first argument.
Names that are not public API stand in this package and nowhere else, each with what happens where it is missing;
`tests/sdk/test_contract.py` fails when the SDK drops one. Here are settings and starting; beside it `running` (which
experiment is running) with `entrances` and `slot`, `delivery` (connections) with `ahead`, `settings` (the process's
environment), `redaction` (logs), `refusals` (exceptions), `autologging`, `logged` (what was logged) and `offline`.
"""

from __future__ import annotations

import functools
import glob
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MethodType, ModuleType
from typing import Any

from ..errors import InvalidOptionError
from ..log import logger

# Settings

_reading: ContextVar[Any] = ContextVar("reading_of_the_settings", default=None)


def setting(sdk: Any, name: str) -> Any:
    """A setting as the SDK itself would read it: environment, `.env`, configuration files, default.

    Args:
        sdk: The `comet_ml` module.
        name: Dotted name, such as ``comet.auto_log.disable``.

    Returns:
        The value; None where it is not set or this SDK has no such setting.
    """
    config = _reading.get()
    try:
        return sdk.get_config(name) if config is None or type(sdk) is not ModuleType else config[name]
    except (AttributeError, KeyError):
        return None


@contextmanager
def one_reading(sdk: Any) -> Iterator[None]:
    """Look settings up in one reading of the configuration files while this runs; the SDK reads them each time."""
    reading = _reading.set(sdk.get_config() if type(sdk) is ModuleType else None)
    try:
        yield
    finally:
        _reading.reset(reading)


def is_on(sdk: Any, name: str, environ: Mapping[str, str]) -> bool | None:
    """A yes-or-no setting, or None where it is not set. An SDK without that setting has it from the environment."""
    text = environ.get(name.replace(".", "_").upper(), "").strip().lower()
    if text:
        return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}.get(text)
    value = setting(sdk, name) if type(sdk) is ModuleType else None
    return value if isinstance(value, bool) else None


def check_settings(sdk: Any, settings: Mapping[str, Any]) -> None:
    """Refuse settings in force that the SDK cannot read: every later look at one of them would raise.

    Args:
        sdk: The `comet_ml` module.
        settings: The decorator's keywords that are settings.

    Raises:
        InvalidOptionError: With the setting and what was given.
    """
    if type(sdk) is not ModuleType or not settings:
        return
    config = _reading.get() or sdk.get_config()
    for key in list(config.keys()):
        name = key.removeprefix("comet.").replace(".", "_")
        if name in settings and name != "api_key":
            try:
                config[key]
            except Exception as error:  # everett's, which is no dependency of ours
                raise InvalidOptionError(
                    f"comet_ml_login: {name}={settings[name]!r} is no value of the Comet setting {key!r}: {error}"
                ) from None


def names_server(sdk: Any, environ: Any) -> bool:
    """Whether the user's environment or configuration files say which Comet server to talk to."""
    if environ.get("COMET_URL_OVERRIDE"):
        return True
    try:
        origin = (_reading.get() or sdk.get_config()).get_config_origin("comet.url_override")
    except AttributeError:
        return False
    return origin is not None


def embedded_server(sdk: Any, api_key: object) -> str | None:
    """The address of the server that an API key carries (``KEY*base64``), if it does."""
    if not isinstance(api_key, str) or "*" not in api_key:
        return None
    try:
        parsed = importlib.import_module("comet_ml.api_key.comet_api_key").parse_api_key(api_key)
    except (ImportError, AttributeError, ValueError):
        return None
    return parsed.base_url if parsed is not None else None


def forget_clients(sdk: Any) -> None:
    """Drop the REST clients that the SDK keeps by API key: they stay with the server of their time, and its answers."""
    try:
        sdk.api.get_instance.cache_clear()
        importlib.import_module("comet_ml.connection.http_session").THREAD_SESSIONS.__dict__.clear()
    except (AttributeError, ImportError):
        logger.debug("This comet-ml keeps no REST clients, or keeps them elsewhere.")


# Automatic logging


def hooks(sdk: Any) -> dict[str, dict[str, Any]] | None:
    """The SDK's hooks on frameworks: by module, and by the path of a function or method in it. None without any."""
    finder = getattr(sdk, "MODULE_FINDER", None)
    return None if finder is None else dict(getattr(finder, "patcher_functions", {}))


def is_hooked(function: Any) -> bool:
    """Whether a function of a framework has its hook."""
    return hasattr(function, "__comet__")


def put_hooks(sdk: Any, module: ModuleType, hooks: Mapping[str, Any]) -> None:
    """Put hooks on functions and methods of a module that has been imported, as the SDK's finder does at its import."""
    finder = type(sdk.MODULE_FINDER)()
    finder.patcher_functions = {module.__name__: hooks}
    finder._patch(module, module.__name__)


def forget_late_imports(sdk: Any) -> None:
    """Keep the SDK from warning that frameworks were imported before it."""
    sdk.monkey_patching.ALREADY_IMPORTED_MODULES.clear()


# Starting

signature = functools.lru_cache(maxsize=16)(inspect.signature)
"""The signature of one of the SDK's functions: every call needs some, and to make one takes a while."""


def start_arguments(sdk: Any, *, workspace: str, project_name: str) -> dict[str, Any]:
    """Workspace and project under the names that this SDK's `start` has for them (``project`` in 3.43)."""
    parameters = signature(sdk.start).parameters
    named_project = "project" in parameters and "project_name" not in parameters
    return {"workspace": workspace, "project" if named_project else "project_name": project_name}


@contextmanager
def capturing_no_output(experiment: Any) -> Iterator[None]:
    """While this runs, what is printed is not logged to an experiment, which else captures it for the whole process."""
    capture: Any = getattr(experiment, "logger", None)
    if not hasattr(capture, "set_experiment"):
        yield
        return
    capture.set_experiment(None)
    try:
        yield
    finally:
        capture.set_experiment(experiment)


def give_back_output(**streams: Any) -> None:
    """Put back `sys.stdout` and `sys.stderr` where the SDK has left its own: it does after experiments that overlap.

    Args:
        streams: What they were, by name.
    """
    for name, stream in streams.items():
        if type(getattr(sys, name)).__module__ == "comet_ml.console":
            setattr(sys, name, stream)


def is_resumed(experiment: Any) -> bool:
    """Whether an experiment existed before it was started."""
    return type(experiment).__name__.startswith("Existing")


def is_offline(experiment: Any) -> bool:
    """Whether an experiment is written to an archive instead of being sent."""
    return "Offline" in type(experiment).__name__


def archives_of(experiment: Any) -> list[str]:
    """Offline archives that an ended experiment has written: its own, or the one that a lost connection left.

    `set_offline_zip_uploader` is public and tells it too, but logs "successfully uploaded".
    """
    left = getattr(getattr(experiment, "streamer", None), "offline_archive_file", None)
    if left:
        return [str(left)]
    if not is_offline(experiment):
        return []
    return sorted(glob.glob(os.path.join(glob.escape(experiment.offline_directory), f"{experiment.get_key()}*.zip")))


def replace_sender_of_others(experiment: Any, replacement: Callable[[Callable[..., Any]], Any]) -> None:
    """Replace the function by which an experiment's queue sends an Other: called with `key` and `value` among others.

    Args:
        experiment: An experiment that has started, online.
        replacement: Makes the new function from the old one.
    """
    client = getattr(experiment, "rest_api_client", None)
    send = getattr(client, "log_experiment_other", None)
    if client is not None and isinstance(send, MethodType):
        client.log_experiment_other = replacement(send)


def silence_state(experiment: Any) -> None:
    """Keep an experiment that several processes write to from reporting the state of this one.

    Each process reports that the experiment runs, every few seconds, and at its end that it does not any more, whatever
    the others do; the SDK has no switch for that.
    """
    heartbeat = getattr(experiment, "_heartbeat_thread", None)
    try:
        if heartbeat is not None:
            heartbeat.close()
        experiment._mark_as_ended = lambda: None
    except AttributeError:
        logger.debug("This comet-ml cannot be kept from reporting the state of a rank.")
