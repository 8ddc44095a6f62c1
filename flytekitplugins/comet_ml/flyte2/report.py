"""The tab "Comet" in the report of an action."""

from __future__ import annotations

import contextvars
from collections.abc import Sequence

import flyte.report
from flyte.models import TaskContext

from ..deadline import within
from ..deck.observer import DeckObserver
from ..deck.page import DeckContent, render
from ..log import logger

TAB_NAME = "Comet"

_SECONDS_TO_FLUSH = 20.0


def report_observer(context: TaskContext) -> DeckObserver | None:
    """What follows the experiments of a call, and shows them in the report of its action.

    Args:
        context: Flyte 2's task context of the call.

    Returns:
        None where there is no report.
    """
    return DeckObserver(_Tab(context)) if context and context.report is not None else None


class _Tab:
    """Shows a call's experiments in a tab of the report, from whatever thread."""

    def __init__(self, context: TaskContext) -> None:
        self._report = context.report
        # Flyte finds the report to flush in the context.
        self._context = contextvars.copy_context()

    def __call__(self, contents: Sequence[DeckContent]) -> None:
        self._report.get_tab(TAB_NAME).replace(render(contents))
        # Flyte flushes only after success.
        try:
            self._context.copy().run(within, _SECONDS_TO_FLUSH, flyte.report.flush)
        except TimeoutError:
            logger.warning("The report of this action could not be written within %.0f seconds.", _SECONDS_TO_FLUSH)
