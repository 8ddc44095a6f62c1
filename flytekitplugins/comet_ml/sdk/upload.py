"""The SDK's offline part: sending an archive, and what an experiment has written to the local disk."""

from __future__ import annotations

import importlib
import itertools
import logging
import queue
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import patches
from .experiments import writer_of
from .protocols import Experiment
from .redaction import SDKLogFilter

if TYPE_CHECKING:
    from comet_ml.messages import BaseMessage
    from comet_ml.streamer.offline import OfflineStreamer

# What the SDK logs of messages that it leaves out because its own check of them fails; others it sends all the same.
_LEFT_OUT = (
    "OFFLINE_EXPERIMENT_INVALID_METRIC_MSG",
    "OFFLINE_EXPERIMENT_INVALID_PARAMETER_MSG",
    "OFFLINE_EXPERIMENT_INVALID_STANDARD_OUTPUT_MESSAGE",
)

_STEADY_SECONDS = 0.25


# Uploading


def send(path: Path, *, api_key: str, workspace: str | None, project_name: str | None) -> bool:
    """Upload an archive, as `comet upload` does.

    Workspace and project are passed on because `COMET_WORKSPACE` and `COMET_PROJECT_NAME` would be taken for them.

    Returns:
        Whether the SDK did: what it logs meanwhile can say otherwise.
    """
    upload = importlib.import_module("comet_ml.offline").upload_single_offline_experiment
    return bool(upload(str(path), api_key, False, override_workspace=workspace, override_project_name=project_name))


def message_types() -> frozenset[str]:
    """The types of messages that this SDK's upload knows: it can log more. Empty if it does not tell."""
    offline = vars(importlib.import_module("comet_ml.offline"))
    types = (getattr(value, "type", None) for name, value in offline.items() if name.endswith("Message"))
    return frozenset(name for name in types if isinstance(name, str))


@contextmanager
def hearing_of_losses(secrets: Collection[str]) -> Iterator[list[str]]:
    """Keep the SDK's log off the terminal, and collect what it says of things that were not sent.

    What the server refuses, the SDK's upload only logs; then it reports success.

    Args:
        secrets: Texts that must not be in any log.

    Yields:
        A list of reasons, in which the secrets are still to be masked.
    """
    losses: list[str] = []

    def listen(record: logging.LogRecord) -> bool:
        if _tells_of_loss(record):
            error = record.exc_info[1] if record.exc_info else None
            losses.append(record.getMessage() + (f" ({type(error).__name__}: {error})" if error else ""))
        return False

    log_filter = SDKLogFilter()
    log_filter.secrets = frozenset(secrets)
    log_filter.install()
    patches.apply()
    try:
        with log_filter.asking(listen, everywhere=True):
            yield losses
    finally:
        log_filter.remove()


def _tells_of_loss(record: logging.LogRecord) -> bool:
    """Whether it says that something was not sent: the SDK also warns of messages that it sends all the same."""
    if record.levelno >= logging.ERROR:
        return True
    if record.levelno < logging.WARNING or record.name != "comet_ml.offline" or not record.exc_info:
        return False
    if type(record.exc_info[1]).__name__ != "ValidationError":
        return True
    texts = importlib.import_module("comet_ml.logging_messages")
    return record.msg in [getattr(texts, name, None) for name in _LEFT_OUT]


# Rescuing


@dataclass(frozen=True)
class Written:
    """What the SDK has written of an experiment that may not come to its end.

    Attributes:
        directory: Directory with the messages, one a line, and the files of assets.
        start_time: When it was started, in milliseconds since the epoch.
    """

    directory: Path
    start_time: int | None


def written(experiment: Experiment, *, patience: float) -> Written | None:
    """What the SDK has written of an experiment to the local disk, after giving it time to write the rest.

    An online experiment keeps a copy of everything, in case the server is lost. What waits behind a request that hangs
    is handed over to be written.

    Args:
        experiment: An experiment that has not ended, or hangs while it ends.
        patience: How many seconds to wait for the rest.

    Returns:
        None if this experiment, or this SDK, keeps nothing on disk.
    """
    writer, streamer = writer_of(experiment), experiment.streamer
    if writer is None:
        return None
    if writer is not streamer:
        _hand_over(streamer.messages, writer.messages)
    directory = Path(writer.tmp_dir)
    _await_writer(writer, directory, patience)
    started = getattr(streamer, "start_time", None) or getattr(experiment, "start_time", None)
    return Written(directory, started if isinstance(started, int) else None)


def _hand_over(waiting: queue.Queue[BaseMessage], to_write: queue.Queue[BaseMessage]) -> None:
    for number in itertools.count(1_000_000):
        try:
            message = waiting.get_nowait()
        except queue.Empty:
            return
        if type(message).__name__ == "CloseMessage":
            continue
        if message.message_id is None:
            message.message_id = number
        to_write.put(message)


def _await_writer(writer: OfflineStreamer, directory: Path, patience: float) -> None:
    """Wait until everything is written: nothing waits, and nothing was added for a moment."""
    deadline, before = time.monotonic() + patience, None
    while time.monotonic() < deadline:
        try:
            size = sum(file.stat().st_size for file in directory.iterdir())
        except OSError:
            return
        if writer.messages.empty() and size == before:
            return
        before = size
        time.sleep(_STEADY_SECONDS)
