"""The Comet deck: the page itself, and when flytekit has it."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekit import Deck, FlyteContextManager, Secret, dynamic, task
from flytekit.core.data_persistence import FileAccessProvider
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.comet_ml.deck import observer as display
from flytekitplugins.comet_ml.deck import plot
from flytekitplugins.comet_ml.deck.metric_history import MetricCourse, MetricHistory, MetricPoint
from flytekitplugins.comet_ml.deck.numbers import number
from flytekitplugins.comet_ml.deck.page import MAX_BYTES, DeckContent, EarlierExperiment, render
from flytekitplugins.comet_ml.flyte1 import deck as console
from flytekitplugins.comet_ml.keys.experiment_key import link_suffix
from flytekitplugins.comet_ml.names import Status
from flytekitplugins.comet_ml.sdk import logged_values as logged
from flytekitplugins.comet_ml.sdk.comet_sdk import CometSDK
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.canary import CANARY, Canary
from tests.support.comet_server import CometServer
from tests.support.deck_page import Page, comet_part, numbers_in
from tests.support.pod import Pod, Run
from tests.support.pod_environment import POD_ENVIRONMENT

KEY = "0123456789abcdef0123456789abcdef"
URL = f"https://www.comet.com/my-team/digits/{KEY}"
CONTENT = DeckContent(
    key=KEY, name="train f3a", workspace="my-team", project_name="digits", url=URL, status="finished", attempt="0"
)


def course(name: str = "loss", values: Sequence[float] = (3.0, 2.0, 1.0), steps: bool = True) -> MetricCourse:
    history = MetricHistory()
    for step, value in enumerate(values):
        history.record(name, value, step if steps else None)
    return history.courses()[0]


def page_of(**changes: Any) -> Page:
    return Page(render([dataclasses.replace(CONTENT, **changes)]))


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


# The plot


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


# In flytekit: locally

NEVER = Secret(group="never", key="read")
track = comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER)


def log(count: int = 10) -> Any:
    experiment = comet_ml.get_running_experiment()
    for step in range(count):
        experiment.log_metric("loss", 1 / (step + 1), step=step)
    return experiment


def is_recorded(experiment: Any) -> bool:
    return "_log_metric" in vars(experiment)


class Sandbox:
    """Where the decks of local tasks are, in the order of their publication."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def decks(self) -> list[str]:
        """Their pages."""
        files = sorted(self.directory.rglob("deck.html"), key=lambda file: file.stat().st_mtime_ns)
        return [file.read_text() for file in files]

    def only_deck(self) -> Page:
        """The one page, read."""
        (html,) = self.decks()
        return Page(comet_part(html))


def tabs(html: str) -> list[str]:
    return re.findall(r"handleLinkClick\(this\)\"[^>]*>\s*([^<]*?)\s*</li>", html)


@pytest.fixture
def sandbox(tmp_path: Path, _as_it_was: None) -> Iterator[Sandbox]:
    """Files of local tasks in a directory of the test's, and a list of decks that no test has used before."""
    context = FlyteContextManager.current_context()
    parameters = context.user_space_params
    assert parameters is not None
    builder = parameters.builder()
    builder.decks = []
    files = FileAccessProvider(str(tmp_path / "sandbox"), str(tmp_path / "sandbox" / "raw"))
    state = context.new_execution_state().with_params(user_space_params=builder.build())
    with FlyteContextManager.with_context(context.with_file_access(files).with_execution_state(state)):
        yield Sandbox(tmp_path / "sandbox")


@task(enable_deck=True)
@track
def shown(epochs: int) -> int:
    assert is_recorded(log(epochs))
    Deck("Mine", "<p>mine</p>")
    return epochs


def test_a_local_task_has_a_deck_beside_its_others(laptop: CometServer, sandbox: Sandbox) -> None:
    assert shown(epochs=7) == 7
    (html,) = sandbox.decks()
    expected = ["Timeline", "Comet", "Mine", "Source Code", "Dependencies", "Input", "Output"]
    assert [name.rstrip("s") for name in tabs(html)] == [name.rstrip("s") for name in expected]
    page = sandbox.only_deck()
    (key,) = laptop.experiments
    assert (f"{laptop.url}/my-team/digits/{key}", "Open in Comet") in page.links
    for text in ("Finished", key, "epochs7", "loss0.14286", "min 0.14286 · max 1 · 7 values"):
        assert text in page.text


