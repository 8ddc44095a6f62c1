"""What an offline archive says of its run, gathered for people who look at it without an account."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import names
from ..archives.already_sent import names_on_server
from ..archives.archive import Archive, Message, files_of, name_of_metric, read_archive
from ..archives.run_order import of_one_node
from ..deck.metric_history import MetricCourse, MetricHistory
from ..deck.page import DeckContent
from ..errors import ArchiveError
from ..names import known_status, mark_of, marked
from ..sdk.logged_values import is_bookkeeping, is_of_the_system

_END_OF_TIME = 253_402_300_800_000
"""Milliseconds until the year 10,000, which no calendar here goes beyond."""

_MAX_TRACEBACK = 400_000
"""Bytes of a traceback that are read."""

# The SDK's own notes on the experiment, and what is said elsewhere.
_NO_OTHERS = ("Name", "offline_experiment", "hasNestedParams")


@dataclass(frozen=True)
class Asset:
    """A file, or what the SDK sends as one.

    Attributes:
        name: Its name, or the address of a remote one.
        kind: What it is to Comet: ``asset``, ``source_code``, ``confusion-matrix``...
        size: Its bytes; None if it is not in the archive.
    """

    name: str
    kind: str
    size: int | None


@dataclass(frozen=True)
class Summary:
    """What an archive says.

    Attributes:
        archive: The archive.
        content: What a page says of it. The experiment's address is empty, because it depends on the server.
        others: Values of Others by name.
        assets: Its assets.
    """

    archive: Archive
    content: DeckContent
    others: Mapping[str, str]
    assets: Sequence[Asset]


def summarized(path: Path) -> Summary:
    """Read an archive.

    Raises:
        ArchiveError: If it is no archive, or an empty or a damaged one.
        OSError: If it cannot be read.
    """
    archive = read_archive(path)
    content = _Content(archive)
    try:
        for message in archive.messages():
            content.add(message)
    except (AttributeError, KeyError, TypeError) as error:
        # Valid JSON, but not what the SDK writes.
        raise ArchiveError(f"is damaged ({type(error).__name__}: {error}). Copy or fetch it again.") from None
    mark = mark_of(archive.others)
    own = of_one_node(archive.others, mark)
    start, stop = (_seconds(archive.metadata.get(name)) for name in ("start_time", "stop_time"))
    tags = archive.metadata.get("tags")

    def other(name: str) -> str | None:
        return str(own[name]) if own.get(name) else None

    page = DeckContent(
        key=archive.key,
        name=str(archive.others.get("Name") or archive.key),
        workspace=archive.workspace or "",
        project_name=archive.project_name or "",
        url="",
        status=known_status(archive.status, "finished"),
        offline=True,
        error=": ".join(filter(None, (other(names.FLYTE_ERROR_TYPE), other(names.FLYTE_ERROR_MESSAGE)))) or None,
        traceback=content.traceback(marked(mark, names.TRACEBACK)) or None,
        started=start,
        duration=max(0.0, stop - start) if start is not None and stop is not None else None,
        tags=sorted(map(str, tags)) if isinstance(tags, list) else [],
        task=other(names.FLYTE_TASK),
        execution=other(names.FLYTE_EXECUTION),
        attempt=other(names.FLYTE_ATTEMPT),
        parameters=content.parameters,
        metrics=content.metrics(),
    )
    others = {name: str(value) for name, value in archive.others.items() if name not in _NO_OTHERS}
    return Summary(archive, page, others, content.assets)


class _Content:
    """Gathers an archive's messages."""

    def __init__(self, archive: Archive) -> None:
        with zipfile.ZipFile(archive.path) as content:
            self._sizes = {entry.filename: entry.file_size for entry in content.infolist()}
        self._path = archive.path
        self._tracebacks: dict[str, str] = {}
        self._start = _seconds(archive.metadata.get("start_time"))
        self._history = MetricHistory()
        self._texts: dict[str, MetricCourse] = {}
        self.parameters: dict[str, str] = {}
        self.assets: list[Asset] = []

    def add(self, message: Message) -> None:
        payload = message.payload
        if message.type == "metric_msg":
            self._add_metric(message)
        elif message.type == "parameter_msg":
            name = str(message.parameter.get("paramName"))
            if not is_bookkeeping(name):
                shown = names_on_server(name, payload.get("context"))[0]
                self.parameters[shown] = str(message.parameter.get("paramValue"))
        elif message.is_asset:
            self.assets.append(self._asset(message))

    def _add_metric(self, message: Message) -> None:
        metric, (name, context) = message.payload["metric"], name_of_metric(message)
        if is_of_the_system(name):
            return
        shown, value = names_on_server(name, context)[0], metric.get("metricValue")
        logged = _seconds(message.payload.get("local_timestamp"))
        seconds = logged - self._start if logged is not None and self._start is not None else 0.0
        if not self._history.record(shown, value, metric.get("step"), seconds):
            # A text, or one metric too many for its course.
            before = self._texts.get(shown)
            self._texts[shown] = MetricCourse(name=shown, last=str(value), count=before.count + 1 if before else 1)

    def _asset(self, message: Message) -> Asset:
        payload = message.payload
        given = message.asset
        kind = str(given.get("type") or payload.get("upload_type") or "asset")
        if message.type == "remote_file":
            return Asset(str(payload.get("remote_uri")), kind, None)
        name = str(given.get("fileName") or kind)
        files = files_of(message)
        sizes = [self._sizes.get(file) for file in files]
        if name.endswith(names.TRACEBACK) and files and sizes[0] is not None:
            self._tracebacks[name] = files[0]
        return Asset(kind if name == "auto-generated-in-the-backend" else name, kind, sizes[0] if sizes else None)

    def traceback(self, name: str) -> str:
        """The traceback that has such a name among the assets; empty if none has."""
        file = self._tracebacks.get(name)
        if file is None:
            return ""
        with zipfile.ZipFile(self._path) as content, content.open(file) as opened:
            return opened.read(_MAX_TRACEBACK).decode("utf-8", "replace")

    def metrics(self) -> list[MetricCourse]:
        courses = self._history.courses()
        known = {course.name for course in courses}
        return courses + [course for name, course in self._texts.items() if name not in known]


def _seconds(milliseconds: object) -> float | None:
    """A time of an archive in seconds; None if it is none."""
    if isinstance(milliseconds, (int, float)) and 0 <= milliseconds < _END_OF_TIME:
        return milliseconds / 1000
    return None
