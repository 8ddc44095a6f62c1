"""The page about an experiment in the Flyte console: HTML that needs nothing else, from what is known of it.

Rendering is a pure function. Every text in the page is escaped, links are to http and https only, there is no script
and no request, and the page has a size that no number of metrics or parameters exceeds.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from urllib.parse import urlsplit

from ..archives.store import upload_command
from ..names import Status
from .metric_history import MetricCourse
from .plot import number, plot

MAX_BYTES = 1_800_000
"""Size of the page in bytes; flytekit's own part of the deck comes on top."""

_MAX_TEXT = 300
_MAX_URL = 1000
_MAX_EARLIER = 10
_FIGURE_BYTES, _POINT_BYTES = 2200, 12
_MIN_POINTS, _MAX_POINTS = 32, 320

# What a file in UTF-8 cannot hold, control characters, and those that turn the direction of the text around them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


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
        url: The experiment's address in Comet; of an offline one, after its upload.
        status: How its task goes or went.
        offline: Whether it is written to an archive.
        archive: Where the archive is, once that is known.
        host: Address of the Comet service that the archive is for; None if it need not be named.
        cause: Why it is written to an archive, if it should be sent.
        error: By what the task failed.
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
    room = (MAX_BYTES - _size(_style()) - 200) // max(1, len(contents))
    sections = "".join(_section(content, room) for content in contents)
    return f'<div class="comet-deck"><style>{_style()}</style>{sections}</div>'


def _section(content: DeckContent, room: int) -> str:
    head = _head(content)
    room -= _size(head) + 1000
    parameters = ""
    if content.parameters:
        rows = _rows(
            ((name, _text(value)) for name, value in content.parameters.items()), len(content.parameters), room // 5
        )
        parameters = f'{_title("Parameters", len(content.parameters))}<table class="values">{rows}</table>'
    return f"<section>{head}{_metrics(content, room - _size(parameters))}{parameters}</section>"


# The head


def _head(content: DeckContent) -> str:
    # Comet's word for a failed run.
    state = "crashed" if content.status == "failed" else content.status
    badges = f'<span class="badge {state}">{state.capitalize()}</span>'
    if content.offline:
        badges += '<span class="badge offline">Offline</span>'
    button = "" if content.offline else _link(content.url, "Open in Comet", "button")
    facts = [
        ("Experiment key", f"<code>{_text(content.key)}</code>"),
        ("Workspace", _text(content.workspace)),
        ("Project", _text(content.project_name)),
        ("Task", _text(content.task or "")),
        ("Execution", _text(content.execution or "")),
        ("Attempt", _text(content.attempt or "")),
        ("Earlier attempts", _earlier(content.earlier)),
    ]
    shown = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts if value)
    return (
        f"<header><div><h1>{_text(content.name)}</h1>{badges}</div>{button}</header>"
        f"{_failure(content)}{_offline(content)}<dl>{shown}</dl>"
    )


def _earlier(earlier: Sequence[EarlierExperiment]) -> str:
    links = [_link(one.url, f"attempt {one.attempt}", "", title=one.key) for one in earlier[:_MAX_EARLIER]]
    more = f" and {len(earlier) - _MAX_EARLIER} more" if len(earlier) > _MAX_EARLIER else ""
    return ", ".join(links) + more


def _failure(content: DeckContent) -> str:
    if not content.error:
        return ""
    return f'<div class="note failed"><b>The task failed.</b> {_text(content.error, 1000)}</div>'


def _offline(content: DeckContent) -> str:
    if not content.offline:
        return ""
    why = f" Comet could not be reached: {_text(content.cause)}" if content.cause else ""
    if content.archive:
        command = upload_command(shlex.quote(content.archive), content.host)
        where = (
            f"The archive is at <code>{_text(content.archive, 2000)}</code>. To send it to Comet, run"
            f"<pre>{_text(command, 2200)}</pre>"
            f"The experiment is then at {_link(content.url, content.url)}."
        )
    elif content.status == "running":
        where = "It is stored when the task ends; this page will say where."
    else:
        where = "The task's log says where it is and how to send it."
    return f'<div class="note"><b>This experiment is written to an archive.</b>{why} {where}</div>'


