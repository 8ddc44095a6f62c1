"""The life of a session: where it stands, and who may end it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

from ..names import Status, crashed

State = Literal["new", "starting", "running", "ending", "ended"]


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        status: `finished`, `failed` (it raised) or `terminated` (its process was told to stop, or it was cancelled).
        error: What it raised.
    """

    status: Status
    error: BaseException | None = None

    @property
    def crashed(self) -> bool:
        """Whether Comet is to show the experiment as crashed."""
        return crashed(self.status)


class LifeCycle:
    """Where a session stands.

    Four things can end it: the return of the body, its exception, a signal, and an end by the body itself. The first
    that claims the end does it. Whoever comes later waits for it, and may correct what was said of the outcome.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: State = "new"
        self._outcome: Outcome | None = None
        self._begun = threading.Event()
        self._ended = threading.Event()

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    def starting(self) -> None:
        """The session begins."""
        with self._lock:
            self._state = "starting"

    def running(self) -> None:
        """The body may run; if a signal has claimed the end meanwhile, that stays so."""
        with self._lock:
            if self._state == "starting":
                self._state = "running"
        self._begun.set()

    def claim_end(self, outcome: Outcome) -> bool:
        """Claim the end: True for the first who does, and who has to do it then.

        Args:
            outcome: How the task ended.
        """
        with self._lock:
            if self._state in ("ending", "ended"):
                return False
            self._state, self._outcome = "ending", outcome
            return True

    def correct(self, outcome: Outcome) -> bool:
        """Change what was said of the outcome; True if Comet shows something else for it."""
        with self._lock:
            before, self._outcome = self._outcome, outcome
            return before is not None and before.crashed != outcome.crashed

    def ended(self) -> None:
        """Everything has ended."""
        with self._lock:
            self._state = "ended"
        self._ended.set()

    def wait_until_begun(self, seconds: float) -> bool:
        """Wait until the start is over, and say whether it is."""
        return self._begun.wait(max(0.0, seconds))

    def wait_until_ended(self, seconds: float) -> bool:
        """Wait for the end that somebody else does, and say whether it came."""
        return self._ended.wait(max(0.0, seconds))


class Deadline:
    """A moment that is not to be passed.

    Args:
        seconds: How far it is.
    """

    def __init__(self, seconds: float) -> None:
        self._moment = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then; 0 once it has passed."""
        return max(0.0, self._moment - time.monotonic())
