"""Texts for a terminal: rows, numbers, a metric's course as a line of blocks. Nothing in them moves the cursor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..deck.metric_history import MetricCourse
from ..foreign_text import printable

_BLOCKS = "▁▂▃▄▅▆▇█"
_PLOT_WIDTH = 24
_MAX_CELL = 100


def one_line(text: str, length: int = _MAX_CELL) -> str:
    """A text that stays in its line: nothing in it that a terminal would act on, not too long."""
    clean = printable(text[: length + 1].replace("\n", " "))
    return clean if len(clean) <= length else f"{clean[: length - 1]}…"


def number(value: float | str) -> str:
    """A value with five digits; a text as it is."""
    return one_line(value, 20) if isinstance(value, str) else f"{value:.5g}"


def size(count: int) -> str:
    """A number of bytes: ``1.2 kB``."""
    for unit, divisor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= divisor:
            return f"{count / divisor:.1f} {unit}"
    return f"{count} bytes"


def plot(course: MetricCourse) -> str:
    """A metric's course as a line of blocks, each the mean of the values in its part of the course."""
    if len(course.points) < 2:
        return ""
    width = min(_PLOT_WIDTH, len(course.points))
    first, last = course.points[0].number, course.points[-1].number
    columns: list[list[float]] = [[] for _ in range(width)]
    for point in course.points:
        columns[min(width - 1, (point.number - first) * width // max(1, last - first))].append(point.value)
    means: list[float] = []
    for column in columns:
        # A column without a value goes on as the one before.
        means.append(math.fsum(value / len(column) for value in column) if column else means[-1])
    return _blocks(means)


def _blocks(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    if low == high:
        return _BLOCKS[len(_BLOCKS) // 2] * len(values)
    # The difference of two great numbers can be infinite. The difference of their halves is not.
    scale = 0.5 if math.isinf(high - low) else 1.0
    steps = [(value * scale - low * scale) / (high * scale - low * scale) * (len(_BLOCKS) - 1) for value in values]
    return "".join(_BLOCKS[round(step)] for step in steps)


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> Iterator[str]:
    """Rows of a table as lines.

    Args:
        rows: Their cells.
        right: Numbers of the columns that are numbers, and so stand at the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
