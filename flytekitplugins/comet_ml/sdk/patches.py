"""Every replacement in the Comet SDK: one table, put in force once in the life of a process.

A row names what is wrapped, the wrapper, and what is done where an SDK does not have it. A row whose module the SDK
loads later follows then. Outside of a tracked call a wrapper calls what it wraps, and nothing else. Nothing is ever
taken off again: other code may have wrapped ours.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any, TypeAlias

import wrapt

from ..forks import process_lock
from ..log import logger
from . import (
    constructors,
    disk_room,
    http,
    message_list,
    mlflow_bridge,
    offline_calls,
    output,
    redaction,
    sending,
    source_code,
    system_details,
    temporary_files,
    threads,
    waiting,
)
from .call import calls
from .protocols import Arguments, Keywords, Wrapped, Wrapper
from .running_experiment import FUNCTIONS, answer_by_context


@dataclass(frozen=True)
class Patch:
    """A row of the table.

    Attributes:
        module: Module of the SDK.
        name: Dotted name in it.
        wrapper: Called with the wrapped function, the instance, and the arguments.
        otherwise: What is done where this SDK does not have it.
        older: Where an older SDK has it, as ``module:name``; all of these places.
    """

    module: str
    name: str
    wrapper: Wrapper
    otherwise: str
    older: tuple[str, ...] = ()


def _of_experiments(name: str, wrapper: Wrapper, otherwise: str) -> Patch:
    """A row for what every kind of experiment has, from a class with another name in older SDKs."""
    older = f"comet_ml.experiment:BaseExperiment.{name}"
    return Patch("comet_ml.experiment", f"CometExperiment.{name}", wrapper, otherwise, (older,))


def _with_all_rows(wrapped: Wrapped, instance: object, args: Arguments, kwargs: Keywords) -> object:
    """Do what is wrapped with those rows in force, too, whose modules the SDK has loaded meanwhile."""
    if calls:
        apply()
    return wrapped(*args, **kwargs)


_ENDS_OURS = "it ends the task's own"
_FILLS_THE_DISK = "what is logged can fill the disk"
_HAS_THE_KEY = "source with the API key in it is logged"
_IS_OURS = "a file of this plugin is logged as the task's source"
_NOT_TEMPORARY = "it is where the body cleans up"
_NEEDS_COMET = "it fails, or takes long, where Comet is away"
_BESIDE_MLFLOW = "a run of MLflow has an experiment of its own"

PATCHES = (
    Patch("comet_ml", "start", constructors.start, "start() opens what the SDK opens"),
    Patch("comet_ml._online", "Experiment.__init__", constructors.experiment, _ENDS_OURS),
    Patch("comet_ml._online", "ExistingExperiment.__init__", constructors.experiment, _ENDS_OURS),
    Patch("comet_ml.offline", "OfflineExperiment.__init__", constructors.experiment, _ENDS_OURS),
    _of_experiments("flush", waiting.flush, "flush() waits as long as the SDK does"),
    _of_experiments("end", waiting.end, "end() waits as long as the SDK does"),
    Patch(
        "comet_ml.streamer.online",
        "OnlineStreamer.wait_for_finish",
        sending.wait_for_finish,
        "the end waits as long as the SDK does, and keeps an archive only if the connection was lost",
        ("comet_ml.comet:Streamer.wait_for_finish",),
    ),
    Patch(
        "comet_ml._online",
        "Experiment._mark_as_ended",
        sending.mark_as_ended,
        "Comet shows a running task if a connection breaks in the last seconds",
    ),
    Patch(
        "comet_ml.streamer.handlers.online_handler",
        "OnlineMessageHandler.handle",
        sending.send_beside,
        "Others and system details are sent one after the other",
    ),
    Patch("comet_ml.streamer.offline", "OfflineStreamer.abort_and_wait", sending.wake, "the end takes 0.8 s longer"),
    Patch(
        "comet_ml.connection.http_session",
        "get_http_session",
        http.checked_session,
        "a page that is not Comet's counts as delivered, and redirects are followed with the key",
        ("comet_ml.connection_helpers:get_http_session", "comet_ml.connection:get_http_session"),
    ),
    Patch("comet_ml.connection", "Reporting.report", http.report, "reports of failures may go to Comet's own service"),
    Patch("comet_ml._logging", "CometLoggingConfig.redact_string", redaction.learn, "a key of the body's is printed"),
    Patch(
        "comet_ml._online",
        "Experiment._report_experiment_error",
        threads.beside_the_body,
        "a call that fails tells Comet so, and waits",
    ),
    _of_experiments("_log_cloud_details", threads.beside_the_body, "the start asks three clouds whether it is theirs"),
    Patch(
        "comet_ml.console",
        "StdLogger.clean",
        output.stop_listening,
        "an end takes the output from experiments that go on, and gives it to streams that may be closed",
    ),
    Patch("comet_ml.env_logging", "get_command", system_details.command, "the system details have the command line"),
    Patch(
        "comet_ml.experiment",
        "parse_command_line_arguments",
        system_details.parameters,
        "arguments of commands are parameters where COMET_AUTO_LOG_CLI_ARGUMENTS says so",
    ),
    Patch(
        "comet_ml.thread_pool",
        "ConcurrentThreadPoolExecutor.__init__",
        threads.leave_at_exit,
        "an upload that hangs keeps the process alive",
    ),
    Patch("comet_ml.loggers.mlflow_logger", "_create_experiment", mlflow_bridge.create_experiment, _BESIDE_MLFLOW),
    Patch("comet_ml.loggers.mlflow_logger", "get_global_experiment", mlflow_bridge.nothing, _BESIDE_MLFLOW),
    Patch("comet_ml.loggers.mlflow_logger", "set_global_experiment", mlflow_bridge.nothing, _BESIDE_MLFLOW),
    *(
        Patch("comet_ml.offline", f"OfflineExperiment.{name}", wrapper, _NEEDS_COMET)
        for name, wrapper in offline_calls.OFFLINE.items()
    ),
    *(
        Patch("comet_ml._online", f"Experiment.{name}", wrapper, _NEEDS_COMET)
        for name, wrapper in offline_calls.ONLINE.items()
    ),
    _of_experiments("url", offline_calls.url, "an offline experiment has no address"),
    *(
        Patch(f"comet_ml.{module}", f"tempfile.{name}", temporary_files.in_own_directory, _NOT_TEMPORARY, older)
        for module, name, older in (
            ("experiment", "mkdtemp", ()),
            ("streamer.fallback", "mkdtemp", ("comet_ml.comet:tempfile.mkdtemp",)),
            ("replay_manager", "mkdtemp", ()),
            ("offline_utils", "mkdtemp", ()),
            ("file_uploader", "NamedTemporaryFile", ()),
            ("utils", "mkdtemp", ()),
            ("experiment_loggers.points_3d.log", "NamedTemporaryFile", ()),
            ("experiment_loggers.points_3d.thumbnail", "NamedTemporaryFile", ()),
        )
    ),
    Patch(
        "comet_ml.streamer.handlers.offline_handler",
        "OfflineMessageHandler.handle",
        disk_room.write,
        _FILLS_THE_DISK,
        ("comet_ml.comet:OfflineStreamer._process_message", "comet_ml.comet:OfflineStreamer._process_upload_message"),
    ),
    Patch(
        "comet_ml.config.config_class",
        "Config.has_fallback_to_offline_enabled",
        message_list.keep_archive,
        "an old Comet, or one that does not tell its version, has no archive of what it does not take",
        ("comet_ml.config:Config.has_fallback_to_offline_enabled",),
    ),
    Patch("comet_ml.replay_manager", "ReplayManager.register_messages", message_list.register, _FILLS_THE_DISK),
    _of_experiments("_log_preprocessed_asset", source_code.log_asset, f"{_FILLS_THE_DISK}, and {_HAS_THE_KEY}"),
    _of_experiments("_set_git_patch", _with_all_rows, _HAS_THE_KEY),
    Patch("comet_ml.git_logging", "get_git_patch", source_code.git_patch, _HAS_THE_KEY),
    Patch("comet_ml.experiment", "get_caller_file_path", source_code.of_the_session, _IS_OURS),
    _of_experiments("set_filename", source_code.of_the_session, _IS_OURS),
)
"""Every row. `tests/sdk/test_contract.py` fails when the SDK drops one."""

_Place: TypeAlias = tuple[object, str, object]
"""An object of the SDK, a name in it, and what stands there."""

_lock = process_lock()
_as_left: list[tuple[Mapping[str, object], str, object]] = []
"""Names of the SDK, its modules among them, and what stood there after `apply`: to look at all rows takes a while."""


def apply() -> None:
    """Put the table in force, all of it or nothing; rows that are in force stay as they are.

    A row whose module the SDK loads only when it needs it is put in force by a later call.
    """
    with _lock():
        if _as_left and all(names.get(name) is left for names, name, left in _as_left):
            return
        there = [patch for patch in PATCHES if not _is_loaded_later(patch)]
        done: list[_Place] = []
        try:
            for patch in there:
                _put(patch, done)
            answer_by_context()
        except BaseException:
            # An interrupt, too, must not leave the SDK half patched.
            for parent, attribute, original in reversed(done):
                setattr(parent, attribute, original)
            raise
        names = [(vars(parent), name) for patch in there for parent, name, _ in _places(patch)]
        names += [(vars(sys.modules["comet_ml.config"]), name) for name in FUNCTIONS]
        names += [(sys.modules, name) for name in ("comet_ml", *(patch.module for patch in PATCHES))]
        _as_left[:] = [(each, name, each.get(name)) for each, name in names]


def _is_loaded_later(patch: Patch) -> bool:
    """Whether the SDK has the module, and loads it only when it needs it: that of git takes as long as all rows."""
    try:
        return patch.module not in sys.modules and importlib.util.find_spec(patch.module) is not None
    except ModuleNotFoundError:
        # An older SDK has not even its package.
        return False


def _put(patch: Patch, done: list[_Place]) -> None:
    """Put a row in force, and note what stood there before."""
    places = _places(patch)
    if not places:
        logger.debug("This comet-ml has no %s.%s: %s.", patch.module, patch.name, patch.otherwise)
    for parent, attribute, original in places:
        # A test may have put something in its place, which stays; and other code may have wrapped ours.
        if isinstance(original, (FunctionType, staticmethod, property)) and not _is_ours(original):
            setattr(parent, attribute, _wrapped(original, patch.wrapper))
            done.append((parent, attribute, original))


def in_force() -> list[Patch]:
    """The rows that the installed SDK has, and that are in force."""
    return [patch for patch in PATCHES if any(_is_ours(original) for _, _, original in _places(patch))]


def _wrapped(original: Any, wrapper: Wrapper) -> object:
    if isinstance(original, property) and original.fget is not None:
        return property(wrapt.FunctionWrapper(original.fget, wrapper), original.fset, original.fdel, original.__doc__)
    return wrapt.FunctionWrapper(original, wrapper)


def _is_ours(function: object) -> bool:
    function = getattr(function, "fget", function)
    while function is not None:
        if isinstance(function, wrapt.FunctionWrapper):
            return True
        function = getattr(function, "__wrapped__", None)
    return False


def _places(patch: Patch) -> list[_Place]:
    """Where the installed SDK has what a row names."""
    newest = _find(patch.module, patch.name)
    if newest is not None:
        return [newest]
    return [place for text in patch.older if (place := _find(*text.split(":"))) is not None]


def _find(module: str, name: str) -> _Place | None:
    try:
        of_sdk = importlib.import_module(module)
        parent, attribute, original = wrapt.resolve_path(of_sdk, name)
    except (ImportError, AttributeError):
        return None
    if isinstance(parent, ModuleType) and parent is not of_sdk and parent is sys.modules.get(parent.__name__):
        # Another module than the SDK's keeps its function for everybody else: the SDK's module gets a copy of it.
        copied = ModuleType(parent.__name__, parent.__doc__)
        vars(copied).update(vars(parent))
        setattr(of_sdk, name.partition(".")[0], copied)
        parent = copied
    return parent, attribute, original
