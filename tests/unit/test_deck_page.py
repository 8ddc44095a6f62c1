"""What a reader of the Comet deck finds: groups of metrics, parameters near the top, why a task failed."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import pytest
from flytekitplugins.comet_ml.deck.metric_history import MetricCourse, MetricHistory
from flytekitplugins.comet_ml.deck.page import MAX_BYTES, DeckContent, render
from flytekitplugins.comet_ml.deck.plot import plot

from tests.support.deck_page import Page, numbers_in

KEY = "0123456789abcdef0123456789abcdef"
CONTENT = DeckContent(
    key=KEY,
    name="train",
    workspace="my-team",
    project_name="digits",
    url=f"https://www.comet.com/my-team/digits/{KEY}",
    status="finished",
)


def courses(values: dict[str, list[float]]) -> list[MetricCourse]:
    history = MetricHistory()
    for name, course in values.items():
        for step, value in enumerate(course):
            history.record(name, value, step)
    return history.courses()


def curves(*names: str) -> list[MetricCourse]:
    return courses({name: [1.0, 2.0] for name in names})


def html_of(**changes: Any) -> str:
    return render([dataclasses.replace(CONTENT, **changes)])


def groups_of(html: str) -> list[tuple[str, bool]]:
    """Headings of the groups, and whether they are open."""
    found = re.findall(r"<details( open)?><summary><h3>(.*?)</h3>", html)
    return [(re.sub("<.*?>", "", title), bool(is_open)) for is_open, title in found]


# Metrics


def test_metrics_are_grouped_by_what_stands_before_the_first_slash() -> None:
    html = html_of(metrics=curves("block0/loss", "loss", "block1/loss", "block0/attention/norm", "block1/norm"))
    assert groups_of(html) == [("block0 2", True), ("block1 2", True)]
    text = Page(html).text
    order = ["loss", "block0/loss", "block0/attention/norm", "block1/loss", "block1/norm"]
    assert [text.rindex(name) for name in order[1:]] == sorted(text.rindex(name) for name in order[1:])
    assert text.index("Metrics 5loss") < text.index("block0 2")


def test_a_prefix_that_one_metric_has_is_no_group() -> None:
    html = html_of(metrics=curves("train/loss", "val/accuracy", "/", "a/"))
    assert groups_of(html) == []
    assert "train/loss" in Page(html).text


def test_after_many_curves_groups_are_closed_and_still_named() -> None:
    html = html_of(metrics=curves(*(f"block{number}/{name}" for number in range(6) for name in "abcdefghij")))
    assert [is_open for _, is_open in groups_of(html)] == [True, True, True, False, False, False]
    assert Page(html).tags.count("svg") == 60


def test_a_group_has_its_metrics_without_a_curve_in_a_table() -> None:
    html = html_of(metrics=courses({"test/loss": [1.0, 2.0], "test/accuracy": [0.97], "final": [3.0]}))
    captions = re.findall("<caption>(.*?)</caption>", html)
    assert captions == ["Last values", "Last values of test"]
    assert "test/accuracy0.97" in Page(html).text


def test_a_long_name_has_its_curve() -> None:
    name = "a_name_that_goes_on_" * 30
    html = html_of(metrics=curves(name, f"{name}/loss", f"{name}/accuracy"))
    assert Page(html).tags.count("svg") == 3
    assert name[:250] in Page(html).text


def test_values_that_are_not_finite_are_counted_with_and_without_a_curve() -> None:
    values = {"loss": [1.0, math.nan, math.nan, 2.0, math.inf], "broken": [math.nan] * 3, "once": [math.nan]}
    text = Page(html_of(metrics=courses(values))).text
    assert "5 values · 2 NaN · 1 infinite" in text
    assert "brokenNaN3 values · 3 NaN" in text
    assert "onceNaN" in text


def test_metrics_of_one_name_are_all_shown() -> None:
    # Masked names can be the same.
    assert Page(html_of(metrics=[*curves("***"), *curves("***")])).tags.count("svg") == 2


# Parameters


def test_parameters_stand_before_the_metrics() -> None:
    text = Page(html_of(parameters={"epochs": "5"}, metrics=curves("loss"))).text
    assert text.index("epochs") < text.index("Metrics")


@pytest.mark.parametrize(("count", "is_open"), [(3, True), (30, True), (31, False)])
def test_many_parameters_are_closed_at_first(count: int, is_open: bool) -> None:
    html = html_of(parameters={f"p{number}": "1" for number in range(count)})
    assert f"<details{' open' if is_open else ''}><summary><h2>Parameters <span>{count}</span>" in html


# The head


def test_the_traceback_of_a_failure_is_there() -> None:
    traceback = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\nValueError: no data'
    page = Page(html_of(status="failed", error="ValueError: no data", traceback=traceback))
    assert traceback in page.text


def test_a_long_traceback_keeps_its_beginning_and_its_end() -> None:
    traceback = "Traceback\n" + "  File\n" * 20_000 + "ValueError: no data"
    text = Page(html_of(status="failed", error="ValueError", traceback=traceback)).text
    assert len(text) < 12_000
    assert "Traceback\n  File" in text
    assert "  File\nValueError: no data" in text


def test_when_it_started_how_long_it_took_and_its_tags_are_there() -> None:
    text = Page(html_of(started=1_764_109_000.0, duration=754.2, tags=["baseline", "<b>"])).text
    assert "Started2025-11-25 22:16:40 UTC" in text
    assert "Duration12 min 34 s" in text
    assert "Tagsbaseline<b>" in text


def test_what_is_not_known_of_a_run_is_left_out() -> None:
    text = Page(html_of()).text
    assert not {"Started", "Duration", "Tags", "Parameters"} & set(re.findall("[A-Z][a-z]+", text))


# Its size


def test_sixty_long_metrics_are_a_small_page() -> None:
    (long,) = courses({"m": [math.sin(step / 777) + step % 7 for step in range(10_000)]})
    metrics = [dataclasses.replace(long, name=f"block{number // 6}/m{number}") for number in range(60)]
    assert len(html_of(metrics=metrics).encode()) < 300_000


def test_no_number_of_groups_makes_it_too_large() -> None:
    (long,) = courses({"m": [float(step % 7) for step in range(1000)]})
    prefix = "&\U0001f600" * 150
    metrics = [dataclasses.replace(long, name=f"{number // 2}{prefix}/{number}") for number in range(3000)]
    html = html_of(metrics=metrics)
    assert len(html.encode()) <= MAX_BYTES
    shown = Page(html).tags.count("svg")
    assert shown > 100
    rows = Page(html).tags.count("tr")
    assert f"and {3000 - shown - rows:,} more, in Comet" in Page(html).text


# The line


def test_a_line_leads_to_where_its_values_are() -> None:
    (course,) = courses({"m": [0.0, 10.0, 5.0, 10.0, 0.0]})
    svg = plot(course, "m")
    line = re.search(r'class="line" d="([^"]*)"', svg)
    assert line is not None
    places = numbers_in(f'<path d="{line[1]}"/>')
    heights = places[1::2]
    assert heights[0] == heights[4] > heights[2] > heights[1] == heights[3]
    assert [round(b - a, 1) for a, b in zip(places[::2], places[2::2], strict=False)] == pytest.approx(
        [places[2] - places[0]] * 4, abs=0.11
    )
