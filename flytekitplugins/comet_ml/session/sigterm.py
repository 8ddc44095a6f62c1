"""SIGTERM: what is to be done before the process dies by it, as it would without us.

Kubernetes sends it when a pod is preempted, aborted or out of time, and SIGKILL 30 seconds later. Python runs a signal
handler in the main thread, and only when that is back from whatever C code it is in. The wakeup descriptor
(`signal.set_wakeup_fd`) is written to at once, so a thread that reads from it acts without waiting for the body. Only C
code that holds the interpreter's lock keeps everybody waiting.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from ..log import logger

SECONDS_TO_ACT = 8.0
"""What all actions together may take, of the 30 seconds that Kubernetes gives by default."""

SECONDS_FOR_AN_EARLIER_HANDLER = 4.0
"""How long a handler that was there before us, or that the body has set, has to end the task in its own way."""

_FIRST = 1
"""Number of the first process of a container."""

Action = Callable[[float], None]
"""Called with the number of seconds that it may take, in a thread of its own."""

_lock = threading.RLock()
_watch: Watch | None = None
_prepared = False


@contextmanager
def before_termination(action: Action) -> Iterator[Termination]:
    """While this runs, SIGTERM has `action` done before the process dies by it.

    The actions of calls that overlap are done beside each other. A handler that was there before still runs, as does
    one that the body sets, and decides about the process. In a thread this needs a watch that was set in the main
    thread before, by a call that runs there or by `prepare`: Python lets nobody else handle signals.

    Args:
        action: What to do.

    Yields:
        Whether SIGTERM has come, and what it does.
    """
    with _lock:
        watch = _watch or _start_watch()
        if watch is not None:
            watch.actions.append(action)
    try:
        yield watch.termination if watch is not None else Termination()
    finally:
        if watch is not None and watch.termination.dying:
            # The body came to its end while the process is dying, and must not get further than without us.
            time.sleep(SECONDS_TO_ACT)
        with _lock:
            if watch is not None and action in watch.actions:
                watch.actions.remove(action)
                if not watch.actions and not _prepared:
                    _stop_watch()


def prepare() -> None:
    """Watch for SIGTERM from now on, for calls that will run in a thread. It changes nothing until there is one."""
    global _prepared
    with _lock:
        if (_watch or _start_watch()) is not None:
            _prepared = True


def _start_watch() -> Watch | None:
    global _watch
    if threading.current_thread() is not threading.main_thread():
        return None
    previous = signal.getsignal(signal.SIGTERM)
    if previous is None or previous is signal.SIG_IGN:
        # Set by C code, which Python cannot put back; or the process is not to die.
        return None
    _watch = Watch(previous)
    return _watch


def _stop_watch() -> None:
    global _watch
    if _watch is not None and threading.current_thread() is threading.main_thread():
        _watch.stop()
        _watch = None


@dataclass
class Termination:
    """SIGTERM, while it is watched for.

    Attributes:
        received: Whether it has come.
        dying: Whether the process dies by it once the actions are done: nobody else handles it.
    """

    received: bool = False
    dying: bool = False


class Watch:
    """The process's watch for SIGTERM.

    Attributes:
        actions: What to do, in the order in which the calls began.
        termination: Whether SIGTERM has come.
    """

    def __init__(self, previous: Any) -> None:
        self.actions: list[Action] = []
        self._previous = previous
        self._process = os.getpid()
        self.termination = Termination()
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._previous_descriptor = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._handle)
        threading.Thread(target=self._listen, name="comet-ml-termination", daemon=True).start()

    def stop(self) -> None:
        """Put the handlers back as they were, unless somebody else has set theirs since."""
        if signal.getsignal(signal.SIGTERM) == self._handle:
            signal.signal(signal.SIGTERM, self._previous)
        try:
            current = signal.set_wakeup_fd(self._previous_descriptor)
        except (OSError, ValueError):
            # Its event loop has been closed meanwhile.
            current = signal.set_wakeup_fd(-1)
        if current not in (self._writer.fileno(), -1):
            signal.set_wakeup_fd(current)
        self._writer.close()

    def leave_to_parent(self) -> None:
        """In a process that was forked from this one: it writes to its parent's descriptor, and has no listener."""
        self.stop()
        self._reader.close()

    def _handle(self, number: int, frame: FrameType | None) -> Any:
        if os.getpid() == self._process and _watch is self:
            self._note()
            try:
                # For when somebody else's descriptor has been put in the place of ours.
                self._writer.send(bytes([number]))
            except OSError as error:
                logger.debug("The watch for SIGTERM could not be told of it: %s", error)
            if callable(self._previous):
                return self._previous(number, frame)
            return None
        # Somebody has kept this handler for later.
        if callable(self._previous):
            return self._previous(number, frame)
        _die(number)
        return None

    def _listen(self) -> None:
        while True:
            numbers = self._reader.recv(4096)
            if not numbers:
                self._reader.close()
                return
            self._pass_on(numbers)
            if signal.SIGTERM in numbers:
                self._note()
                self._act()
                self._forget()

    def _pass_on(self, numbers: bytes) -> None:
        if self._previous_descriptor != -1:
            try:
                os.write(self._previous_descriptor, numbers)
            except OSError as error:
                logger.debug("An earlier wakeup descriptor could not be told of a signal: %s", error)

    def _forget(self) -> None:
        # The same signal comes a second time, from Python's handler.
        self._reader.setblocking(False)
        with suppress(BlockingIOError):
            self._pass_on(self._reader.recv(4096))
        self._reader.setblocking(True)

    def _note(self) -> None:
        self.termination.received = True
        # A handler that the body has set is not known to us otherwise; and the kernel lets the first process of a
        # container, as `pyflyte-execute` often is, live on after a signal that it does not handle.
        handled = callable(self._previous) or signal.getsignal(signal.SIGTERM) != self._handle
        self.termination.dying = not handled and os.getpid() != _FIRST

    def _act(self) -> None:
        deadline = time.monotonic() + SECONDS_TO_ACT
        if not self.termination.dying:
            grace = time.monotonic() + SECONDS_FOR_AN_EARLIER_HANDLER
            while self.actions and time.monotonic() < grace:
                time.sleep(0.05)
        threads = [
            threading.Thread(target=action, args=(deadline - time.monotonic(),), daemon=True)
            for action in reversed(self.actions)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if self.termination.dying:
            _die(signal.SIGTERM)


def _die(number: int) -> None:
    """Let the process die by a signal, from whatever thread."""
    try:
        # Python's own function works in the main thread only, which may be in C code.
        ctypes.CDLL(None).signal(number, 0)
    except (OSError, AttributeError):
        os._exit(128 + number)
    os.kill(os.getpid(), number)


def _in_forked_child() -> None:
    global _watch, _prepared, _lock
    _lock = threading.RLock()
    if _watch is not None:
        _watch.leave_to_parent()
    _watch, _prepared = None, False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
