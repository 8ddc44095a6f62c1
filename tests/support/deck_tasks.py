"""Local tasks with decks: where flytekit writes them, and what they log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import comet_ml
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login

from tests.support.deck_page import Page, comet_part

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


@task(enable_deck=True)
@track
def child(number: int) -> int:
    log(number + 1)
    return number