@pytest.mark.newest
def test_an_async_task_has_a_deck(laptop: CometServer, sandbox: Sandbox) -> None:
    @task(enable_deck=True)
    @track
    async def train() -> int:
        log()
        return 1

    asyncio.run(train())
    assert "loss0.1" in sandbox.only_deck().text


def test_a_task_that_is_decorated_from_above_has_a_deck(laptop: CometServer, sandbox: Sandbox) -> None:
    @track
    @task(enable_deck=True)
    def train() -> None:
        log()

    train()
    assert "loss0.1" in sandbox.only_deck().text


def test_without_decks_nothing_is_recorded(laptop: CometServer, sandbox: Sandbox) -> None:
    recorded: list[bool] = []

    @task
    @track
    def train() -> None:
        recorded.append(is_recorded(log()))

    train()
    assert (recorded, sandbox.decks()) == ([False], [])
    assert "Comet" not in [deck.name for deck in FlyteContextManager.current_context().user_space_params.decks]


def test_a_disabled_experiment_has_no_deck(sandbox: Sandbox) -> None:
    @task(enable_deck=True)
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, disabled=True)
    def train() -> None:
        assert not is_recorded(log())

    train()
    assert "Comet" not in tabs(sandbox.decks()[0])


@pytest.mark.newest  # Deck.publish
def test_a_local_task_that_fails_has_a_deck(laptop: CometServer, sandbox: Sandbox, canary: Canary) -> None:
    @task(enable_deck=True)
    @track
    def train() -> None:
        log()
        raise ValueError(f"no data with {os.environ['COMET_API_KEY']}")

    with pytest.raises(ValueError, match="no data"):
        train()
    page = sandbox.only_deck()
    assert "Crashed" in page.text
    assert "The task failed. ValueError: no data with ***" in page.text
    assert "Traceback (most recent call last):" in page.text
    assert "in train\n" in page.text
    assert CANARY not in page.text
    assert "loss0.1" in page.text


def test_a_deck_without_the_sdk_s_place_to_listen_has_last_values(
    laptop: CometServer, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logged, "watch_metrics", lambda experiment, seen: lambda: None)
    shown_without = task(enable_deck=True)(track(lambda_free))
    shown_without()
    page = sandbox.only_deck()
    assert "svg" not in page.tags
    assert "loss0.1" in page.text


def lambda_free() -> None:
    log()


# Calls within calls


@task(enable_deck=True)
@track
def child(number: int) -> int:
    log(number + 1)
    return number


@task
@track
def quiet_child(number: int) -> int:
    assert not is_recorded(log(number + 1))
    return number


@dynamic(enable_deck=True)
@track
def parent() -> int:
    experiment = log(30)
    assert is_recorded(experiment)
    first = child(number=3)
    quiet_child(number=4)
    child(number=5)
    log(40)
    return first


@pytest.mark.newest  # Deck.publish
def test_a_local_dynamic_task_and_its_children_have_a_deck_each(laptop: CometServer, sandbox: Sandbox) -> None:
    parent()
    decks = [Page(comet_part(html)).text for html in sandbox.decks()]
    assert ["4 values" in decks[0], "6 values" in decks[1], "70 values" in decks[2]] == [True] * 3
    assert len(decks) == 3
    keys = [re.search("[0-9a-f]{32}", text) for text in decks]
    assert len({key[0] for key in keys if key}) == 3
    assert len(laptop.experiments) == 4


def test_tasks_after_each_other_have_a_deck_each(laptop: CometServer, sandbox: Sandbox) -> None:
    child(number=1)
    child(number=2)
    decks = sandbox.decks()
    assert [tabs(html).count("Comet") for html in decks] == [1, 1]
    assert ["2 values" in decks[0], "3 values" in decks[1]] == [True, True]


# Experiments of the body's own


