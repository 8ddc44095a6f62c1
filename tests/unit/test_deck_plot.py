"""The plot of a metric in a Comet deck: within its picture, with round ticks, and numbers as people write them."""

from __future__ import annotations

import math
import re

import pytest
from flytekitplugins.comet_ml.deck import plot
from flytekitplugins.comet_ml.deck.metric_history import MetricCourse, MetricHistory, MetricPoint
from flytekitplugins.comet_ml.deck.numbers import number
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.deck_content import course
from tests.support.deck_page import numbers_in


@given(
    st.lists(st.floats(allow_nan=True), min_size=1, max_size=50).filter(lambda v: any(map(math.isfinite, v))),
    st.booleans(),
)
@example([1.7976931348623157e308, -1.7976931348623157e308], True)
@example([5e-324, 0.0], True)
@example([1e16, 1e16 + 2], True)
@settings(deadline=None)
def test_any_values_are_drawn_within_the_picture(values: list[float], steps: bool) -> None:
    svg = plot.plot(course("m", values, steps), "m")
    assert "nan" not in svg
    assert "inf" not in svg
    assert all(-10 <= place <= plot.WIDTH for place in numbers_in(svg))
    labels = re.findall('<text class="y"[^>]*>([^<]*)', svg)
    assert len(labels) == len(set(labels)) >= 1


@given(st.lists(st.one_of(st.floats(), st.integers(-(10**30), 10**30)), min_size=2, max_size=30))
@settings(deadline=None)
def test_any_steps_are_drawn_within_the_picture(steps: list[float]) -> None:
    history = MetricHistory()
    for step in steps:
        history.record("m", 1.0, step)
    assert all(-10 <= place <= plot.WIDTH for place in numbers_in(plot.plot(history.courses()[0], "m")))


@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12), st.integers(2, 6))
def test_ticks_are_round_and_around_the_values(low: float, span: float, wanted: int) -> None:
    ticks = plot.ticks_around(low, low + span, wanted)
    assert ticks[0] <= low + abs(low) * 1e-9 + span * 1e-9
    assert ticks[-1] >= low + span - abs(low) * 1e-9 - span * 1e-9
    assert 2 <= len(ticks) <= 2 * wanted + 3


def labels_of(metric: MetricCourse, axis: str) -> list[str]:
    return re.findall(f'<text class="{axis}"[^>]*>([^<]*)', plot.plot(metric, ""))


def test_the_horizontal_axis_has_whole_steps() -> None:
    assert labels_of(course(values=[1, 2, 3]), "x") == ["0", "1", "2"]
    assert labels_of(course(values=range(61)), "x") == ["0", "10", "20", "30", "40", "50", "60"]
    assert labels_of(course(), "unit") == ["step"]


def test_large_steps_are_written_short() -> None:
    metric = MetricCourse(name="m", last=1, count=2, points=[MetricPoint(n, n * 1_000_000, n, n) for n in range(2)])
    assert labels_of(metric, "x") == ["0", "200k", "400k", "600k", "800k", "1M"]


@pytest.mark.parametrize(("seconds", "unit"), [(90, "seconds"), (600, "minutes"), (20_000, "hours")])
def test_without_steps_the_horizontal_axis_is_time(seconds: float, unit: str) -> None:
    points = [MetricPoint(0, math.nan, 0, 1), MetricPoint(1, math.nan, seconds, 2)]
    assert labels_of(MetricCourse(name="m", last=2, count=2, points=points), "unit") == [unit]


def test_the_vertical_axis_has_round_labels_around_the_values() -> None:
    assert labels_of(course(values=[0.48, 0.979]), "y") == ["0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1.0"]
    assert labels_of(course(values=[-5000.0, 6634]), "y")[0] == "\N{MINUS SIGN}6,000"
    assert labels_of(course(values=[5, 5]), "y")[3] == "5.0"


def test_a_thinned_line_keeps_its_peaks() -> None:
    points = [MetricPoint(n, n, n, 99.0 if n == 543 else n % 3) for n in range(1000)]
    kept = plot.thinned(points, 40)
    assert len(kept) <= 42
    assert 99.0 in [point.value for point in kept]
    assert (kept[0], kept[-1]) == (points[0], points[-1])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.9733333, "0.97333"),
        (1250, "1,250"),
        (1250.0, "1,250"),
        (3.2e-5, "3.2e-5"),
        (-0.0, "0"),
        (-2.5, "\N{MINUS SIGN}2.5"),
        (math.nan, "NaN"),
        (-math.inf, "\N{MINUS SIGN}∞"),
        (1e300, "1e300"),
    ],
)
def test_a_number_is_written_as_people_write_it(value: float, text: str) -> None:
    assert number(value) == text
