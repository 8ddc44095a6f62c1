"""The Comet deck in Chromium, inside flytekit's own page: readable whatever the reader prefers, on any screen."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flytekitplugins.comet_ml.deck.metric_history import MetricHistory
from flytekitplugins.comet_ml.deck.page import DeckContent, EarlierExperiment, render

from tests.support.browser import Browser

pytestmark = pytest.mark.newest

CONTENT = DeckContent(
    key="0123456789abcdef0123456789abcdef",
    name="train f3a",
    workspace="my-team",
    project_name="digits",
    url="https://www.comet.com/my-team/digits/0123456789abcdef0123456789abcdef",
    status="finished",
    task="digits.train",
    started=1.0,
    duration=2.0,
    tags=["nightly"],
    parameters={"epochs": "5", "optimizer.lr": "0.001", "path": "/a/very/long/path" * 15},
)

CONTRASTS = """
function color(text) { return text.match(/[\\d.]+/g).map(Number); }
function light(rgb) {
  const [r, g, b] = rgb.slice(0, 3).map(c => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
}
function behind(element) {
  for (; element; element = element.parentElement) {
    const found = color(getComputedStyle(element).backgroundColor);
    if (found.length < 4 || found[3] > 0) return found;
  }
  return [255, 255, 255];
}
const found = [];
for (const element of document.querySelectorAll(".comet-deck *")) {
  const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
  if (!own || ["STYLE", "CAPTION"].includes(element.tagName)) continue;
  const style = getComputedStyle(element);
  const ink = color(element instanceof SVGElement ? style.fill : style.color);
  const [low, high] = [light(ink), light(behind(element))].sort((a, b) => a - b);
  found.push([(high + .05) / (low + .05), element.outerHTML.slice(0, 80)]);
}
return found;
"""


def metrics(count: int) -> Any:
    history = MetricHistory()
    for step in range(50):
        for number in range(count):
            history.record(f"block{number // 6}/metric{number}", math.sin(step / 9) + number, step)
        history.record("loss_with_a_name_that_does_not_fit_into_its_line_" * 4, 1 / (step + 1), step)
        history.record("diverged", math.nan if step > 30 else step, step)
        history.record("broken", math.nan, step)
    return history.courses()


CASES = {
    "two metrics": [dataclasses.replace(CONTENT, metrics=metrics(2))],
    "60 metrics": [dataclasses.replace(CONTENT, metrics=metrics(60), parameters={f"p{n}": "1" for n in range(40)})],
    "running": [dataclasses.replace(CONTENT, status="running")],
    "crashed": [
        dataclasses.replace(
            CONTENT,
            status="failed",
            error="ValueError: no data",
            traceback='  File "train.py", line 3\n' * 60 + "ValueError: no data",
            earlier=[EarlierExperiment("0", "a" * 32, "https://www.comet.com/my-team/digits/a")],
        )
    ],
    "offline": [
        dataclasses.replace(CONTENT, status="terminated", offline=True, archive="s3://bucket/" + "raw/" * 60 + "a.zip")
    ],
}


@pytest.fixture
def screen(browser: Browser) -> Iterator[Browser]:
    """The browser, which afterwards prefers what it did."""
    yield browser
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def look_at(screen: Browser, case: str, *, width: int = 1180, scheme: str = "light") -> Any:
    """Open a page, and return what runs scripts in it."""
    found = importlib.util.find_spec("flytekit")
    assert found is not None
    assert found.origin is not None
    template = (Path(found.origin).parent / "deck" / "html" / "template.html").read_text()
    page = template.replace("$NAV_HTML", "<li>Comet</li>").replace("$BODY_HTML", f"<div>{render(CASES[case])}</div>")
    # The fonts of the page are from elsewhere.
    screen.server.pages["/deck.html"] = "\n".join(line for line in page.splitlines() if "fonts.googleapis" not in line)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    preferred = [{"name": "prefers-color-scheme", "value": scheme}]
    screen.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    screen.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": preferred})
    screen.open(screen.server.url("/deck.html"))
    return screen.driver.execute_script


@pytest.mark.parametrize(("scheme", "case"), [("light", "two metrics"), *(("dark", case) for case in CASES)])
@pytest.mark.by_default("dark-60 metrics", "dark-crashed")
def test_every_text_stands_out_from_what_is_behind_it(screen: Browser, scheme: str, case: str) -> None:
    run = look_at(screen, case, scheme=scheme)
    contrasts = run(CONTRASTS)
    assert len(contrasts) > 10
    assert [(ratio, html) for ratio, html in contrasts if ratio < 4.5] == []


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("width", [480, 1180])
@pytest.mark.by_default("480-60 metrics", "1180-crashed")
def test_nothing_is_wider_than_the_screen(screen: Browser, width: int, case: str) -> None:
    run = look_at(screen, case, width=width)
    # In one look: a scroll bar, which may come a moment later, takes from the room.
    seen = """
      const page = document.documentElement, room = page.clientWidth;
      return [room, page.scrollWidth, [...document.querySelectorAll(".comet-deck *")]
        .filter(e => e.getBoundingClientRect().right > room && e.tagName != "CAPTION").map(e => e.outerHTML)];
    """
    room, needed, beyond = run(seen)
    assert width >= room == needed
    assert beyond == []


def test_parameters_are_on_the_first_screen_beside_sixty_metrics(screen: Browser) -> None:
    run = look_at(screen, "60 metrics")
    heading = 'return [...document.querySelectorAll("h2")].map(e => [e.innerText, e.getBoundingClientRect().top])'
    tops = {text.split()[0]: top for text, top in run(heading)}
    assert tops["Parameters"] < tops["Metrics"] < 900


def test_a_long_traceback_shows_its_end_first_and_can_be_scrolled_by_keyboard(screen: Browser) -> None:
    run = look_at(screen, "crashed")
    seen = """
      const frame = document.querySelector(".traceback"), text = frame.querySelector("pre").getBoundingClientRect();
      return [frame.clientHeight, text.height, text.bottom <= frame.getBoundingClientRect().bottom, frame.tabIndex];
    """
    height, whole, at_its_end, tab_index = run(seen)
    assert whole > height > 100
    assert at_its_end
    assert tab_index == 0


@pytest.mark.parametrize("case", CASES)
@pytest.mark.by_default("60 metrics", "crashed")
def test_headings_are_in_order_and_tables_and_pictures_have_names(screen: Browser, case: str) -> None:
    run = look_at(screen, case)
    levels = run('return [...document.querySelectorAll("h1, h2, h3")].map(e => Number(e.tagName[1]))')
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert run('return [...document.querySelectorAll("table")].every(e => e.caption && e.caption.innerText)')
    assert run('return [...document.querySelectorAll("svg")].every(e => e.getAttribute("aria-label"))')


def test_the_browser_has_nothing_to_complain_of(screen: Browser) -> None:
    # The page of another test may just be leading elsewhere: it is left first.
    look_at(screen, "crashed")
    screen.complaints()
    screen.server.landings.clear()
    look_at(screen, "60 metrics")
    assert screen.complaints() == []
    assert screen.server.landings == []
