"""SIGTERM: something is done before the process dies by it, as it would without us.

Kubernetes sends it when a pod is preempted, aborted or out of time, and SIGKILL when the grace period is over. Python
runs a signal handler in the main thread, and only when that is back from any C code. The wakeup descriptor
(`signal.set_wakeup_fd`) is written to at once, so a thread that reads from it acts without waiting for the body. Only C
code that holds the interpreter's lock keeps everybody waiting.

SIGHUP, the end of a terminal, is the same to us if nobody handles it. If somebody does, it means something else.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from ..deadline import start, wait_for
from ..forks import process_lock
from ..log import logger
from ..signal_handlers import SignalHandler
from .termination import SECONDS_TO_ACT, Action, Received, Termination, WatchedCall

__all__ = ["SECONDS_TO_ACT", "Termination", "before_termination", "prepare"]

_FIRST = 1
"""Number of the first process of a container."""

_HANDLED = 0x80
"""Marks the number of a signal that Python's handler has seen. The interpreter writes the number alone."""

_TOKEN = 0
"""Is no signal: whoever writes it wants to know when everything before it has been read."""

_SECONDS_TO_READ = 1.0

_lock = process_lock()
_watch: Watch | None = None
_prepared = False


@contextmanager
def before_termination(end: Action, keep: Action | None = None, *, grace_period: float = 30.0) -> Iterator[Termination]:
    """While this runs, SIGTERM has something done before the process dies by it.

    Where nobody else handles the signal, `end` is called at once, and then the process dies. A handler that was there
    before still runs, as does one that the body sets, and decides about the process: the call has the grace period to
    come to its end. Meanwhile `keep` is called: at once, `SECONDS_TO_ACT` before the grace period is over, and every
    few seconds from then on. Without a `keep`, `end` is called once instead, `SECONDS_TO_ACT` before it is over.

    The actions of calls that overlap are done beside each other. In a thread this needs a watch that was set in the
    main thread before, by a call that runs there or by `prepare`: Python lets nobody else handle signals.

    Args:
        end: Ends what the call has begun.
        keep: Saves what is there so far. The call goes on, and `end` may still come.
        grace_period: Seconds between SIGTERM and SIGKILL.

    Yields:
        Whether SIGTERM has come, and what it does.
    """
    call = WatchedCall(end, keep, grace_period)
    with _lock():
        watch = _watch or _start_watch()
        if watch is not None:
            watch.add(call)
    try:
        yield call.termination
    finally:
        call.termination.catch_up()
        if call.termination.dying:
            # The body came to its end while the process is dying, and must not get further than without us.
            time.sleep(call.seconds_to_live)
        with _lock():
            if watch is not None:
                watch.remove(call)
                if not watch.calls and not _prepared:
                    _stop_watch()


def prepare() -> None:
    """Watch for SIGTERM from now on, for calls that will run in a thread. It changes nothing until there is one."""
    global _prepared
    with _lock():
        if (_watch or _start_watch()) is not None:
            _prepared = True


def _start_watch() -> Watch | None:
    global _watch
    if threading.current_thread() is not threading.main_thread():
        return None
    previous: dict[int, SignalHandler] = {}
    handler = signal.getsignal(signal.SIGTERM)
    # None: set by C code, and Python cannot put it back. Ignored: the process is not to die.
    if handler not in (None, signal.SIG_IGN):
        previous[signal.SIGTERM] = handler
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        previous[signal.SIGHUP] = signal.SIG_DFL
    try:
        _watch = Watch(previous) if previous else None
    except RuntimeError as error:
        logger.warning("A SIGTERM would end the process before its Comet experiment is ended: %s", error)
    return _watch


def _stop_watch() -> None:
    global _watch
    if _watch is not None and threading.current_thread() is threading.main_thread():
        _watch.stop()
        _watch = None


