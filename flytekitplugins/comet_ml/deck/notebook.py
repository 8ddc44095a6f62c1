"""The experiment's card where a notebook runs the task."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..log import logger
from ..sdk.protocols import Experiment
from ..session.plan import Observer, Progress
from .card import card


class ExperimentCard:
    """What a notebook displays of an experiment: its card, and where there is no HTML, its address."""

    def __init__(self, html: str, text: str) -> None:
        self._html = html
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return self._html


class NotebookObserver:
    """Displays the card of the experiment that a session starts, and tells another observer everything.

    Args:
        display: Displays an object in the notebook.
        observer: Whom to tell; None where nobody else wants to know.
    """

    def __init__(self, display: Callable[[ExperimentCard], object], observer: Observer | None = None) -> None:
        self._display = display
        self._observer = observer

    def opened(self, experiment: Experiment) -> None:
        """Tell it (`Observer.opened`)."""
        if self._observer is not None:
            self._observer.opened(experiment)

    def started(self, progress: Progress) -> None:
        """Display the card (`Observer.started`)."""
        if progress.experiment is not None:
            try:
                self._display(_card_of(progress, progress.experiment))
            except Exception as error:  # a notebook can be of any make, and the deck is not hostage to it
                logger.debug("The notebook does not display the experiment's card: %s", error)
        if self._observer is not None:
            self._observer.started(progress)

    def ended(self, progress: Progress) -> None:
        """Tell it (`Observer.ended`)."""
        if self._observer is not None:
            self._observer.ended(progress)


def in_notebook(observer: Observer | None) -> Observer | None:
    """The observer of a local run: where a notebook runs it, one that displays the card as well."""
    ipython: Any = sys.modules.get("IPython")
    get_shell = getattr(ipython, "get_ipython", None)
    # A terminal with IPython in it displays no HTML.
    if get_shell is None or getattr(get_shell(), "kernel", None) is None:
        return observer
    return NotebookObserver(ipython.display.display, observer)


def _card_of(progress: Progress, experiment: Experiment) -> ExperimentCard:
    plan = progress.plan
    # An offline one has its address already, where nothing is until it is sent.
    url = experiment.url if progress.mode == "online" and isinstance(experiment.url, str) else None
    key = str(experiment.get_key())
    html = card(url, progress.masked(plan.name or ""), key, plan.workspace, plan.project_name)
    return ExperimentCard(html, f"Comet experiment: {url or key}")
