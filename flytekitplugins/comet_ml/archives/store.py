"""Offline archives of a session: where the SDK writes them, and how they leave a pod."""

from __future__ import annotations

import os
import re
import shlex
import sys
import threading
import zipfile
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Literal, Protocol

from ..foreign_text import described
from ..log import logger
from ..sdk.protocols import Experiment
from ..sdk.redaction import masked
from .archive import MESSAGES
from .own_directory import LOCAL_DIRECTORY, OwnDirectory, make
from .rescue import rescue


def upload_command(archive: str, host: str | None = None, python: str = "python") -> str:
    """The command that sends an archive.

    Args:
        archive: Path or address of the archive; a path may be a pattern of the shell.
        host: Address of the Comet service; None for Comet's own, or where the user's settings name it.
        python: The interpreter, as the shell takes it.
    """
    return " ".join(
        [f"{python} -m flytekitplugins.comet_ml upload", *([f"--host {host}"] if host is not None else []), archive]
    )


def local_upload_command(archive: str, host: str | None = None) -> str:
    """The command that sends an archive from this machine: it works when it is pasted, in whatever directory.

    Args:
        archive: Path of the archive; a ``*`` in its name is for the shell.
        host: As in `upload_command`.
    """
    directory, name = os.path.split(os.path.abspath(archive))
    place = f"{shlex.quote(directory)}/{name if '*' in name else shlex.quote(name)}"
    return upload_command(place, host, shlex.quote(sys.executable or "python"))


FOLDER = "comet-ml"
"""Folder of the archives below the place for the data of a pod."""

DIRECTORY_SETTING = "COMET_OFFLINE_DIRECTORY"

Store = Callable[[str], str]
"""Puts a file to where it outlives the pod, and returns the address of that place."""


class FileSystem(Protocol):
    """What is used of the file system of a blob store (fsspec, which has no types)."""

    def isdir(self, path: str) -> bool:
        """Whether there is such a directory."""

    def ls(self, path: str, *, detail: Literal[True]) -> list[dict[str, str]]:
        """What is in a directory: ``name`` and ``type`` of each."""

    def unstrip_protocol(self, name: str) -> str:
        """A name with its ``s3://``."""

    def get_file(self, rpath: str, lpath: str) -> object:
        """Copy a file to the local disk."""


def address_in(prefix: str, path: str) -> str:
    """Where the archive with a path is stored, below the place for the data of a pod."""
    return f"{prefix.rstrip('/')}/{FOLDER}/{os.path.basename(path)}"


class OfflineArchives:
    """The archives that a session leaves behind.

    In a pod they go to a directory of their own, and from there to the task's raw output location, because the disk
    goes with the pod. Elsewhere they stay where the SDK puts them.

    Attributes:
        kept: Where they are in the end: addresses of what was stored, and paths of what could not be.
        host: Address of the Comet service that they belong to; None if it need not be named.
    """

    def __init__(self, store: Store | None) -> None:
        self.kept: list[str] = []
        self.host: str | None = None
        self._announces = True
        self._store = store
        self._own: OwnDirectory | None = None
        self._directory: str | None = None
        self._written: list[str] = []
        self._storing: list[str] = []
        # A signal can come while the end is storing them.
        self._lock = threading.Lock()
        self._rescued: dict[str, Path] = {}

    def open(self) -> str | None:
        """Make the session's own directory, where the SDK is to keep what it has not sent; None where there is none."""
        self._own = make()
        return str(self._own.path) if self._own is not None else None

    def belong_to(self, host: str | None, *, announced: bool) -> None:
        """Note where they belong.

        Args:
            host: Address of the Comet service; None if it need not be named.
            announced: Whether the log has already where they stay, if they are not stored elsewhere.
        """
        self.host, self._announces = host, not announced

    def settings(self) -> dict[str, str | None]:
        """The settings that make the SDK write its archives there, too, in a pod."""
        if self._store is None or self._own is None:
            return {}
        self._directory = str(self._own.path)
        return {DIRECTORY_SETTING: self._directory}

    def add(self, paths: Iterable[str]) -> None:
        """Note archives that an experiment has written, in whatever directory."""
        with self._lock:
            self._written += [path for path in paths if path not in self._written]

    def rescue(self, experiment: Experiment) -> None:
        """Write the archive of an experiment whose end hangs. A second one takes the place of the first."""
        directory = Path(self._directory or os.environ.get(DIRECTORY_SETTING) or LOCAL_DIRECTORY)
        directory.mkdir(parents=True, exist_ok=True)
        key = str(experiment.get_key())
        path = rescue(experiment, directory, self._rescued.get(key))
        if path is not None:
            self._rescued[key] = path
            self.add([str(path)])

    def keep(self, secrets: Collection[str]) -> None:
        """Store what was written, and say where it is. No failure of it fails the task.

        Args:
            secrets: Texts that must not be in what is logged.
        """
        if self._directory is not None:
            here = map(str, sorted(Path(self._directory).glob("*.zip")))
            self.add([path for path in here if path not in self._storing])
        while (path := self._next()) is not None:
            address = self._kept(path, secrets)
            with self._lock:
                self._storing.remove(path)
                if address not in self.kept:
                    self.kept.append(address)

    def _next(self) -> str | None:
        """Take an archive to store. Nobody else takes it then."""
        with self._lock:
            if not self._written:
                return None
            self._storing.append(self._written.pop(0))
            return self._storing[-1]

    def by_key(self) -> dict[str, str]:
        """Where the archives are in the end, by experiment key: a file is named after it."""
        return {re.split("[-.]", os.path.basename(address))[0]: address for address in self.kept}

    @property
    def pending(self) -> list[str]:
        """Paths of what is still to be stored, or is being stored."""
        with self._lock:
            return [*self._storing, *self._written]

    def close(self) -> None:
        """Remove the directory, but for archives in it that could not be stored."""
        if self._own is not None:
            own = str(self._own.path)
            self._own.close(keep=any(path.startswith(own) for path in [*self.kept, *self.pending]))

    def _kept(self, path: str, secrets: Collection[str]) -> str:
        if not _is_whole(path):
            logger.warning("The Comet archive %s holds nothing: is the disk full?", path)
            if self._store is not None and os.path.exists(path):
                # The task needs the room.
                os.remove(path)
            return path
        if self._store is None:
            # The SDK writes it in our directory, if it cannot where it was to.
            here = self._own.save(path) if self._own is not None else path
            if (self._announces or here != path) and here not in self.kept:
                logger.info("Comet archive: %s; send it to Comet with: %s", here, local_upload_command(here, self.host))
            return here
        try:
            address = self._store(path)
        except Exception as error:
            logger.warning(
                "The Comet archive %s could not be stored (%s); it is gone when the pod's disk is.",
                path,
                described(error, lambda text: masked(text, secrets)),
            )
            return path
        if address not in self.kept:
            logger.info("Comet archive: %s; send it to Comet with: %s", address, upload_command(address, self.host))
        if os.path.dirname(path) == self._directory:
            os.remove(path)
        return address


def _is_whole(path: str) -> bool:
    """Whether there are messages in an archive. On a full disk, the SDK leaves an empty one."""
    try:
        with zipfile.ZipFile(path) as archive:
            return MESSAGES in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False
