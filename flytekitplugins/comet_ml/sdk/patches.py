"""Every replacement in the Comet SDK: one table, put in force once in the life of a process.

A row names what is wrapped, the wrapper, and what is done where an SDK does not have it. Outside of a tracked call a
wrapper calls what it wraps, and nothing else. Nothing is ever taken off again: other code may have wrapped ours.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

import wrapt

from ..forks import process_lock
from ..log import logger
from . import (
    constructors,
    disk_room,
    http,
    mlflow_bridge,
    offline_calls,
    running_experiment,
    sending,
    system_details,
    temporary_files,
    threads,
    waiting,
)

Wrapper = Callable[[Any, Any, Any, Any], Any]


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


PATCHES = (
    Patch("comet_ml", "start", constructors.start, "start() opens what the SDK opens"),
    Patch("comet_ml._online", "Experiment.__init__", constructors.experiment, "Experiment() ends the task's own"),
    Patch(
        "comet_ml._online", "ExistingExperiment.__init__", constructors.existing_experiment, "it ends the task's own"
    ),
    Patch(
        "comet_ml.offline",
        "OfflineExperiment.__init__",
        constructors.offline_experiment,
        "OfflineExperiment() takes the task's key, and ends its own",
    ),
    Patch(
        "comet_ml.experiment",
        "CometExperiment.flush",
        waiting.flush,
        "flush() waits as long as the SDK does",
        ("comet_ml.experiment:BaseExperiment.flush",),
    ),
    Patch(
        "comet_ml.experiment",
        "CometExperiment.end",
        waiting.end,
        "end() waits as long as the SDK does",
        ("comet_ml.experiment:BaseExperiment.end",),
    ),
    Patch(
        "comet_ml.streamer.online",
        "OnlineStreamer.wait_for_finish",
        sending.wait_for_finish,
        "the end waits as long as the SDK does, and keeps an archive only if the connection was lost",
        ("comet_ml.comet:Streamer.wait_for_finish",),
    ),
    Patch(
        "comet_ml.streamer.handlers.online_handler",
        "OnlineMessageHandler._process_rest_api_send",
        sending.note_parameters,
        "a parameter that was logged twice leaves an archive",
    ),
    Patch(
        "comet_ml.streamer.handlers.online_handler",
        "OnlineMessageHandler._process_log_other_message",
        sending.send_beside,
        "Others are sent one after the other",
    ),
    Patch("comet_ml.streamer.offline", "OfflineStreamer.abort_and_wait", sending.wake, "the end takes 0.8 s longer"),
    Patch(
        "comet_ml.connection.http_session",
        "get_http_session",
        http.checked_session,
        "a page that is not Comet's counts as delivered, and redirects are followed with the key",
        ("comet_ml.connection_helpers:get_http_session", "comet_ml.connection:get_http_session"),
    ),
    Patch(
        "comet_ml.env_logging",
        "get_command",
        system_details.command,
        "the system details have the whole command line in them",
    ),
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
    *(
        Patch("comet_ml.loggers.mlflow_logger", name, wrapper, "a run of MLflow has an experiment of its own")
        for name, wrapper in (
            ("_create_experiment", mlflow_bridge.create_experiment),
            ("get_global_experiment", mlflow_bridge.running_experiment),
            ("set_global_experiment", mlflow_bridge.forget_experiment),
        )
    ),
    Patch("comet_ml.connection", "Reporting.report", http.report, "reports of failures may go to Comet's own service"),
    *(
        Patch(module, f"{kind}.{name}", wrapper, "it fails, or takes long, where Comet is away")
        for module, kind, wrappers in (
            ("comet_ml.offline", "OfflineExperiment", offline_calls.OFFLINE),
            ("comet_ml._online", "Experiment", offline_calls.ONLINE),
        )
        for name, wrapper in wrappers.items()
    ),
    Patch(
        "comet_ml.experiment",
        "CometExperiment.url",
        offline_calls.url,
        "an offline experiment has no address",
        ("comet_ml.experiment:BaseExperiment.url",),
    ),
    *(
        Patch(module, f"tempfile.{name}", temporary_files.in_own_directory, "it is where the body cleans up", older)
        for module, name, older in (
            ("comet_ml.experiment", "mkdtemp", ()),
            ("comet_ml.streamer.fallback", "mkdtemp", ("comet_ml.comet:tempfile.mkdtemp",)),
            ("comet_ml.replay_manager", "mkdtemp", ()),
            ("comet_ml.offline_utils", "mkdtemp", ()),
            ("comet_ml.file_uploader", "NamedTemporaryFile", ()),
            ("comet_ml.utils", "mkdtemp", ()),
            ("comet_ml.experiment_loggers.points_3d.log", "NamedTemporaryFile", ()),
            ("comet_ml.experiment_loggers.points_3d.thumbnail", "NamedTemporaryFile", ()),
        )
    ),
    Patch(
        "comet_ml.streamer.handlers.offline_handler",
        "OfflineMessageHandler.handle",
        disk_room.write,
        "what is logged offline can fill the disk",
        ("comet_ml.comet:OfflineStreamer._process_message", "comet_ml.comet:OfflineStreamer._process_upload_message"),
    ),
    Patch(
        "comet_ml.replay_manager",
        "ReplayManager.register_messages",
        disk_room.register,
        "what is logged while the server is away can fill the disk",
    ),
    Patch(
        "comet_ml.experiment",
        "CometExperiment._log_preprocessed_asset",
        disk_room.log_asset,
        "an asset can fill the disk",
        ("comet_ml.experiment:BaseExperiment._log_preprocessed_asset",),
    ),
)
"""Every row. `tests/sdk/test_contract.py` fails when the SDK drops one."""

_lock = process_lock()


def apply() -> None:
    """Put the table in force, all of it or nothing; rows that are in force stay as they are."""
    with _lock():
        done: list[tuple[Any, str, Any]] = []
        try:
            for patch in PATCHES:
                places = _places(patch)
                if not places:
                    logger.debug("This comet-ml has no %s.%s: %s.", patch.module, patch.name, patch.otherwise)
                for parent, attribute, original in places:
                    # A test may have put something in its place, which stays; and other code may have wrapped ours.
                    if isinstance(original, (FunctionType, staticmethod, property)) and not _is_ours(original):
                        setattr(parent, attribute, _wrapped(original, patch.wrapper))
                        done.append((parent, attribute, original))
            running_experiment.answer_by_context()
        except BaseException:
            # An interrupt, too, must not leave the SDK half patched.
            for parent, attribute, original in reversed(done):
                setattr(parent, attribute, original)
            raise


def in_force() -> list[Patch]:
    """The rows that the installed SDK has, and that are in force."""
    return [patch for patch in PATCHES if any(_is_ours(original) for _, _, original in _places(patch))]


def _wrapped(original: Any, wrapper: Wrapper) -> Any:
    if isinstance(original, property) and original.fget is not None:
        return property(wrapt.FunctionWrapper(original.fget, wrapper), original.fset, original.fdel, original.__doc__)
    return wrapt.FunctionWrapper(original, wrapper)


def _is_ours(function: Any) -> bool:
    function = getattr(function, "fget", function)
    while function is not None:
        if isinstance(function, wrapt.FunctionWrapper):
            return True
        function = getattr(function, "__wrapped__", None)
    return False


def _places(patch: Patch) -> list[tuple[Any, str, Any]]:
    """Where the installed SDK has what a row names: the object, the name in it, and what stands there."""
    newest = _find(patch.module, patch.name)
    if newest is not None:
        return [newest]
    return [place for text in patch.older if (place := _find(*text.split(":"))) is not None]


def _find(module: str, name: str) -> tuple[Any, str, Any] | None:
    try:
        of_sdk = importlib.import_module(module)
        parent, attribute, original = wrapt.resolve_path(of_sdk, name)
    except (ImportError, AttributeError):
        return None
    if isinstance(parent, ModuleType) and parent is not of_sdk and not isinstance(parent, _AsTheSDKSeesIt):
        # Of a module that is not the SDK's, only what the SDK sees is replaced.
        parent = _AsTheSDKSeesIt(parent)
        setattr(of_sdk, name.partition(".")[0], parent)
    return parent, attribute, original


class _AsTheSDKSeesIt(ModuleType):
    """Another module, of which a name can be replaced for one module of the SDK alone."""

    def __init__(self, module: ModuleType) -> None:
        super().__init__(module.__name__, module.__doc__)
        self.__dict__["_module"] = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_module"], name)
