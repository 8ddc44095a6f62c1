"""The page of a Comet deck: what it says, what it never does, and how large it is."""

from __future__ import annotations

import dataclasses
import math
import re

import pytest
from flytekitplugins.comet_ml.deck import plot
from flytekitplugins.comet_ml.deck.metric_history import MetricCourse
from flytekitplugins.comet_ml.deck.page import MAX_BYTES, DeckContent, EarlierExperiment, render
from flytekitplugins.comet_ml.names import Status
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.deck_content import CONTENT, KEY, URL, course, page_of
from tests.support.deck_page import Page

# What it says


def test_it_says_which_experiment_and_links_to_it() -> None:
    page = page_of(task="my_pkg.train", execution="f3a")
    assert (URL, "Open in Comet") in page.links
    for text in (KEY, "my-team", "digits", "my_pkg.train", "f3a", "train f3a"):
        assert text in page.text


@pytest.mark.parametrize("state", ["running", "finished", "crashed", "terminated"])
def test_it_says_how_the_experiment_goes(state: Status) -> None:
    assert state.capitalize() in page_of(status=state).text


def test_it_says_by_what_the_task_failed() -> None:
    assert "The task failed. ValueError: no data" in page_of(status="failed", error="ValueError: no data").text


def test_it_links_to_the_experiments_of_earlier_attempts() -> None:
    earlier = [EarlierExperiment("1", "b" * 32, "https://c/w/p/b"), EarlierExperiment("0", "a" * 32, "https://c/w/p/a")]
    page = page_of(attempt="2", earlier=earlier)
    assert page.links[1:] == [("https://c/w/p/b", "attempt 1"), ("https://c/w/p/a", "attempt 0")]


def test_it_says_where_the_archive_is_and_how_to_send_it() -> None:
    page = page_of(offline=True, archive="s3://bucket/raw/it's.zip", cause="ConnectionError: refused")
    assert "s3://bucket/raw/it's.zip" in page.text
    assert """python -m flytekitplugins.comet_ml upload 's3://bucket/raw/it'"'"'s.zip'""" in page.text
    assert "ConnectionError: refused" in page.text
    assert "Offline" in page.text
    assert [text for _, text in page.links] == [URL]


@pytest.mark.parametrize(
    ("state", "text"), [("running", "when the task ends"), ("finished", "The task's log says where")]
)
def test_an_archive_that_is_not_stored_yet(state: Status, text: str) -> None:
    page = page_of(offline=True, status=state)
    assert text in page.text
    assert page.links == []


def test_it_shows_parameters() -> None:
    assert re.search("epochs *5", page_of(parameters={"epochs": "5"}).text)


def test_it_shows_each_metric_with_its_last_value_and_plot() -> None:
    page = page_of(metrics=[course("loss"), course("accuracy", [0.5, 0.97331])])
    assert page.tags.count("svg") == 2
    assert "accuracy0.97331" in page.text
    assert "min 0.5 · max 0.97331 · 2 values" in page.text


def test_a_metric_with_one_value_or_a_text_has_no_plot() -> None:
    page = page_of(metrics=[course("final", [0.5]), MetricCourse(name="verdict", last="good")])
    assert "svg" not in page.tags
    assert "final0.5" in page.text
    assert "verdictgood" in page.text


def test_values_that_are_not_finite_are_counted_and_marked() -> None:
    metric = course("loss", [1.0, 2.0, math.nan, math.nan, 3.0, math.inf])
    page = page_of(metrics=[metric])
    assert "6 values · 2 NaN · 1 infinite" in page.text
    assert "loss∞" in page.text
    line = re.search('class="line" d="([^"]*)"', plot.plot(metric, ""))
    assert line is not None
    assert line[1].count("M") == 2


def test_a_metric_without_a_finite_value_is_shown_without_a_plot() -> None:
    page = page_of(metrics=[course("loss", [math.nan, math.nan])])
    assert "svg" not in page.tags
    assert "lossNaN" in page.text


def test_two_experiments_are_shown_one_after_the_other() -> None:
    page = Page(render([CONTENT, dataclasses.replace(CONTENT, key="f" * 32)]))
    assert page.text.index(KEY) < page.text.index("f" * 32)


