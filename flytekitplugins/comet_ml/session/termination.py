"""What a tracked call knows of the signal that ends its process, and does until then."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..foreign_text import is_a
from ..log import logger
from ..signal_handlers import SignalHandler, raised_in

SECONDS_TO_ACT = 8.0
"""What all actions together may take, of the 30 seconds that Kubernetes gives by default."""

SLACK = 1.25
"""How many times as long an action is waited for: on a busy machine, what it says of its end comes late."""

_SECONDS_BETWEEN = 2.0
"""How long what is logged may be in no safe place when the process may be killed at any moment."""

Action = Callable[[float], None]
"""Called with the number of seconds that it may take, in a thread of its own."""


@dataclass(frozen=True)
class Received:
    """A signal that has come.

    Attributes:
        dying: Whether the process dies by it, once the calls have ended: nobody else handles it.
        handler: Who handles it.
        moment: When it came, by the monotonic clock.
    """

    dying: bool
    handler: SignalHandler = None
    moment: float = field(default_factory=time.monotonic)

    @property
    def seconds_ago(self) -> float:
        """How long ago it came."""
        return time.monotonic() - self.moment


@dataclass
class Termination:
    """SIGTERM, as far as it concerns a call.

    A process that is still there after the grace period has survived the signal: all is as before then.

    Attributes:
        received: Whether it has come, and the grace period is not over.
        dying: Whether the process dies by it once the calls have ended: nobody else handles it.
        catch_up: Returns when a signal that has come is known here, too.
    """

    received: bool = False
    dying: bool = False
    catch_up: Callable[[], None] = field(default=lambda: None, repr=False)
    _handlers: list[SignalHandler] = field(default_factory=list, repr=False)
    _killed_at: float = field(default=math.inf, repr=False)

    @property
    def seconds_left(self) -> float:
        """Seconds until the process is killed; infinite while there was no signal."""
        return max(0.0, self._killed_at - time.monotonic())

    def explains(self, error: BaseException | None, interrupt_handler: SignalHandler = None) -> bool:
        """Whether a signal is the reason that the body ended as it did.

        SIGTERM is the reason if the process dies by it, if the body was left by an exit of any status (a task that did
        not return did not finish), or by what the signal's handler raised. A later error is the task's own. SIGINT is
        the reason if the body was left by `KeyboardInterrupt`, or by what its handler raised: flytekit's handler exits.

        Args:
            error: What the body raised; None if it returned.
            interrupt_handler: The handler of SIGINT while the body ran.
        """
        self.catch_up()
        if self.dying or error is None:
            return self.dying
        if is_a(error, KeyboardInterrupt) or (self.received and not is_a(error, Exception)):
            return True
        return raised_in([*self._handlers, interrupt_handler], error) is not None

    def receive(self, received: Received, seconds: float) -> None:
        """A signal has come, after which the process has some seconds to live. A second one gives it no more."""
        self._handlers.append(received.handler)
        self._killed_at = min(self._killed_at, received.moment + seconds)
        self.received, self.dying = True, received.dying

    def survive(self) -> None:
        """The grace period is over, and the process lives."""
        self.received, self._handlers, self._killed_at = False, [], math.inf


class WatchedCall:
    """A call during which signals are watched for.

    Args:
        end: Ends what the call has begun.
        keep: Saves what is there so far; the call goes on.
        grace_period: Seconds between SIGTERM and SIGKILL.

    Attributes:
        termination: What the call is told.
        over: Is set when the call has come to its end.
    """

    def __init__(self, end: Action, keep: Action | None, grace_period: float) -> None:
        self.end = end
        self.grace_period = grace_period
        self.termination = Termination()
        self.over = threading.Event()
        self._keep = keep
        self._lock = threading.Lock()

    @property
    def seconds_to_act(self) -> float:
        """What an action may take."""
        return min(SECONDS_TO_ACT, 0.8 * self.grace_period)

    @property
    def seconds_to_live(self) -> float:
        """When the process dies at the latest."""
        return SLACK * self.seconds_to_act

    def receive(self, received: Received) -> None:
        """A signal has come; where somebody handles it, the call has the grace period to come to its end."""
        with self._lock:
            if received.seconds_ago >= self.grace_period or self.termination.dying:
                return
            again = self.termination.received
            self.termination.receive(received, self.seconds_to_act if received.dying else self.grace_period)
        if not received.dying and not again:
            threading.Thread(target=self._live_on, name="comet-ml-grace-period", daemon=True).start()

    def _live_on(self) -> None:
        if self._keep is not None:
            self._do(self._keep, self.seconds_to_act)
        self.over.wait(self.termination.seconds_left - self.seconds_to_act)
        while not self.over.is_set() and not self.termination.dying and self.termination.seconds_left > 0:
            self._do(self._keep or self.end, min(self.seconds_to_act, self.termination.seconds_left))
            left = self.termination.seconds_left
            self.over.wait(min(_SECONDS_BETWEEN, left) if self._keep is not None else left)
        with self._lock:
            if not self.termination.dying:
                self.termination.survive()

    def _do(self, action: Action, seconds: float) -> None:
        try:
            action(seconds)
        except Exception as error:
            # Its text may have the API key in it. What comes next is tried all the same.
            logger.warning("What a terminated task has logged could not be saved: %s", type(error).__name__)