# Metrics


def _metrics(content: DeckContent, room: int) -> str:
    metrics = content.metrics
    if not metrics:
        later = "Metrics are shown here when the task has ended." if content.status == "running" else "No metrics."
        return f'<p class="empty">{later}</p>'
    plotted = [metric for metric in metrics if metric.count > 1 and metric.points]
    figures: list[str] = []
    # Some room is left for a table of those that do not fit.
    left = room - min(room // 8, 300 * len(metrics))
    points = (left // max(1, len(plotted)) - _FIGURE_BYTES) // _POINT_BYTES
    for metric in plotted:
        figure = _figure(metric, max(_MIN_POINTS, min(_MAX_POINTS, points)))
        left -= _size(figure)
        if left < 0:
            break
        figures.append(figure)
    seen = {id(metric) for metric in plotted[: len(figures)]}
    others = [metric for metric in metrics if id(metric) not in seen]
    page = _title("Metrics", len(metrics))
    if figures:
        page += f'<div class="figures">{"".join(figures)}</div>'
    if others:
        left = room - sum(map(_size, figures)) - 500
        rows = _rows(((metric.name, _last(metric)) for metric in others), len(others), left)
        page += f'<table class="values">{rows}</table>'
    return page


def _figure(metric: MetricCourse, max_points: int) -> str:
    values = [point.value for point in metric.points]
    low, high = number(min(values)), number(max(values))
    notes = [f"min {low}", f"max {high}", f"{metric.count:,} values"]
    if metric.not_finite:
        notes.append(f'<span class="odd">{metric.not_finite:,} not finite</span>')
    label = f"{_clean(metric.name[:_MAX_TEXT])}: {metric.count} values from {low} to {high}"
    return (
        f"<figure><figcaption><span>{_text(metric.name)}</span><b>{_last(metric)}</b></figcaption>"
        f"{plot(metric, label, max_points)}<p>{' · '.join(notes)}</p></figure>"
    )


def _last(metric: MetricCourse) -> str:
    return _text(metric.last) if isinstance(metric.last, str) else number(metric.last)


# Pieces


@functools.cache
def _style() -> str:
    """The style sheet, without what is there for its readers."""
    css = importlib.resources.files(__package__).joinpath("deck.css").read_text("utf-8")
    return re.sub(r"\s*([{};])\s*|/\*.*?\*/\s*", r"\1", css)


def _title(text: str, count: int) -> str:
    return f"<h2>{text} <span>{count:,}</span></h2>"


def _rows(rows: Iterable[tuple[str, str]], count: int, room: int) -> str:
    """As many rows of a table as there is room for, and how many there are more.

    Args:
        rows: Pairs of a name and of HTML.
        count: How many there are.
        room: Bytes.
    """
    shown: list[str] = []
    for name, value in rows:
        row = f"<tr><th>{_text(name)}</th><td>{value}</td></tr>"
        room -= _size(row)
        if room < 0:
            return f'{"".join(shown)}<tr><td colspan="2">and {count - len(shown):,} more, in Comet</td></tr>'
        shown.append(row)
    return "".join(shown)


def _link(url: str, text: str, css_class: str = "", title: str = "") -> str:
    """A link, if the address is one of a web server; else the text alone."""
    shown = _text(text, _MAX_URL)
    try:
        parts = urlsplit(url)
        leads = parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) <= _MAX_URL
    except ValueError:
        leads = False
    if not leads:
        return shown
    attributes = (f' class="{css_class}"' if css_class else "") + (f' title="{_text(title)}"' if title else "")
    return f'<a href="{_text(url, _MAX_URL)}" target="_blank" rel="noopener noreferrer"{attributes}>{shown}</a>'


def _text(text: str, length: int = _MAX_TEXT) -> str:
    """A text that can stand anywhere in the page, also in an attribute."""
    text = text if len(text) <= length else f"{text[: length - 1]}…"
    return escape(_clean(text))


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)


def _size(text: str) -> int:
    return len(text.encode())