def test_with_start_false_the_body_s_experiment_is_in_the_deck(laptop: CometServer, sandbox: Sandbox) -> None:
    @task(enable_deck=True)
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, start=False)
    def train() -> None:
        comet_ml.start(**CometSDK.of(comet_ml).start_arguments(workspace="my-team", project_name="digits"))
        log(9)

    train()
    page = sandbox.only_deck()
    assert laptop.only_experiment.key in page.text
    assert "9 values" in page.text


def test_with_start_false_and_no_experiment_there_is_no_deck(laptop: CometServer, sandbox: Sandbox) -> None:
    @task(enable_deck=True)
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, start=False)
    def train() -> None: ...

    train()
    assert "Comet" not in tabs(sandbox.decks()[0])


def test_another_experiment_of_the_body_s_is_shown_too(laptop: CometServer, sandbox: Sandbox) -> None:
    @task(enable_deck=True)
    @track
    def train() -> None:
        log(5)
        comet_ml.Experiment(workspace="my-team", project_name="other")
        log(6)

    train()
    page = sandbox.only_deck()
    assert len(laptop.experiments) == 2
    assert all(key in page.text for key in laptop.experiments)
    assert page.text.index("5 values") < page.text.index("6 values")


def test_of_a_sweep_s_experiments_the_first_and_the_last_are_shown(
    laptop: CometServer, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "MAX_EXPERIMENTS", 2)

    @task(enable_deck=True)
    @track
    def train() -> None:
        for trial in range(3):
            comet_ml.Experiment(workspace="my-team", project_name=f"other{trial}")

    train()
    page = sandbox.only_deck()
    keys = list(laptop.experiments)
    assert [key in page.text for key in keys] == [True, False, False, True]


# Offline, and when something fails


def test_an_online_experiment_is_not_shown_as_offline_for_another_s_archive(
    laptop: CometServer, sandbox: Sandbox, tmp_path: Path
) -> None:
    @task(enable_deck=True)
    @track
    def train() -> None:
        other = comet_ml.OfflineExperiment(
            workspace="my-team", project_name="other", experiment_key=KEY, offline_directory=str(tmp_path / "archives")
        )
        other.log_metric("loss", 1)

    train()
    (html,) = sandbox.decks()
    online, offline = map(Page, re.findall("<section>.*?</section>", comet_part(html), re.DOTALL))
    key = laptop.only_experiment.key
    assert key in online.text
    assert "Offline" not in online.text
    assert ".zip" not in online.text
    assert key not in offline.text
    assert "Offline" in offline.text
    assert f"{KEY}.zip" in offline.text


def test_a_run_says_when_it_started_how_long_it_took_and_what_it_is_called(
    laptop: CometServer, sandbox: Sandbox
) -> None:
    @task(enable_deck=True)
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, tags=["nightly"])
    def train() -> None:
        experiment = log(3)
        experiment.set_name("my own name")
        experiment.add_tag("late")

    train()
    text = sandbox.only_deck().text
    assert text.startswith("my own name")
    assert re.search(r"Started20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTCDuration\d+\.\d sTagslatenightly", text)


def test_an_offline_run_s_deck_says_why(comet: CometServer, sandbox: Sandbox) -> None:
    os.environ["COMET_API_KEY"] = CANARY
    os.environ["COMET_URL_OVERRIDE"] = f"{comet.url}/clientlib/"
    os.environ.update(COMET_HTTP_SESSION_RETRY_TOTAL="0", COMET_GET_OR_ADD_EXPERIMENT_RETRY_TOTAL="0")
    comet.stop()
    child(number=2)
    page = sandbox.only_deck()
    assert "Offline" in page.text
    assert "This experiment is written to an archive. Comet could not be reached: " in page.text
    assert "3 values" in page.text


