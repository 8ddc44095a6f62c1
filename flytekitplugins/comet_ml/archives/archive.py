"""The SDK's offline archive: a zip with ``experiment.json``, ``messages.json`` (a JSON object a line) and asset files.

An archive is read and copied here. It is replaced only by a whole new one, because it is the only copy of a run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ..errors import ArchiveError
from ..names import FLYTE_STATUS, mark_of
from .run_order import of_one_node

EXPERIMENT = "experiment.json"
"""Key, workspace, project, times and tags of the run."""

MESSAGES = "messages.json"
"""Everything that was logged, in its order."""

ResumeStrategy = Literal["create", "get"]
"""Whether the upload makes an experiment, and refuses if there is one, or continues one that exists."""


class Message(NamedTuple):
    """A line of ``messages.json``.

    Attributes:
        text: The line as it was written.
        type: What was logged: ``metric_msg``, ``parameter_msg``, ``log_other``, ``file_upload``...
        payload: The rest of it.
    """

    text: str
    type: str
    payload: Mapping[str, Any]

    @property
    def is_asset(self) -> bool:
        """Whether it is a file, in the archive or elsewhere."""
        return self.type in ("file_upload", "remote_file")

    @property
    def asset(self) -> Mapping[str, object]:
        """What is said of an asset: ``assetId``, ``fileName``, ``type``..."""
        return self.payload.get("additional_params") or {}

    @property
    def parameter(self) -> Mapping[str, object]:
        """Name and value of a parameter: ``paramName``, ``paramValue``."""
        return self.payload.get("param") or self.payload.get("params") or {}


@dataclass(frozen=True)
class Archive:
    """What an archive says of its run.

    Attributes:
        path: Where it is.
        metadata: Its ``experiment.json``.
        others: The last value of every Other.
        metrics: How many values each metric has, by name and context (``train``, ``validate``... or None).
        types: The types of its messages.
        damaged: How many messages cannot be sent: lines that are no JSON, and assets without their file.
        digest: What tells this archive from every other, and is the same for its copies.
    """

    path: Path
    metadata: Mapping[str, Any]
    others: Mapping[str, object]
    metrics: Mapping[tuple[str, str | None], int]
    types: frozenset[str]
    damaged: int
    digest: str

    @property
    def key(self) -> str:
        """The experiment's key."""
        return str(self.metadata["offline_id"])

    @property
    def workspace(self) -> str | None:
        """Comet workspace; None if the account's default was meant."""
        return self.metadata.get("workspace")

    @property
    def project_name(self) -> str | None:
        """Comet project; None if Comet's default was meant."""
        return self.metadata.get("project_name")

    @property
    def status(self) -> str | None:
        """How the run ended, as this plugin logs it: ``failed``, ``terminated``, ``finished``; None means well."""
        status = of_one_node(self.others, mark_of(self.others)).get(FLYTE_STATUS)
        return None if status is None else str(status)

    def messages(self) -> Iterator[Message]:
        """The messages that can be sent, in their order."""
        with zipfile.ZipFile(self.path) as content:
            names = frozenset(content.namelist())
            with content.open(MESSAGES) as lines:
                for line in lines:
                    message = _message(line, names)
                    if message is not None:
                        yield message


def read_archive(path: Path) -> Archive:
    """Read an archive, from its first to its last message.

    Args:
        path: A file on the local disk.

    Raises:
        ArchiveError: If it is no archive, or an empty or a damaged one.
    """
    with _reading(path), zipfile.ZipFile(path) as content:
        names = frozenset(content.namelist())
        if not names:
            raise ArchiveError(
                "is an empty archive: the process that wrote it was killed, or its disk was full. There is nothing to "
                "send; delete it."
            )
        if not {EXPERIMENT, MESSAGES} <= names:
            raise ArchiveError(
                f"is a zip file, but no offline archive of the Comet SDK: it has no {EXPERIMENT} and {MESSAGES}."
            )
        metadata = json.loads(content.read(EXPERIMENT))
        if not isinstance(metadata, dict) or not metadata.get("offline_id"):
            raise ArchiveError(f"names no experiment key in its {EXPERIMENT}. Send it with `comet upload`.")
        others: dict[str, object] = {}
        metrics: Counter[tuple[str, str | None]] = Counter()
        types: set[str] = set()
        damaged = 0
        digest = hashlib.sha256(str(metadata["offline_id"]).encode())
        with content.open(MESSAGES) as lines:
            for line in lines:
                digest.update(line)
                message = _message(line, names)
                if message is None:
                    damaged += 1
                    continue
                types.add(message.type)
                if message.type == "log_other":
                    others[str(message.payload.get("key"))] = message.payload.get("value")
                elif message.type == "metric_msg":
                    metrics[name_of_metric(message)] += 1
        if not types and damaged:
            raise ArchiveError(f"is damaged (none of its {damaged} messages can be read). Copy or fetch it again.")
        if not types:
            raise ArchiveError("is an empty archive: nothing had been logged when it was written. Delete it.")
    return Archive(path, metadata, others, metrics, frozenset(types), damaged, digest.hexdigest())


