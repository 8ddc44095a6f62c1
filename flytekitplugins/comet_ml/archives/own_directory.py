"""A session's own directory, for what is not in Comet yet. The body's clean-up does not find it.

Bodies remove what is in `TMPDIR` and in `~/.cache`. So the directory stands where programs keep their state by
convention: `XDG_STATE_HOME` of the XDG Base Directory Specification, or `~/.local/state`. The next choice is where the
SDK puts its archives. `TMPDIR` is the last one, if neither can be written to or has room.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from ..log import logger
from ..sdk.disk_room import RESERVE, has_room

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCAL_DIRECTORY = ".cometml-runs"
"""Where the SDK puts archives by default, in the working directory."""

_NAME = "flytekitplugins-comet-ml"
_PREFIX = "comet-offline-"
_LOCK = ".lock"
"""Held by the process of the session. One that nobody holds was left by a process that was killed."""


class OwnDirectory:
    """A directory that is there while a session is.

    Args:
        path: Where it is.
        made: Directories that were made for it, the outermost last. They go with it if nothing else is in them.

    Attributes:
        path: Where it is.
    """

    def __init__(self, path: Path, made: Sequence[Path] = ()) -> None:
        self.path = path
        self._made = made
        self._lock: IO[str] | None = None
        if fcntl is not None:
            # It gets its name once it is held. Before that, another process could take the directory for a left one.
            self._lock = (path / f"{_LOCK}ed").open("w")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (path / f"{_LOCK}ed").rename(path / _LOCK)
            except OSError as error:
                logger.debug("There are no locks in %s, so that nobody removes what is left there: %s", path, error)

    def save(self, archive: str) -> str:
        """Move an archive from a directory in this one, which goes, to where it stays; return its new path.

        Args:
            archive: Its path; one that is elsewhere stays there.
        """
        path = Path(archive)
        if self.path not in path.parents[1:]:
            return archive
        return str(shutil.move(archive, str(self.path / path.name)))

    def close(self, *, keep: bool) -> None:
        """Remove it.

        Args:
            keep: Leave the files in it, such as an archive that could not be stored. Only its directories go.
        """
        if self._lock is not None:
            try:
                self._lock.close()
                (self.path / _LOCK).unlink(missing_ok=True)
            except OSError as error:
                # The body has closed all files, or has become another user.
                logger.debug("The lock of %s could not be removed: %s", self.path, error)
        if not keep:
            shutil.rmtree(self.path, ignore_errors=True)
        elif self.path.is_dir():
            for each in self.path.iterdir():
                if each.is_dir():
                    shutil.rmtree(each, ignore_errors=True)
        _remove_empty(self._made)


def make() -> OwnDirectory | None:
    """Make a directory; None if there is no place for one."""
    found: list[tuple[Path, list[Path]]] = []
    for place in _places():
        made = [each for each in (place, *place.parents) if not each.exists()]
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_what_was_left(place)
            found.append((Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place)), made))
        except OSError as error:
            logger.debug("There is no place for offline archives in %s: %s", place, error)
            continue
        if has_room(str(found[-1][0]), RESERVE):
            break
    if not found:
        return None
    best = found[-1] if has_room(str(found[-1][0]), RESERVE) else max(found, key=lambda each: _free(each[0]))
    for path, made in found:
        if path is not best[0]:
            _remove_empty([path, *made])
    try:
        return OwnDirectory(*best)
    except OSError as error:
        logger.debug("There is no place for offline archives in %s: %s", best[0], error)
        shutil.rmtree(best[0], ignore_errors=True)
        return None


def _remove_empty(directories: Iterable[Path]) -> None:
    for directory in directories:
        try:
            directory.rmdir()
        except OSError:
            # Somebody else has something in it.
            return


def elsewhere() -> str:
    """A directory for archives that stay, where the one that was meant cannot be written to."""
    for place in _places():
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            return tempfile.mkdtemp(prefix=_PREFIX, dir=place)
        except OSError:
            continue
    return tempfile.mkdtemp(prefix=_PREFIX)


def _places() -> Iterator[Path]:
    temporary = Path(os.path.realpath(tempfile.gettempdir()))
    state = Path(os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state"))
    try:
        beside = [Path.cwd() / LOCAL_DIRECTORY]
    except FileNotFoundError:
        beside = []
    for place in (state / _NAME, *beside):
        if place.is_absolute() and not Path(os.path.realpath(place)).is_relative_to(temporary):
            yield place
    yield temporary


@functools.cache
def _remove_what_was_left(place: Path) -> None:
    """Remove what processes that were killed have left here; each process looks once."""
    if fcntl is None:
        return
    for lock in place.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            with lock.open("r+") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not list(lock.parent.glob("*.zip")):
                    shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:
            # Its process runs.
            continue


def _free(path: Path) -> int:
    return shutil.disk_usage(path).free
