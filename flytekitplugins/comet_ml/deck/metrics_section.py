"""The metrics of an experiment in the page: in groups by prefix, each with its last value and its curve."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from .elements import MAX_TEXT, as_many, clean, foldable, heading, more, size, text
from .metric_history import MetricCourse
from .numbers import number
from .plot import plot

_FIGURE_BYTES, _POINT_BYTES = 2200, 9
_MIN_POINTS, _MAX_POINTS = 32, 320
_PREFIX_LENGTH = 100

_OPEN_CURVES = 24
"""So many curves are shown at first. Groups that come after them are closed, and are a table of contents."""


def metrics_section(metrics: Sequence[MetricCourse], room: int) -> str:
    """The metrics: first those without a prefix, then a part for each prefix.

    Args:
        metrics: What is known of each, at least one.
        room: Bytes that this may have.
    """
    groups = grouped(metrics)
    curves = _curves(groups, room)
    # For the headings, and for what could not be shown.
    room -= sum(map(size, curves.values())) + 500
    parts = [heading(2, "Metrics", len(metrics))]
    open_curves = shown = 0
    for prefix, group in groups.items():
        figures = [curves[id(metric)] for metric in group if id(metric) in curves]
        rows, count = as_many(
            (_row(metric) for metric in group if id(metric) not in curves), room - _size_of_frame(prefix, group)
        )
        if not figures and not count:
            continue
        part = _framed(prefix, group, figures, rows, is_open=open_curves < _OPEN_CURVES)
        room -= size(part) - sum(map(size, figures))
        shown += len(figures) + count
        open_curves += len(figures)
        parts.append(part)
    return f"{''.join(parts)}{more(len(metrics) - shown)}"


def grouped(metrics: Sequence[MetricCourse]) -> dict[str, list[MetricCourse]]:
    """The metrics by what stands before the first slash of their names (``block0`` in ``block0/loss``).

    A prefix that only one metric has is none. Those without one come first, under the empty prefix.
    """
    prefixes = [metric.name.partition("/")[0] if "/" in metric.name else "" for metric in metrics]
    times = Counter(prefixes)
    groups: dict[str, list[MetricCourse]] = {"": []}
    for metric, prefix in zip(metrics, prefixes, strict=True):
        groups.setdefault(prefix if times[prefix] > 1 else "", []).append(metric)
    return {prefix: group for prefix, group in groups.items() if group}


def _framed(prefix: str, group: Sequence[MetricCourse], figures: Sequence[str], rows: str, *, is_open: bool) -> str:
    """A group: its curves, a table of the metrics that have none, and its heading."""
    part = f'<div class="figures">{"".join(figures)}</div>' if figures else ""
    if rows:
        caption = f"Last values of {text(prefix, _PREFIX_LENGTH)}" if prefix else "Last values"
        part += f'<table class="values"><caption>{caption}</caption>{rows}</table>'
    if not prefix:
        return part
    return foldable(heading(3, clean(prefix)[:_PREFIX_LENGTH], len(group)), part, is_open=is_open)


def _size_of_frame(prefix: str, group: Sequence[MetricCourse]) -> int:
    return size(_framed(prefix, group, ["-"], "-", is_open=True))


def _curves(groups: Mapping[str, Sequence[MetricCourse]], room: int) -> dict[int, str]:
    """The figures of the metrics that have a course, by identity of the metric, as many as there is room for."""
    number_of_metrics = sum(map(len, groups.values()))
    plotted = {
        prefix: [metric for metric in group if metric.count > 1 and metric.points] for prefix, group in groups.items()
    }
    # Some room is left for tables of those that do not fit.
    left = room - min(room // 8, 300 * number_of_metrics)
    points = (left // max(1, sum(map(len, plotted.values()))) - _FIGURE_BYTES) // _POINT_BYTES
    figures: dict[int, str] = {}
    for prefix, group in plotted.items():
        left -= _size_of_frame(prefix, group)
        for metric in group:
            figure = _figure(metric, max(_MIN_POINTS, min(_MAX_POINTS, points)))
            left -= size(figure)
            if left < 0:
                return figures
            figures[id(metric)] = figure
    return figures


def _figure(metric: MetricCourse, max_points: int) -> str:
    values = [point.value for point in metric.points]
    low, high = number(min(values)), number(max(values))
    notes = [f"min {low}", f"max {high}", *_counts(metric)]
    label = f"{clean(metric.name[:MAX_TEXT])}: {metric.count} values from {low} to {high}"
    return (
        f"<figure><figcaption>{_name(metric)}<b>{_last(metric)}</b></figcaption>"
        f"{plot(metric, label, max_points)}<p>{' · '.join(notes)}</p></figure>"
    )


def _row(metric: MetricCourse) -> str:
    counts = f"<small>{' · '.join(_counts(metric))}</small>" if metric.count > 1 else ""
    return f'<tr><th scope="row">{_name(metric)}</th><td>{_last(metric)}{counts}</td></tr>'


def _name(metric: MetricCourse) -> str:
    """The name, of which what many metrics have in common steps back."""
    path, slash, last = metric.name[:MAX_TEXT].rpartition("/")
    if len(metric.name) > MAX_TEXT or not last:
        return f"<span>{text(metric.name)}</span>"
    return f"<span>{f'<i>{text(path + slash)}</i>' if slash else ''}{text(last)}</span>"


def _last(metric: MetricCourse) -> str:
    return text(metric.last) if isinstance(metric.last, str) else number(metric.last)


def _counts(metric: MetricCourse) -> Iterator[str]:
    yield f"{metric.count:,} values"
    for count, what in ((metric.nan, "NaN"), (metric.not_finite - metric.nan, "infinite")):
        if count:
            yield f'<span class="odd">{count:,} {what}</span>'
