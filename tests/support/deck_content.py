"""What a Comet deck is made of: the content of a page, and the course of a metric."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from flytekitplugins.comet_ml.deck.metric_history import MetricCourse, MetricHistory
from flytekitplugins.comet_ml.deck.page import DeckContent, render

from tests.support.deck_page import Page

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