class Watch:
    """The process's watch for signals that end it.

    Args:
        previous: The handlers of these signals until now.

    Attributes:
        calls: The calls that run, in the order in which they began.
    """

    def __init__(self, previous: Mapping[int, SignalHandler]) -> None:
        self.calls: list[WatchedCall] = []
        self._received: Received | None = None
        self._previous = previous
        self._process = os.getpid()
        self._waiting: list[threading.Event] = []
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        threading.Thread(target=self._listen, name="comet-ml-termination", daemon=True).start()
        self._previous_descriptor = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in self._previous:
            signal.signal(number, self._handle)

    def add(self, call: WatchedCall) -> None:
        """Watch for a call. It may begin when the signal has come already, and the process lives on for a while."""
        call.termination.catch_up = self._catch_up
        self.calls.append(call)
        if self._received is not None:
            call.receive(self._received)

    def remove(self, call: WatchedCall) -> None:
        """The call has come to its end."""
        call.over.set()
        if call in self.calls:
            self.calls.remove(call)

    def stop(self) -> None:
        """Put the handlers back as they were, unless somebody else has set theirs since."""
        for number, previous in self._previous.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, previous)
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

    def _handle(self, number: int, frame: FrameType | None) -> object:
        previous = self._previous[number]
        if os.getpid() == self._process and _watch is self:
            # For when somebody else's descriptor has been put in the place of ours.
            self._write(number | _HANDLED)
        elif not callable(previous):
            # Somebody has kept this handler for later.
            _die(number)
        return previous(number, frame) if callable(previous) else None

    def _write(self, number: int) -> bool:
        try:
            return self._writer.send(bytes([number])) == 1
        except OSError as error:
            logger.debug("The watch for SIGTERM could not be told of %s: %s", number, error)
            return False

    def _catch_up(self) -> None:
        """Wait until what has come so far has been read: the interpreter writes before any handler runs."""
        read = threading.Event()
        self._waiting.append(read)
        if self._write(_TOKEN):
            read.wait(_SECONDS_TO_READ)
        else:
            self._waiting.remove(read)

    def _listen(self) -> None:
        while True:
            try:
                numbers = self._reader.recv(4096)
                if not numbers:
                    self._reader.close()
                    return
            except OSError as error:
                logger.debug("Somebody has closed what tells of signals: %s", error)
                return
            self._pass_on(bytes(number for number in numbers if 0 < number < _HANDLED))
            for number in numbers:
                if number == _TOKEN:
                    self._waiting.pop(0).set()
                elif number & ~_HANDLED in self._previous:
                    self._note(number & ~_HANDLED)

    def _pass_on(self, numbers: bytes) -> None:
        if numbers and self._previous_descriptor != -1:
            try:
                os.write(self._previous_descriptor, numbers)
            except OSError as error:
                logger.debug("An earlier wakeup descriptor could not be told of a signal: %s", error)

    def _note(self, number: int) -> None:
        # A handler that the body has set is not known to us otherwise.
        handler = signal.getsignal(number)
        handled = handler != self._handle or callable(self._previous[number])
        # The kernel lets the first process of a container, as `pyflyte-execute` often is, live on after a signal that
        # it does not handle.
        received = Received(dying=not handled and os.getpid() != _FIRST, handler=handler)
        if number != signal.SIGTERM and not received.dying:
            return
        before = self._received
        if before is not None and before.dying:
            return
        if before is None or received.dying or before.seconds_ago >= self._grace_period:
            self._received = received
        for call in list(self.calls):
            call.receive(received)
        if received.dying:
            threading.Thread(target=self._end_and_die, args=(number,), name="comet-ml-end", daemon=True).start()

    @property
    def _grace_period(self) -> float:
        return max((call.grace_period for call in self.calls), default=0.0)

    def _end_and_die(self, number: int) -> None:
        deadline = time.monotonic() + max((call.seconds_to_live for call in self.calls), default=0.0)
        threads = [
            threading.Thread(target=call.end, args=(call.seconds_to_act,), daemon=True) for call in reversed(self.calls)
        ]
        for thread in threads:
            start(thread)
        for thread in threads:
            wait_for(thread, deadline - time.monotonic())
        _die(number)


def _die(number: int) -> None:
    """Let the process die by a signal, from whatever thread."""
    try:
        # Python's own function works in the main thread only, which may be in C code.
        ctypes.CDLL(None).signal(number, 0)
    except (OSError, AttributeError):
        os._exit(128 + number)
    os.kill(os.getpid(), number)


def _in_forked_child() -> None:
    global _watch, _prepared
    if _watch is not None:
        _watch.leave_to_parent()
    _watch, _prepared = None, False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