def test_a_deck_that_cannot_be_made_costs_one_warning(
    laptop: CometServer, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(contents: object) -> str:
        raise RuntimeError(f"no ink for {os.environ['COMET_API_KEY']}")

    monkeypatch.setattr(console, "render", broken)
    assert child(number=2) == 2
    said = [record.getMessage() for record in caplog.records if "Comet deck" in record.getMessage()]
    assert said == ["The Comet deck of this task could not be made: RuntimeError: no ink for ***"]
    assert len(laptop.only_experiment.metrics["loss"]) == 3


def test_the_api_key_is_in_no_deck(laptop: CometServer, sandbox: Sandbox, canary: Canary) -> None:
    @task(enable_deck=True)
    @track
    def train() -> None:
        experiment = log()
        experiment.log_parameter("mine", f"<{CANARY}>")
        experiment.log_metric(f"loss {CANARY}", 3)

    train()
    assert "<***>" in sandbox.only_deck().text


# In flytekit: in a pod

HEAD = """
import asyncio, os, sys
import comet_ml
from flytekit import Deck, FlyteContextManager, Secret, dynamic, map_task, task
from flytekitplugins.comet_ml import comet_ml_login

track = comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"),
)

def log():
    experiment = comet_ml.get_running_experiment()
    print(f"RECORDED {'_log_metric' in vars(experiment)}")
    file = f"{FlyteContextManager.current_context().user_space_params.output_metadata_prefix}/deck.html"
    print(f"WHILE RUNNING {'Running' in open(file).read() if os.path.exists(file) else None}")
    for step in range(30):
        experiment.log_metric("loss", 1 / (step + 1), step=step)
"""

POD_TASKS = {
    "a function": "@task(enable_deck=True)\n@track\ndef train() -> int:\n    log()\n    return 1",
    "above the task": "@track\n@task(enable_deck=True)\ndef train() -> int:\n    log()\n    return 1",
    "async": "@task(enable_deck=True)\n@track\nasync def train() -> int:\n    log()\n    return 1",
    "dynamic": "@dynamic(enable_deck=True)\n@track\ndef train() -> int:\n    log()\n    return 1",
    "raises": "@task(enable_deck=True)\n@track\ndef train() -> None:\n    log()\n    raise ValueError('no data')",
}


def deck_of(run: Run) -> str:
    return (run.directory / "out" / "deck.html").read_text()


@pytest.mark.by_default("above the task", "raises")
@pytest.mark.parametrize("body", POD_TASKS.values(), ids=POD_TASKS)
def test_a_task_in_a_pod_has_a_deck_when_it_starts_and_when_it_ends(comet: CometServer, pod: Pod, body: str) -> None:
    run = pod.run(f"{HEAD}\n\n{body}\n", "train")
    html = deck_of(run)
    page = Page(comet_part(html))
    raises = "raise" in body
    key = comet.only_experiment.key
    assert (f"{comet.url}/my-team/digits/{key}", "Open in Comet") in page.links
    for text in (
        "Crashed" if raises else "Finished",
        key,
        "30 values",
        "loss0.033333",
        POD_ENVIRONMENT["FLYTE_INTERNAL_TASK_NAME"],
    ):
        assert text in page.text
    assert ("The task failed. ValueError: no data" in page.text) == raises
    assert tabs(html)[:2] == ["Timeline", "Comet"]
    assert CANARY not in html
    if hasattr(Deck, "publish"):
        assert "WHILE RUNNING True" in run.log


@pytest.mark.newest  # Deck.publish
def test_a_task_in_a_pod_that_leaves_the_process_has_a_deck(comet: CometServer, pod: Pod) -> None:
    run = pod.run(
        f"{HEAD}\n@task(enable_deck=True)\n@track\ndef train() -> None:\n    log()\n    sys.exit(3)\n", "train"
    )
    page = Page(comet_part(deck_of(run)))
    assert run.status == 3
    assert "Crashed" in page.text
    assert "SystemExit: 3" in page.text


@pytest.mark.newest
def test_the_other_decks_are_those_that_were_asked_for(comet: CometServer, pod: Pod) -> None:
    fields = "deck_fields=(DeckField.INPUT, DeckField.OUTPUT)"
    body = f"@task(enable_deck=True, {fields})\n@track\ndef train(x: int) -> int:\n    log()\n    return x"
    run = pod.run(f"{HEAD}\nfrom flytekit.deck import DeckField\n{body}\n", "train", inputs={"x": 3})
    assert tabs(deck_of(run)) == ["Comet", "Input", "Output"]


def test_a_retried_attempt_s_deck_links_to_the_earlier_ones(comet: CometServer, pod: Pod) -> None:
    run = pod.run(
        f"{HEAD}\n\n{POD_TASKS['a function']}\n",
        "train",
        generated_name="ahq8bl2jkbsf7wxd4mzn-n0-2",
        environment={"FLYTE_ATTEMPT_NUMBER": "2"},
    )
    links = Page(comet_part(deck_of(run))).links
    suffix = link_suffix("digits", "my-team")
    assert links == [
        (f"{comet.url}/my-team/digits/ahq8bl2jkbsf7wxd4mznn0{attempt}{suffix}", text)
        for attempt, text in [(2, "Open in Comet"), (1, "attempt 1"), (0, "attempt 0")]
    ]


def test_a_pod_without_decks_records_nothing(comet: CometServer, pod: Pod) -> None:
    run = pod.run(f"{HEAD}\n@task\n@track\ndef train() -> None:\n    log()\n", "train")
    assert "RECORDED False" in run.log
    assert not (run.directory / "out" / "deck.html").exists()


@pytest.mark.newest
def test_a_map_task_which_has_no_decks_records_nothing(comet: CometServer, pod: Pod) -> None:
    body = "@task(enable_deck=True)\n@track\ndef train(x: int) -> int:\n    log()\n    return x\n"
    index = {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_K8S_ARRAY_INDEX", "FLYTE_K8S_ARRAY_INDEX": "1"}
    run = pod.run(f"{HEAD}\n\n{body}\nmapped = map_task(train)\n", "mapped", inputs={"x": [1, 2]}, environment=index)
    assert (run.error, run.status) == ("", 0)
    assert "RECORDED False" in run.log
    assert not (run.directory / "out" / "deck.html").exists()


@pytest.mark.by_default("fork-pod")
@pytest.mark.newest
@pytest.mark.parametrize("where", ["pod", "local"])
@pytest.mark.parametrize("start_method", ["spawn", "fork"])
def test_a_torch_elastic_task_s_deck_is_that_of_rank_0(
    comet: CometServer, pod: Pod, start_method: str, where: str
) -> None:
    pytest.importorskip("flytekitplugins.kfpytorch")
    pytest.importorskip("torch")
    source = f"""{HEAD}
from flytekitplugins.kfpytorch import Elastic

@task(task_config=Elastic(nnodes=1, nproc_per_node=2, start_method="{start_method}"), enable_deck=True)
@track
def train() -> int:
    log()
    return 1

if __name__ == "__main__":
    context = FlyteContextManager.current_context()
    train()
    # Forked processes share flytekit's directory: of several runs, the last.
    decks = context.file_access.local_sandbox_dir.rglob("deck.html")
    print("DECK", max(decks, key=lambda deck: deck.stat().st_mtime))
"""
    if where == "pod":
        run = pod.run(source, "train")
        assert run.error == ""
        html = deck_of(run)
    else:
        run = pod.script(source)
        (file,) = re.findall(r"DECK (\S+deck.html)\n", run.log)
        html = Path(file).read_text()
    page = Page(comet_part(html))
    assert tabs(html).count("Comet") == 1
    assert comet.only_experiment.key in page.text
    assert "30 values" in page.text
    assert "Finished" in page.text
    assert len(comet.only_experiment.metrics["loss"]) == 30


@pytest.mark.slow
@pytest.mark.newest
def test_a_torch_elastic_task_without_decks_records_nothing(comet: CometServer, pod: Pod) -> None:
    pytest.importorskip("flytekitplugins.kfpytorch")
    pytest.importorskip("torch")
    elastic = 'Elastic(nnodes=1, nproc_per_node=2, start_method="spawn")'
    body = f"@task(task_config={elastic})\n@track\ndef train() -> None:\n    log()"
    run = pod.run(f"{HEAD}\nfrom flytekitplugins.kfpytorch import Elastic\n{body}\n", "train")
    assert run.error == ""
    assert "RECORDED False" in run.log
    assert "RECORDED True" not in run.log