# What it never does


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(categories=["Cs", "Cc", "Cf", "Lu", "Po"]), max_size=40),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "'><svg onload=alert(1)>",
            "</style><script>",
            "]]>&lt;&#x3c;",
            "javascript:alert(1)",
            "${NAV_HTML} $BODY_HTML {{ x }}",
            "\ud800",
            "\x00",
        ]
    ),
)
EVERYTHING = dict(  # noqa: C408 - the fields
    name="n",
    key="k",
    workspace="w",
    project_name="p",
    task="t",
    execution="x",
    attempt="a",
    error="e",
    cause="c",
    traceback="t",
)


@given(HOSTILE)
@example("\u202e</h1>")
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_becomes_markup(text: str) -> None:
    def page(text: str) -> Page:
        return Page(
            render(
                [
                    DeckContent(
                        **dict.fromkeys(EVERYTHING, text),  # type: ignore[arg-type]
                        url=URL,
                        status="failed",
                        offline=True,
                        archive=text or "a",
                        earlier=[EarlierExperiment(text, text, text)],
                        tags=[text],
                        parameters={text: text},
                        metrics=[
                            dataclasses.replace(course(), name=text),
                            MetricCourse(name=text, last=text),
                        ],
                    )
                ]
            )
        )

    html = page(text)
    # Slashes make groups.
    ordinary = page(re.sub("[^/]", "p", text) or "plain")
    # Empty facts are left out.
    if text:
        assert html.tags == ordinary.tags
    assert html.attributes <= ordinary.attributes
    assert not {name for name in html.attributes if name.startswith("on")}
    html.text.encode()


@given(HOSTILE)
def test_a_page_can_be_written_to_a_file(text: str) -> None:
    render([dataclasses.replace(CONTENT, name=text, parameters={text: text}, archive=text, offline=True)]).encode()


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>",
        "//evil.example.com",
        "https://",
        "https://[",
        "file:///etc/passwd",
        "",
    ],
)
def test_only_addresses_of_web_servers_are_links(url: str) -> None:
    assert page_of(url=url).links == []


def test_it_asks_nobody_for_anything_and_runs_nothing() -> None:
    html = render([dataclasses.replace(CONTENT, metrics=[course()], parameters={"a": "b"})])
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "use", "image"} & set(page.tags)
    assert "url(" not in html
    assert "@import" not in html
    assert set(re.findall(r"https?://[^\"'<)\s]+", html)) == {URL}
    assert 'target="_blank" rel="noopener noreferrer"' in html


# How large it is


LONG = course("long", [math.sin(step / 777) + step % 7 for step in range(100_000)])


@pytest.mark.parametrize("count", [1, 50, 500, 5000])
def test_no_number_of_metrics_makes_it_too_large(count: int) -> None:
    metrics = [dataclasses.replace(LONG, name=f"metric {index}") for index in range(count)]
    html = render([dataclasses.replace(CONTENT, metrics=metrics, parameters={"a": "b"})])
    assert len(html.encode()) <= MAX_BYTES < 2_000_000
    page = Page(html)
    assert page.tags.count("svg") == count if count <= 500 else page.tags.count("svg") > 400
    shown = sum(f"metric {index}" in page.text for index in range(count)) if count < 5000 else count
    assert shown == count


@pytest.mark.slow
def test_no_text_makes_it_too_large() -> None:
    long = "&\U0001f600" * 10_000
    content = dataclasses.replace(
        CONTENT,
        **dict.fromkeys(EVERYTHING, long),
        archive=long,
        offline=True,
        earlier=[EarlierExperiment(str(index), long, f"https://c/{long}") for index in range(1000)],
        tags=[long] * 1000,
        parameters={f"{index} {long}": long for index in range(5000)},
        metrics=[dataclasses.replace(LONG, name=f"{index // 2}{long}/{index}") for index in range(2000)],
    )
    html = render([content] * 8)
    assert len(html.encode()) <= MAX_BYTES
    assert " more, in Comet" in html
    Page(html)
