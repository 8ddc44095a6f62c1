"""Archives on the local disk, or in a blob store that may not answer."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from ..archives.store import FileSystem
from ..deadline import left_behind, within
from ..errors import ArchiveError, CometTrackingError, UploadError
from ..foreign_text import described

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds for the first answer of a blob store: with the start of the command, less than 20."""


_REASON_LENGTH = 300


class ArchivePlaces:
    """Finds archives and gets them to the local disk.

    A blob store is read with the credentials that Flyte's SDK finds. Without a network, its client library can wait for
    minutes, and write pages of tracebacks. So it gets `PATIENCE`, and the message is one line.
    """

    def __init__(self) -> None:
        # What a store said that did not answer: the next address in it is not tried again.
        self._silent: dict[str, str] = {}

    def archives_at(self, uri: str) -> list[str]:
        """The archives at an address: itself, or those in the directory that it is.

        Args:
            uri: A path, or an address such as ``s3://bucket/directory``.

        Raises:
            ArchiveError: If there is no such directory, or no archive in it.
            UploadError: If the blob store cannot be read.
        """
        scheme = _scheme(uri)
        if scheme is None:
            path = local_path(uri)
            found = sorted(str(file) for file in path.glob("*.zip") if file.is_file()) if path.is_dir() else None
        else:
            found = self._asked(scheme, lambda: _listed(uri))
        if found is None:
            if uri.endswith("/"):
                raise ArchiveError("there is no such directory.")
            return [uri]
        if not found:
            raise ArchiveError("is a directory without archives (*.zip).")
        return found

    def _fetched(self, uri: str, directory: Path) -> Path:
        scheme = _scheme(uri)
        if scheme is None:
            return local_path(uri)
        path = directory / uri.rpartition("/")[2]
        with _explained(scheme):
            _filesystem(uri).get_file(uri, str(path))
        return path

    def each(
        self, uris: Iterable[str], directory: Path, use: Callable[[Path], T]
    ) -> Iterator[tuple[str, T | Exception]]:
        """Use every archive at some addresses.

        Args:
            uris: What `archives_at` takes.
            directory: Where to put what comes from a blob store, until it was used.
            use: What to do with an archive on the local disk.

        Yields:
            The address of each, and what came of it; or the error.
        """
        for uri in uris:
            try:
                addresses = self.archives_at(uri)
            except Exception as error:
                yield uri, error
                continue
            for address in addresses:
                result: T | Exception
                try:
                    with tempfile.TemporaryDirectory(dir=directory) as fetched:
                        result = use(self._fetched(address, Path(fetched)))
                except Exception as error:
                    result = error
                yield address, result

    def _asked(self, scheme: str, question: Callable[[], T]) -> T:
        if scheme in self._silent:
            raise UploadError(self._silent[scheme])
        try:
            with _explained(scheme):
                return within(PATIENCE, question)
        except UploadError as error:
            if isinstance(error.__cause__, TimeoutError):
                self._silent[scheme] = str(error)
            raise


def is_remote(uri: str) -> bool:
    """Whether an address is one in a blob store."""
    return _scheme(uri) is not None


def local_path(uri: str) -> Path:
    """The path that an address on the local disk is, with or without ``file://``."""
    return Path(uri.removeprefix("file://"))


@contextmanager
def without_last_resort() -> Iterator[None]:
    """Keep from the terminal what libraries log where nobody has configured logging: Python would print all warnings.

    It stays so if a thread is left behind that waits for a blob store: it goes on to log until the process ends.
    """
    before, logging.lastResort = logging.lastResort, logging.NullHandler()
    try:
        yield
    finally:
        if not left_behind():
            logging.lastResort = before


def _scheme(uri: str) -> str | None:
    """The scheme of an address in a blob store; None for the local disk."""
    scheme, separator, _ = uri.partition("://")
    return scheme if separator and scheme != "file" else None


def _listed(uri: str) -> list[str] | None:
    """The archives in a directory of a blob store; None if it is no directory."""
    filesystem = _filesystem(uri)
    if not filesystem.isdir(uri):
        return None
    entries = filesystem.ls(uri, detail=True)
    names = sorted(entry["name"] for entry in entries if entry["type"] == "file" and entry["name"].endswith(".zip"))
    return [filesystem.unstrip_protocol(name) for name in names]


def _filesystem(uri: str) -> FileSystem:
    """The file system of an address, as the generation of Flyte that is installed reads it."""
    front_end = "flyte1" if importlib.util.find_spec("flytekit") is not None else "flyte2"
    storage = importlib.import_module(f"{__package__.rpartition('.')[0]}.{front_end}.storage")
    system: FileSystem = storage.file_system(uri)
    return system


@contextmanager
def _explained(scheme: str) -> Iterator[None]:
    """Turn what the client library of a blob store raises into one line with the remedy."""
    try:
        yield
    except (FileNotFoundError, UploadError):
        raise
    except ImportError as error:
        # fsspec's own error names the package in words only.
        package = error.name or getattr(error.__cause__, "name", None) or str(error)
        raise UploadError(
            f"{scheme}:// needs the package {package}, which is not installed here: run `{shlex.quote(sys.executable)} "
            f"-m pip install {package}`."
        ) from error
    except TimeoutError as error:
        raise UploadError(
            f"the blob store does not answer ({_reason(error)}). Check the address, the network, and the credentials "
            f"for {scheme}:// here."
        ) from error
    except Exception as error:
        raise UploadError(
            f"the blob store did not give it ({_reason(error)}). Check the address, the network, and the credentials "
            f"for {scheme}:// here."
        ) from error


def reason_of(error: Exception) -> str:
    """An error in one line, for people."""
    if isinstance(error, CometTrackingError):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return "there is no such file."
    return _reason(error)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError) and error.args:
        return str(error)
    text = str(described(error)).partition("\\n")[0].rstrip(".!")
    return text if len(text) <= _REASON_LENGTH else f"{text[:_REASON_LENGTH]}..."
