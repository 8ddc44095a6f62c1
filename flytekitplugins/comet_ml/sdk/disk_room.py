"""How much of the disk the SDK's files may take: the task needs the rest.

What is logged offline stays on the disk until the task ends, and is there twice while its archive is written. An online
experiment keeps a copy of everything. So a message is written only if enough room stays: as much as the experiment has
taken, because its archive needs that once more, and a reserve for the task.
"""

from __future__ import annotations

import copy
import errno
import logging
import os
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from ..log import logger
from .call import calls
from .experiments import MESSAGES, writer_of
from .protocols import Arguments, Experiment, Keywords, Wrapped

if TYPE_CHECKING:
    from comet_ml.messages import BaseMessage
    from comet_ml.streamer.handlers.offline_handler import OfflineMessageHandler

RESERVE = 64 * 2**20
"""Bytes that are left to the task. Flyte writes a few megabytes at its end (outputs, deck, error), and the task may
write files of its own. Of a disk that is smaller than two reserves, one half is left."""

_MESSAGES_WITHOUT_A_LOOK = 50
"""A metric takes a third of a kilobyte: so many of them take little of the smallest reserve."""

_SMALL = ("metric_msg", "parameter_msg", "log_other")


class Room:
    """The room that one experiment's messages and files take.

    Args:
        writer: What writes them: the handler of a streamer, or the streamer itself in older SDKs.

    Attributes:
        lost: How many messages were not written, by type.
    """

    def __init__(self, writer: OfflineMessageHandler) -> None:
        self.lost: Counter[str] = Counter()
        self._directory = str(writer.tmp_dir)
        self._messages = os.path.join(self._directory, MESSAGES)
        # Of what is sent as well; it is only needed if the server goes away.
        self._is_copy = writer.fallback_mode
        self._files = 0
        self._unseen = 0
        self._is_full = False

    def admits(self, message: BaseMessage) -> bool:
        """Whether a message may be written. If not, it is counted, and the log has the first one."""
        if self._fits(message.type, size_of_file(message)):
            return True
        if not self.lost:
            logger.log(
                logging.DEBUG if self._is_copy else logging.WARNING,
                "There is no room on the disk of %s for more of the Comet experiment: %s. %d MB are left to the task.",
                self._directory,
                "what is sent is lost if the server goes away" if self._is_copy else "what does not fit is lost",
                reserve(self._directory) // 2**20,
            )
        self.lost[message.type] += 1
        return False

    def _fits(self, kind: str, size: int) -> bool:
        self._unseen += 1
        if kind in _SMALL and self._unseen < _MESSAGES_WITHOUT_A_LOOK:
            return not self._is_full
        fits = has_room(self._directory, size, taken=self._files + size_of(self._messages))
        if not size:
            self._unseen, self._is_full = 0, not fits
        self._files += size if fits else 0
        return fits


_rooms: WeakKeyDictionary[object, Room] = WeakKeyDictionary()


def reserve(directory: str) -> int:
    """Bytes that are to be left free on the disk of a directory."""
    return min(RESERVE, shutil.disk_usage(directory).total // 2)


def has_room(directory: str, size: int, *, taken: int = 0) -> bool:
    """Whether so many bytes can be written, and once more to an archive, without taking what the task needs.

    Args:
        directory: Where.
        size: How many bytes.
        taken: How many the experiment has written already: its archive needs them once more.
    """
    try:
        return shutil.disk_usage(directory).free >= reserve(directory) + taken + 2 * size
    except OSError:
        # It is gone: there is nothing to fill.
        return True


def write(wrapped: Wrapped, instance: OfflineMessageHandler, args: Arguments, kwargs: Keywords) -> object:
    """Write a message to the files that become the archive, if there is room for it."""
    message = args[0]
    if not calls or not hasattr(instance, "tmp_dir"):
        return wrapped(*args, **kwargs)
    path, is_temporary = getattr(message, "file_path", None), getattr(message, "clean", False)
    room = _rooms.get(instance)
    if room is None:
        room = _rooms[instance] = Room(instance)
    if room.admits(message):
        if path is not None and instance.fallback_mode and not is_temporary:
            # The SDK copies only files that it is going to remove, and puts an empty file in the place of others.
            message = copy.copy(message)
            message.clean = True
        return wrapped(message, *args[1:], **kwargs)
    if path is not None and is_temporary and not instance.fallback_mode:
        with suppress(OSError):
            os.remove(path)
    return None


def log_asset(wrapped: Wrapped, instance: Experiment, args: Arguments, kwargs: Keywords) -> object:
    """Log an asset. The SDK copies it first, but not if there is no room. A full disk fails no body."""
    asset = args[0] if args else None
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


def lost(experiment: Experiment) -> Mapping[str, int]:
    """How many messages of an experiment are not in its archive because there was no room, by type."""
    writer = writer_of(experiment)
    # Older SDKs have no handler of its own.
    room = _rooms.get(getattr(writer, "message_handler", writer)) if writer is not None else None
    return room.lost if room is not None else {}


def size_of_file(message: BaseMessage) -> int:
    """Bytes of what a message has to be copied."""
    path = getattr(message, "file_path", None)
    if path is not None:
        return size_of(path)
    content = getattr(message, "file_like", None)
    return len(content) if isinstance(content, (str, bytes)) else int(getattr(message, "_size", 0) or 0)


def size_of(path: str) -> int:
    """Bytes of a file; 0 if there is none."""
    try:
        return os.path.getsize(path)
    except (OSError, TypeError):
        return 0
