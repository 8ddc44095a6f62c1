"""SIGINT (Ctrl-C) while a session ends. The end goes on for a while, and then the interrupt does."""

from __future__ import annotations

import inspect
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal

from ..log import logger
from ..signal_handlers import SignalHandler
from .termination import Action

_LOST = "What had not arrived in Comet by then is lost"


@contextmanager
def uninterrupted(seconds: float, hurry: Action | None = None) -> Iterator[Interrupt]:
    """Let the block come to its end although somebody interrupts it; then the interrupt goes on.

    A second interrupt leaves the block at once, and so does the end of the time. A warning then says what was lost.
    Nothing is done in a thread that is not the main one, and if the signal is ignored.

    Args:
        seconds: How long the block may take after the interrupt.
        hurry: Is called after the interrupt, in a thread, to bring the block to its end in that time.

    Yields:
        Whether somebody has interrupted the block.

    Raises:
        KeyboardInterrupt: After the block, if somebody has interrupted it. Another handler that was set before, such
            as flytekit's, which exits, is called instead.
    """
    previous = signal.getsignal(signal.SIGINT)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or previous in (None, signal.SIG_IGN):
        yield Interrupt()
        return
    interrupt = Interrupt(previous, seconds, hurry)
    try:
        signal.signal(signal.SIGINT, interrupt.handle)
        yield interrupt
    except KeyboardInterrupt:
        if interrupt.left is None:
            raise
    finally:
        interrupt.close()
        if signal.getsignal(signal.SIGINT) == interrupt.handle:
            signal.signal(signal.SIGINT, previous)
        if interrupt.left == "again":
            logger.warning("Interrupted again: the end of the Comet experiment was left in the middle. %s.", _LOST)
        elif interrupt.left == "late":
            logger.warning("The Comet experiment did not end within %.0f seconds of the interrupt. %s.", seconds, _LOST)
        if interrupt.received:
            _go_on(previous)
    if interrupt.left is not None:
        # The block has not come to its end, even if that handler did nothing.
        raise KeyboardInterrupt


class Interrupt:
    """An interrupt, held back.

    Args:
        handler: Who handles it outside the block.
        seconds: How long the block may take after it.
        hurry: Is called after it, in a thread.

    Attributes:
        handler: Who handles it outside the block.
        received: Whether it has come.
        left: Why the block was left in the middle: interrupted again, or too late; None if it was not.
    """

    def __init__(self, handler: SignalHandler = None, seconds: float = 0.0, hurry: Action | None = None) -> None:
        self.handler = handler
        self.received = False
        self.left: Literal["again", "late"] | None = None
        self._seconds = seconds
        self._hurry = hurry
        self._process = os.getpid()
        self._closed = False
        self._over = threading.Event()
        self._hurried = threading.Event()
        self._lock = threading.Lock()
        self._in_time = True

    def handle(self, number: int, frame: FrameType | None) -> None:
        """What Python calls for the signal, in the main thread.

        Raises:
            KeyboardInterrupt: For a second one, and when the time is over.
        """
        if os.getpid() != self._process:
            # A child that was forked meanwhile has no end to protect.
            raise KeyboardInterrupt
        if self._closed or not self.received:
            self.received = True
            if not self._closed:
                # Not here: the main thread may be writing to the log just now.
                threading.Thread(target=self._bound, name="comet-ml-interrupt", daemon=True).start()
            return
        self.left = "again" if self._in_time else "late"
        self._closed = True
        raise KeyboardInterrupt

    def settle(self) -> None:
        """Wait until what is called after an interrupt has been done."""
        if self.received:
            self._hurried.wait(self._seconds)

    def close(self) -> None:
        """The block is left: from now on an interrupt is only noted."""
        self._closed = True
        self._over.set()
        with self._lock:
            # The signal of the other thread comes before this, or not at all.
            return

    def _bound(self) -> None:
        logger.warning(
            "Interrupted: the Comet experiment is ended first, within %.0f seconds. Interrupt again to leave at once.",
            self._seconds,
        )
        threading.Thread(target=self._do, name="comet-ml-interrupted-end", daemon=True).start()
        if self._over.wait(self._seconds):
            return
        with self._lock:
            main = threading.main_thread().ident
            if not self._closed and main is not None:
                self._in_time = False
                # It also wakes the main thread from a wait, unlike `_thread.interrupt_main`.
                signal.pthread_kill(main, signal.SIGINT)

    def _do(self) -> None:
        try:
            if self._hurry is not None:
                self._hurry(self._seconds)
        finally:
            self._hurried.set()


def _go_on(previous: SignalHandler) -> None:
    if callable(previous):
        previous(signal.SIGINT, inspect.currentframe())
    else:
        # The process dies by it.
        signal.raise_signal(signal.SIGINT)
