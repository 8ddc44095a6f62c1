"""How much of the disk the SDK's files may take: the task needs the rest.

What is logged offline stays on the disk until the task ends, twice while its archive is written; an online experiment
keeps a copy of everything besides. So a message is written only if that leaves as much room as there is taken, which
the archive needs, and a reserve for the task beyond that.
"""

from __future__ import annotations

import copy
import errno
import os
import shutil
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..log import logger
from .call import calls
from .experiments import is_offline

RESERVE = 64 * 2**20
"""Bytes that are left to the task: what Flyte writes at its end, which is outputs, deck and error, is a few megabytes,
and the task's own last files fit besides. Of a disk that is smaller than two reserves, one half is left."""

_MESSAGES_WITHOUT_A_LOOK = 50
"""A metric is a third of a kilobyte: so many of them are nothing beside the smallest reserve."""

_SMALL = ("metric_msg", "parameter_msg", "log_other")

_ROOM = "flytekitplugins_comet_ml_room"
_UNLISTED = "flytekitplugins_comet_ml_unlisted"


class Room:
    """The room that one experiment's messages and files take.

    Args:
        directory: Where they are.

    Attributes:
        lost: How many messages were not written, by type.
    """

    def __init__(self, directory: str) -> None:
        self.lost: Counter[str] = Counter()
        self._directory = directory
        self._files = 0
        self._unseen = 0
        self._is_full = False

    def admits(self, kind: str, size: int, messages: Any) -> bool:
        """Whether a message may be written.

        Args:
            kind: Its type.
            size: Bytes of its file.
            messages: The open file of messages.
        """
        self._unseen += 1
        if kind in _SMALL and self._unseen < _MESSAGES_WITHOUT_A_LOOK:
            return not self._is_full
        fits = has_room(self._directory, size, taken=self._files + _size_of(messages))
        if not size:
            self._unseen, self._is_full = 0, not fits
        self._files += size if fits else 0
        return fits


def reserve(directory: str) -> int:
    """Bytes that are to be left free on the disk of a directory."""
    return min(RESERVE, shutil.disk_usage(directory).total // 2)


def has_room(directory: str, size: int, *, taken: int = 0) -> bool:
    """Whether so many bytes can be written, and once more to an archive, without taking what the task needs.

    Args:
        directory: Where.
        size: How many bytes.
        taken: How many there are of the same experiment, which its archive needs once more.
    """
    try:
        return shutil.disk_usage(directory).free >= reserve(directory) + taken + 2 * size
    except OSError:
        # It is gone: there is nothing to fill.
        return True


def write(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Write a message to the files that become the archive, if there is room for it."""
    message = args[0]
    if not calls or not hasattr(instance, "tmp_dir"):
        return wrapped(*args, **kwargs)
    path, is_temporary = getattr(message, "file_path", None), getattr(message, "clean", False)
    if _admitted(instance, message):
        if path is not None and instance.fallback_mode and not is_temporary:
            # The SDK would copy only files that it is going to remove, and put an empty one in place of another.
            message = copy.copy(message)
            message.clean = True
        return wrapped(message, *args[1:], **kwargs)
    if path is not None and is_temporary and not instance.fallback_mode:
        _remove(path)
    return None


def _admitted(writer: Any, message: Any) -> bool:
    room: Room = vars(writer).setdefault(_ROOM, Room(str(writer.tmp_dir)))
    kind = str(getattr(message, "type", ""))
    if room.admits(kind, _size_of_file(message), getattr(writer, "file", None)):
        return True
    if not room.lost:
        _tell(writer)
    room.lost[kind] += 1
    return False


def _tell(writer: Any) -> None:
    disk, left = writer.tmp_dir, reserve(str(writer.tmp_dir)) // 2**20
    if getattr(writer, "fallback_mode", False):
        logger.debug(
            "There is no room on the disk of %s for a copy of what is sent to Comet: it is lost if the server goes "
            "away. %d MB are left to the task.",
            disk,
            left,
        )
    else:
        logger.warning(
            "There is no room on the disk of %s for more of the Comet experiment: what does not fit is lost. %d MB are "
            "left to the task.",
            disk,
            left,
        )


def register(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Enter messages in the SDK's list of what has not arrived, which is on the disk, if there is room for them.

    What the server has not taken yet is in there, and a copy of each asset that was in memory.
    """
    messages = list(args[0]) if args else []
    if not calls or not messages or not hasattr(instance, "tmp_dir"):
        return wrapped(*args, **kwargs)
    unlisted = vars(instance).setdefault(_UNLISTED, set())
    directory, taken = str(instance.tmp_dir), _size_at(instance.db_file)
    away = getattr(kwargs.get("status"), "name", "") == "failed"
    if away and not has_room(directory, 0, taken=taken):
        unlisted.add("not sent")
        return None
    fitting = []
    for message in messages:
        size = 0 if hasattr(message, "file_path") else _size_of_file(message)
        if size and not has_room(directory, size, taken=taken):
            unlisted.add("sent")
        else:
            fitting.append(message)
    return wrapped(fitting, *args[1:], **kwargs)


def is_all_listed(records: Any, online: Any) -> bool:
    """Whether what is not in the SDK's list has arrived: what is left out of it is not known to be missing.

    Args:
        records: The list.
        online: The streamer that sends.
    """
    unlisted = getattr(records, _UNLISTED, ())
    return "not sent" not in unlisted and not ("sent" in unlisted and online.has_upload_failed())


def log_asset(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Log an asset, which the SDK copies first; without the copy if there is no room. A full disk fails no body."""
    asset: Any = args[0] if args else None
    if not calls or asset is None:
        return wrapped(*args, **kwargs)
    copied = getattr(asset, "copy_to_tmp", False) is True
    if copied and hasattr(asset, "_replace") and not has_room(str(instance.tmpdir), asset.size or 0):
        asset = asset._replace(copy_to_tmp=False)
    try:
        return wrapped(asset, *args[1:], **kwargs)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        logger.warning(
            "There is no room on the disk of %s for the asset %s: it is not logged to the Comet experiment.",
            instance.tmpdir,
            getattr(asset, "logical_path", None),
        )
        return None


def lost(experiment: Any) -> Mapping[str, int]:
    """How many messages of an experiment are not in its archive because there was no room, by type."""
    streamer: Any = getattr(experiment, "streamer", None)
    writer = streamer if is_offline(experiment) else getattr(streamer, "offline_streamer", None)
    # Older SDKs have no handler of its own.
    handler = getattr(writer, "message_handler", writer)
    room = getattr(handler, _ROOM, None)
    return room.lost if room is not None else {}


def _size_of_file(message: Any) -> int:
    """Bytes of what a message has to be copied."""
    path = getattr(message, "file_path", None)
    if path is not None:
        return _size_at(path)
    content = getattr(message, "file_like", None)
    return len(content) if isinstance(content, (str, bytes)) else int(getattr(message, "_size", 0) or 0)


def _size_at(path: Any) -> int:
    try:
        return os.path.getsize(path)
    except (OSError, TypeError):
        return 0


def _size_of(file: Any) -> int:
    try:
        return os.fstat(file.fileno()).st_size
    except (OSError, ValueError, AttributeError):
        return 0


def _remove(path: Any) -> None:
    try:
        os.remove(path)
    except OSError as error:
        logger.debug("A temporary file stays: %s", error)
