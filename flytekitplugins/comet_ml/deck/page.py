"""The page about an experiment in the Flyte console, as HTML that needs nothing else.

Rendering is a pure function. Every text in the page is escaped. Links lead to http and https only. There is no script
and no request. The page keeps within its size, however many metrics or parameters there are.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..archives.store import upload_command
from ..names import Status
from .elements import as_many, foldable, heading, link, more, size, text, text_with_ends
from .metric_history import MetricCourse
from .metrics_section import metrics_section
from .numbers import span

MAX_BYTES = 1_800_000
"""Size of the page in bytes. flytekit adds its own part of the deck."""

_MAX_EARLIER = 10
_MAX_TAGS = 30
_TRACEBACK_LENGTH = 10_000

_OPEN_PARAMETERS = 30
"""With more parameters, their list is closed at first: what comes after it must be near."""


@dataclass(frozen=True)
class EarlierExperiment:
    """The experiment of an earlier attempt.

    Attributes:
        attempt: Number of the attempt, from "0".
        key: Its experiment key.
        url: Its address in Comet.
    """

    attempt: str
    key: str
    url: str


@dataclass(frozen=True, kw_only=True)
class DeckContent:
    """What the page says about an experiment.

    Attributes:
        key: The experiment key.
        name: Name of the experiment.
        workspace: Comet workspace.
        project_name: Comet project.
        url: The experiment's address in Comet. An offline one is there after its upload.
        status: How its task goes or went.
        offline: Whether it is written to an archive.
        archive: Where the archive is, once that is known.
        host: Address of the Comet service that the archive is for; None if it need not be named.
        cause: Why it is written to an archive, if it should be sent.
        error: What the task failed by.
        traceback: Where it failed, with line breaks.
        started: When it started, in seconds since the epoch.
        duration: How many seconds it took, once it has ended.
        tags: Its tags.
        task: Name of the task.
        execution: Name of the execution.
        attempt: Number of the attempt, from "0".
        earlier: Experiments of the attempts before, newest first.
        parameters: Values by name.
        metrics: What is known of each metric.
    """

    key: str
    name: str
    workspace: str
    project_name: str
    url: str
    status: Status
    offline: bool = False
    archive: str | None = None
    host: str | None = None
    cause: str | None = None
    error: str | None = None
    traceback: str | None = None
    started: float | None = None
    duration: float | None = None
    tags: Sequence[str] = ()
    task: str | None = None
    execution: str | None = None
    attempt: str | None = None
    earlier: Sequence[EarlierExperiment] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[MetricCourse] = ()


def render(contents: Sequence[DeckContent]) -> str:
    """The page.

    Args:
        contents: The experiments, one after the other.
    """
    room = (MAX_BYTES - size(_style()) - 200) // max(1, len(contents))
    sections = "".join(_section(content, room) for content in contents)
    return f'<div class="comet-deck"><style>{_style()}</style>{sections}</div>'


def _section(content: DeckContent, room: int) -> str:
    head = _head(content)
    room -= size(head) + 1000
    # Before the metrics: there can be many curves.
    parameters = _parameters(content.parameters, room // 5)
    room -= size(parameters)
    if content.metrics:
        metrics = metrics_section(content.metrics, room)
    else:
        later = "Metrics are shown here when the task has ended." if content.status == "running" else "No metrics."
        metrics = f'<p class="empty">{later}</p>'
    return f"<section>{head}{parameters}{metrics}</section>"


def _parameters(parameters: Mapping[str, str], room: int) -> str:
    if not parameters:
        return ""
    rows, count = as_many(
        (f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in parameters.items()), room
    )
    values = f'<dl class="values">{rows}</dl>{more(len(parameters) - count)}'
    return foldable(heading(2, "Parameters", len(parameters)), values, is_open=len(parameters) <= _OPEN_PARAMETERS)


# The head


def _head(content: DeckContent) -> str:
    # Comet's word for a failed run.
    state = "crashed" if content.status == "failed" else content.status
    badges = f'<span class="badge {state}">{state.capitalize()}</span>'
    if content.offline:
        badges += '<span class="badge offline">Offline</span>'
    button = "" if content.offline else link(content.url, "Open in Comet", "button")
    facts = [
        ("Experiment key", f"<code>{text(content.key)}</code>"),
        ("Workspace", text(content.workspace)),
        ("Project", text(content.project_name)),
        ("Task", text(content.task or "")),
        ("Execution", text(content.execution or "")),
        ("Attempt", text(content.attempt or "")),
        ("Earlier attempts", _earlier(content.earlier)),
        ("Started", _time(content.started)),
        ("Duration", span(content.duration) if content.duration is not None else ""),
        ("Tags", _tags(content.tags)),
    ]
    shown = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts if value)
    return (
        f"<header><div><h1>{text(content.name)}</h1>{badges}</div>{button}</header>"
        f'{_failure(content)}{_offline(content)}<dl class="facts">{shown}</dl>'
    )


def _earlier(earlier: Sequence[EarlierExperiment]) -> str:
    links = [link(one.url, f"attempt {one.attempt}", "", title=one.key) for one in earlier[:_MAX_EARLIER]]
    others = f" and {len(earlier) - _MAX_EARLIER} more" if len(earlier) > _MAX_EARLIER else ""
    return ", ".join(links) + others


def _time(seconds: float | None) -> str:
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _tags(tags: Sequence[str]) -> str:
    shown = "".join(f'<span class="tag">{text(tag, 100)}</span>' for tag in tags[:_MAX_TAGS])
    return shown + (f" and {len(tags) - _MAX_TAGS} more" if len(tags) > _MAX_TAGS else "")


def _failure(content: DeckContent) -> str:
    if not content.error:
        return ""
    trace = ""
    if content.traceback:
        shown = f"<pre>{text_with_ends(content.traceback, _TRACEBACK_LENGTH)}</pre>"
        # The keyboard scrolls only what can have the focus.
        frame = f'<div class="traceback" tabindex="0" role="region" aria-label="Traceback">{shown}</div>'
        trace = foldable("Traceback", frame, is_open=True)
    return f'<div class="note failed"><b>The task failed.</b> {text(content.error, 1000)}{trace}</div>'


def _offline(content: DeckContent) -> str:
    if not content.offline:
        return ""
    why = f" Comet could not be reached: {text(content.cause.rstrip('.'))}." if content.cause else ""
    if content.archive:
        command = upload_command(shlex.quote(content.archive), content.host)
        where = (
            f"The archive is at <code>{text(content.archive, 2000)}</code>. To send it to Comet, run"
            f"<pre>{text(command, 2200)}</pre>"
            f"The experiment is then at {link(content.url, content.url)}."
        )
    elif content.status == "running":
        where = "It is stored when the task ends; this page will say where."
    else:
        where = "The task's log says where it is and how to send it."
    return f'<div class="note"><b>This experiment is written to an archive.</b>{why} {where}</div>'


@functools.cache
def _style() -> str:
    """The style sheet, without what is there for its readers."""
    css = importlib.resources.files(__package__).joinpath("deck.css").read_text("utf-8")
    return re.sub(r"\s*([{};])\s*|/\*.*?\*/\s*", r"\1", css)
