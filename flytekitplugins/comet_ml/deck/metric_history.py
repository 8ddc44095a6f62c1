"""The course of each metric for its plot, recorded in this process: in bounded memory and without a request.

A metric can have a million points. They are kept in buckets of consecutive points, and a bucket remembers its lowest
and its highest. If there are too many buckets, neighbours are merged, and a bucket covers twice as many points. So no
peak is lost, and minimum, maximum, first and last are exact.
"""

from __future__ import annotations

import math
import threading
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_METRICS = 1000
"""Metrics whose course is recorded. Only the last value is known of later ones."""

MAX_BUCKETS = 160
"""Buckets of one metric, with two points each: a plot has about as many pixels."""

MAX_GAPS = 40
"""How many runs of values that are not finite keep their place. Later ones are only counted."""

_PLAIN = (float, int, str)

# Seconds. A process forked while another thread held the lock would wait for ever.
_PATIENCE = 1.0


@dataclass(frozen=True)
class MetricPoint:
    """A value of a metric.

    Attributes:
        number: How many values came before, from 0.
        step: Step of the experiment; not a number where none was known.
        seconds: Time since the recording began.
        value: The value.
    """

    number: int
    step: float
    seconds: float
    value: float


@dataclass(frozen=True, kw_only=True)
class MetricCourse:
    """What is known of a metric.

    Attributes:
        name: Name of the metric, with the SDK's context (``train_loss``).
        last: Its last value; a text if that is no number.
        count: How many values there were; 0 if they were not recorded.
        not_finite: How many of them were infinite or not a number.
        nan: How many of them were not a number.
        points: The finite ones, thinned, in the order of arrival, with the first, last, lowest and highest among them.
        gaps: First and last of each run of values that are not finite.
    """

    name: str
    last: float | str
    count: int = 0
    not_finite: int = 0
    nan: int = 0
    points: Sequence[MetricPoint] = ()
    gaps: Sequence[tuple[MetricPoint, MetricPoint]] = ()


def as_number(value: Any) -> float | None:
    """A metric's value as a number; None if it is none.

    Arrays and tensors of one value have ``item``. `float` would warn of a tensor that has a gradient.
    """
    try:
        if type(value) not in _PLAIN and callable(getattr(value, "item", None)):
            value = value.item()
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


class MetricHistory:
    """Records the values of metrics. Any thread may."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._records: dict[str, _Record] = {}

    def record(self, name: str, value: object, step: Any = None, seconds: float | None = None) -> bool:
        """Record a value.

        Args:
            name: Name of the metric.
            value: Anything that `float` takes. Anything else is not recorded.
            step: Step of the experiment, if there is one.
            seconds: Time since the recording began; None for now.

        Returns:
            Whether it is recorded.
        """
        number = value if type(value) is float else as_number(value)
        if number is None:
            # A text, or a tensor of several values: the SDK takes them too.
            return False
        try:
            at = math.nan if step is None else float(step)
        except (TypeError, ValueError, OverflowError):
            at = math.nan
        if seconds is None:
            seconds = time.monotonic() - self._began
        if not self._lock.acquire(timeout=_PATIENCE):
            return False
        try:
            record = self._records.get(name)
            if record is None:
                if len(self._records) >= MAX_METRICS:
                    return False
                record = self._records[name] = _Record()
            record.add(at, seconds, number)
        finally:
            self._lock.release()
        return True

    def courses(self) -> list[MetricCourse]:
        """The courses of the metrics, in the order of their first values."""
        with self._lock:
            return [record.course(name) for name, record in self._records.items()]


_Point = tuple[int, float, float, float]
_NO_POINT: _Point = (0, math.nan, 0.0, math.nan)


@dataclass(slots=True)
class _Record:
    """One metric's values. Points are kept flat, four numbers each, and two points a bucket."""

    count: int = 0
    odd: int = 0
    nan: int = 0
    _size: int = 1
    _filled: int = 0
    _buckets: array[float] = field(default_factory=lambda: array("d"))
    _low: _Point = _NO_POINT
    _high: _Point = _NO_POINT
    _first: _Point | None = None
    _last: _Point = _NO_POINT
    _gaps: list[tuple[MetricPoint, MetricPoint]] = field(default_factory=list)
    _in_gap: bool = False

    def add(self, step: float, seconds: float, value: float) -> None:
        point = (self.count, step, seconds, value)
        self.count += 1
        self._last = point
        if not math.isfinite(value):
            self._add_gap(MetricPoint(*point))
            return
        self._in_gap = False
        if self._first is None:
            self._first = point
        if self._filled == 0:
            self._low = self._high = point
        elif value < self._low[3]:
            self._low = point
        elif value > self._high[3]:
            self._high = point
        self._filled += 1
        if self._filled >= self._size:
            self._close_bucket()

    def _add_gap(self, point: MetricPoint) -> None:
        self.odd += 1
        self.nan += math.isnan(point.value)
        if self._in_gap:
            self._gaps[-1] = (self._gaps[-1][0], point)
        elif len(self._gaps) < MAX_GAPS:
            self._gaps.append((point, point))
            self._in_gap = True

    def _close_bucket(self) -> None:
        for point in sorted((self._low, self._high)):
            self._buckets.extend(point)
        self._filled = 0
        if len(self._buckets) >= MAX_BUCKETS * 8:
            self._merge()

    def _merge(self) -> None:
        merged = array("d")
        points = list(_tuples(self._buckets))
        for start in range(0, len(points), 4):
            bucket = points[start : start + 4]
            low = min(bucket, key=lambda point: point[3])
            high = max(bucket, key=lambda point: point[3])
            for point in sorted((low, high)):
                merged.extend(point)
        self._buckets = merged
        self._size *= 2

    def course(self, name: str) -> MetricCourse:
        kept = list(_tuples(self._buckets))
        if self._filled:
            kept += [self._low, self._high]
        if self._first is not None:
            kept.append(self._first)
        if math.isfinite(self._last[3]):
            kept.append(self._last)
        # By number: a step that is not a number is not even equal to itself.
        points = {int(number): MetricPoint(int(number), *others) for number, *others in kept}
        return MetricCourse(
            name=name,
            last=self._last[3],
            count=self.count,
            not_finite=self.odd,
            nan=self.nan,
            points=[points[number] for number in sorted(points)],
            gaps=list(self._gaps),
        )


def _tuples(flat: array[float]) -> Iterator[tuple[float, float, float, float]]:
    numbers = iter(flat)
    return zip(numbers, numbers, numbers, numbers, strict=True)