def write_copy(
    archive: Archive,
    target: Path,
    *,
    messages: Iterable[Message],
    resume_strategy: ResumeStrategy,
    stop_time: int | None = None,
) -> int:
    """Write a copy of an archive that the SDK sends to the archive's own experiment.

    The SDK gives its archives the strategy by which the run was started. For the copy that it keeps of an online run
    that is ``create``, and its upload refuses it because the experiment is there already.

    Args:
        archive: The archive.
        target: File to write.
        messages: The archive's messages that are to be sent.
        resume_strategy: Whether the experiment is to be made or continued.
        stop_time: When the run ended, in milliseconds since the epoch, if it is not what the archive says.

    Returns:
        The number of messages in the copy.

    Raises:
        ArchiveError: If the archive turns out to be damaged.
    """
    metadata = {**archive.metadata, "resume_strategy": resume_strategy}
    # Without it, the SDK creates an experiment under every strategy.
    metadata["user_provided_experiment_key"] = True
    if stop_time is not None:
        metadata["stop_time"] = stop_time
    count, files = 0, list[str]()
    with (
        _reading(archive.path),
        zipfile.ZipFile(archive.path) as content,
        zipfile.ZipFile(target, "w", allowZip64=True) as copy,
    ):
        copy.writestr(EXPERIMENT, json.dumps(metadata))
        with copy.open(MESSAGES, "w", force_zip64=True) as lines:
            for message in messages:
                lines.write(message.text.encode() + b"\n")
                files += files_of(message)
                count += 1
        for name in dict.fromkeys(files):
            with content.open(name) as source, copy.open(name, "w", force_zip64=True) as file:
                shutil.copyfileobj(source, file)
    return count


def add_others(path: Path, others: Mapping[str, str]) -> None:
    """Put Others into an archive that the SDK has written. The body ended its experiment, and failed after that.

    Args:
        path: The archive; replaced in one step.
        others: Their values by name.

    Raises:
        ArchiveError: If it is no archive, or a damaged one.
        OSError: If there is no place for the new one.
    """
    archive = read_archive(path)

    def messages() -> Iterator[Message]:
        like = dict[str, Any]()
        for message in archive.messages():
            like = json.loads(message.text) if message.type == "log_other" else like
            yield message
        for name, value in others.items():
            payload = {**like.get("payload", {}), "key": name, "value": value}
            yield Message(json.dumps({**like, "type": "log_other", "payload": payload}), "log_other", payload)

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    os.close(handle)
    try:
        strategy = archive.metadata.get("resume_strategy", "create")
        write_copy(archive, Path(name), messages=messages(), resume_strategy=strategy)
        os.replace(name, path)
    except BaseException:
        # An interrupt, too, leaves no half archive beside the whole one.
        os.unlink(name)
        raise


def name_of_metric(message: Message) -> tuple[str, str | None]:
    """Name and context of a metric."""
    return str(message.payload["metric"]["metricName"]), message.payload.get("context")


def files_of(message: Message) -> list[str]:
    """Names of the files in the archive that a message needs."""
    payload = message.payload
    files = [payload.get("file_path"), payload.get("thumbnail_path")]
    files += [item.get("file_path") for item in payload.get("items") or () if isinstance(item, dict)]
    return [str(name) for name in files if name]


def _message(line: bytes, names: frozenset[str]) -> Message | None:
    """A line as a message; None if it cannot be sent. The last line may be cut off, or a file be missing."""
    try:
        text = line.decode().rstrip("\n")
        content = json.loads(text)
        message = Message(text, str(content["type"]), content["payload"])
        if message.type == "metric_msg":
            name_of_metric(message)
    except (ValueError, KeyError, TypeError):
        return None
    can_be_sent = isinstance(message.payload, dict) and all(_is_file(name, names) for name in files_of(message))
    return message if can_be_sent else None


def _is_file(name: str, names: frozenset[str]) -> bool:
    """Whether it is a file of the archive. The SDK would send and then delete any file to which a path leads."""
    return name in names and Path(name).name == name


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a zip file is read into errors that say so."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        with path.open("rb") as file:
            is_zip = file.read(2) == b"PK"
        if not is_zip:
            raise ArchiveError(
                "is no offline archive: it is no zip file. The archives of the Comet SDK are named <experiment key>.zip"
                " or <experiment key>-<letters>.zip."
            ) from None
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ArchiveError(f"is damaged ({reason}). Copy or fetch it again.") from None
