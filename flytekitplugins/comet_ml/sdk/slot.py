"""The place of a tracked call's running experiment."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any


class Slot:
    """The place of a tracked call's running experiment.

    Attributes:
        experiment: What is running in the call; None until one is started.
        before: What was running in the process before the call.
        outer: What was running in the context before the call: its caller's experiment.
        arguments: What a bare `comet_ml.start` in the call means: workspace, project, key.
        closed: Whether whatever is opened in the call is to be disabled.
        passing: Whether an entrance has let a call through, and so lets those pass that the SDK makes in it.
        joins: Whether this SDK's `Experiment()` can continue an experiment that has ended.
        opened: Called with every experiment that is opened in the call, while the SDK makes it.
        end: Ends the call's experiment when the body opens another one.
        made: Called with every one that the SDK has made.
    """

    def __init__(self, before: Any, outer: Any) -> None:
        self.experiment: Any = None
        self._process = os.getpid()
        self.before = before
        self.outer = outer
        self.arguments: dict[str, Any] = {}
        self.closed = False
        self.passing = False
        self.joins = False
        self.opened: Callable[[Any], None] = lambda experiment: None
        self.end: Callable[[Any], None] = lambda experiment: experiment.end()
        self.made: Callable[[Any], None] = lambda experiment: None

    @property
    def is_at_work(self) -> bool:
        """Whether the running experiment takes what is logged: not in a forked child, which has none of its threads."""
        return not self.experiment.ended and os.getpid() == self._process


current: ContextVar[Slot | None] = ContextVar("running_experiment", default=None)
"""The slot of the tracked call that the context belongs to."""

slots: list[Slot] = []
"""The slots of all tracked calls that run, in the order in which they began."""


def nearest() -> Slot | None:
    """The slot of the context's call; in a context without one, as in a thread that a call started, of the newest."""
    # The settings in force there, the experiment's key among them, are the newest call's too.
    return current.get() or next(reversed(slots), None)
