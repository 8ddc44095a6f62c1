"""The plot of a metric's course, as SVG that needs nothing else: no script, no font, no request."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from html import escape

from .metric_history import MetricCourse, MetricPoint
from .numbers import labels_of

WIDTH, HEIGHT = 360, 160
_TOP, _RIGHT, _BOTTOM = 10, 14, 30
_CHARACTER = 5.7
"""Width of a digit at the size of the labels."""

_DENSE = 160
"""From so many points on, the line is thinner."""

_MINUTE, _HOUR = 60.0, 3600.0


def plot(course: MetricCourse, label: str, max_points: int = 320) -> str:
    """An SVG of a metric's values over its steps, or over time where the steps do not tell them apart.

    Where values were not finite the line is broken, and a cross stands at the bottom.

    Args:
        course: The metric. It has at least one finite value.
        label: What a screen reader says.
        max_points: How many points the line may have.
    """
    by_step = _has_steps(course)
    unit, divisor = ("step", 1.0) if by_step else _unit(max(point.seconds for point in course.points))

    def x_of(point: MetricPoint) -> float:
        return point.step if by_step else point.seconds / divisor

    points = thinned(course.points, max_points)
    broken = _after_gaps(points, course)
    points = sorted(points, key=x_of)
    gaps = [(x_of(first), x_of(last)) for first, last in course.gaps]
    xs = [x_of(point) for point in points] + [x for gap in gaps for x in gap]
    x_low, x_high = _range(min(xs), max(xs), pad=not by_step and min(xs) == max(xs))
    values = ticks_around(*_range(min(p.value for p in points), max(p.value for p in points), pad=True), 4)
    y_low, y_high, y_ticks = values[0], values[-1], labels_of(values)
    left = 12 + _CHARACTER * max(len(text) for _, text in y_ticks)
    x_ticks = labels_of(ticks(x_low, x_high, 6, whole=by_step))

    def across(x: float) -> float:
        return left + _share(x, x_low, x_high) * (WIDTH - _RIGHT - left)

    def down(y: float) -> float:
        return HEIGHT - _BOTTOM - _share(y, y_low, y_high) * (HEIGHT - _BOTTOM - _TOP)

    bottom = HEIGHT - _BOTTOM
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">']
    for y, text in y_ticks:
        parts.append(f'<path class="grid" d="M{_short(left)} {_short(down(y))}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="y" x="{_short(left - 6)}" y="{_short(down(y) + 3.3)}">{text}</text>')
    parts.append(f'<path class="axis" d="M{_short(left)} {bottom}H{WIDTH - _RIGHT}"/>')
    for x, text in _apart(x_ticks, across):
        parts.append(f'<text class="x" x="{_short(across(x))}" y="{bottom + 13}">{text}</text>')
    parts.append(f'<text class="unit" x="{WIDTH - _RIGHT}" y="{HEIGHT - 4}">{unit}</text>')
    line = _line(points, broken, lambda point: across(x_of(point)), lambda point: down(point.value))
    parts.append(f'<path class="line{" dense" if len(points) > _DENSE else ""}" d="{line}"/>')
    if gaps:
        crosses = "".join(_crosses(across(first), across(last), bottom - 5) for first, last in gaps)
        parts.append(f'<path class="gap" d="{crosses}"/>')
    newest = max(points, key=lambda point: point.number)
    parts.append(f'<circle cx="{_short(across(x_of(newest)))}" cy="{_short(down(newest.value))}" r="2.6"/></svg>')
    return "".join(parts)


def thinned(points: Sequence[MetricPoint], max_points: int) -> list[MetricPoint]:
    """At most about so many of the points: the first, the last, and the lowest and highest of each stretch."""
    if len(points) <= max_points:
        return list(points)
    stretches = max(1, (max_points - 2) // 2)
    kept = {points[0].number: points[0], points[-1].number: points[-1]}
    value = operator.attrgetter("value")
    for index in range(stretches):
        stretch = points[len(points) * index // stretches : len(points) * (index + 1) // stretches]
        for point in (min(stretch, key=value), max(stretch, key=value)):
            kept[point.number] = point
    return [kept[number] for number in sorted(kept)]


def ticks(low: float, high: float, wanted: int, *, whole: bool = False) -> list[float]:
    """Round numbers between two numbers, about as many as wanted; the two numbers where there are none.

    Args:
        low: The lowest.
        high: The highest.
        wanted: How many.
        whole: Whether they are to be whole numbers.
    """
    step = _step(low, high, wanted)
    if step is None:
        return [low, high] if high > low else [low]
    step = max(1.0, step) if whole else step
    first = math.ceil(low / step - 1e-9)
    found = [number * step for number in range(first, first + 3 * wanted) if number * step <= high + step * 1e-9]
    return found if len(found) > 1 or whole else [low, high]


def _step(low: float, high: float, wanted: int) -> float | None:
    """Distance of round numbers of which there are about so many between two; None where floats are at their ends."""
    span = high - low
    if not 1e-290 < span < 1e290:
        return None
    magnitude = 10.0 ** math.floor(math.log10(span / wanted))
    return min((magnitude * factor for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step * wanted / span)))


def ticks_around(low: float, high: float, wanted: int) -> list[float]:
    """Round numbers of which the first is not above, and the last not below a range; its ends where there are none.

    Args:
        low: The lowest.
        high: The highest.
        wanted: About how many.
    """
    step = _step(low, high, wanted)
    if step is None:
        return [low, high]
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _has_steps(course: MetricCourse) -> bool:
    steps = [point.step for point in course.points] + [point.step for gap in course.gaps for point in gap]
    return all(math.isfinite(step) for step in steps) and (len(set(steps)) > 1 or course.count == 1)


def _unit(seconds: float) -> tuple[str, float]:
    if seconds >= 2 * _HOUR:
        return "hours", _HOUR
    return ("minutes", _MINUTE) if seconds >= 2 * _MINUTE else ("seconds", 1.0)


def _after_gaps(points: Sequence[MetricPoint], course: MetricCourse) -> set[int]:
    """Numbers of the points before which the line is broken."""
    starts = sorted(first.number for first, _ in course.gaps)
    found = set()
    position = 0
    for before, after in itertools.pairwise(points):
        while position < len(starts) and starts[position] < before.number:
            position += 1
        if position < len(starts) and starts[position] < after.number:
            found.add(after.number)
    return found


def _range(low: float, high: float, *, pad: bool) -> tuple[float, float]:
    if high > low or not pad:
        return low, high
    around = abs(low) * 0.1 or 1.0
    limit = 1.7e308
    return max(low - around, -limit), min(high + around, limit)


def _share(value: float, low: float, high: float) -> float:
    """Where a value is between two others, from 0 to 1; halved first, since a difference can be infinite."""
    span = high / 2 - low / 2
    if span <= 0:
        return 0.5 if high == low else float(value > low)
    return min(1.0, max(0.0, (value / 2 - low / 2) / span))


def _apart(labels: list[tuple[float, str]], across: Callable[[float], float]) -> list[tuple[float, str]]:
    """The labels of the horizontal axis that do not touch the one before."""
    kept: list[tuple[float, str]] = []
    end = -math.inf
    for x, text in sorted(labels):
        half = _CHARACTER * len(text) / 2
        if across(x) - half >= end:
            kept.append((x, text))
            end = across(x) + half + 6
    return kept


def _line(
    points: Sequence[MetricPoint],
    broken: set[int],
    across: Callable[[MetricPoint], float],
    down: Callable[[MetricPoint], float],
) -> str:
    stretches: list[list[tuple[int, int]]] = []
    for point in points:
        if not stretches or point.number in broken:
            stretches.append([])
        stretches[-1].append((round(across(point) * 10), round(down(point) * 10)))
    return "".join(map(_stretch, stretches))


def _stretch(places: Sequence[tuple[int, int]]) -> str:
    """A line through places in tenths: the first, and the distance from each to the next, which is shorter to write."""
    (x, y), *_ = places
    start = f"M{_short(x / 10)} {_short(y / 10)}"
    # A line without length has round ends too, and so is a dot.
    if len(places) == 1:
        return f"{start}h0"
    distances = [(after[0] - before[0], after[1] - before[1]) for before, after in itertools.pairwise(places)]
    return f"{start}l{' '.join(_short(tenths / 10) for distance in distances for tenths in distance)}".replace(
        " -", "-"
    )


def _crosses(first: float, last: float, y: float) -> str:
    """A cross at both ends of a stretch, and a line between."""
    ends = "".join(f"M{_short(x - 2.5)} {_short(y - 2.5)}l5 5m-5 0l5 -5" for x in dict.fromkeys((first, last)))
    return f"{ends}M{_short(first)} {_short(y)}H{_short(last)}"


def _short(coordinate: float) -> str:
    return f"{coordinate:.1f}".removesuffix(".0")
