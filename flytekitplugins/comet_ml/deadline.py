"""Waiting for what others do, for a number of seconds at most."""

from __future__ import annotations

import contextvars
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from .signal_handlers import raised_by_a_signal

T = TypeVar("T")

_THREAD = "comet-deadline"


def within(seconds: float, function: Callable[[], T]) -> T:
    """What a function returns, if it does so in time.

    Libraries count their timeouts for each read and each retry, and they obey a server that says when to ask again.
    Only a clock bounds all of that. The function runs in a thread of its own, which does not keep the process alive.

    Args:
        seconds: How long to wait.
        function: What to call. It goes on in its thread if it takes longer.

    Raises:
        TimeoutError: If it takes longer.
        BaseException: What the function raises.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name=_THREAD, daemon=True)
    start(thread)
    wait_for(thread, seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"no answer within {seconds:g} seconds")
    return results[0]


def through(
    step: Callable[[], object],
    name: str,
    *,
    seconds: float = threading.TIMEOUT_MAX,
    seconds_more: float = threading.TIMEOUT_MAX,
    at_once: Callable[[], bool] = lambda: False,
) -> BaseException | None:
    """Run a step in a daemon thread with this context, and wait for it whatever is raised here meanwhile.

    The handler of a signal can raise at any moment in the main thread, and other threads in any: what has been begun
    would be left in the middle.

    Args:
        step: What to do. It raises nothing.
        name: Name of the thread.
        seconds: How long to wait.
        seconds_more: How long to wait at most after something was raised.
        at_once: Whether what is raised is to have its way at once.

    Returns:
        What was raised here first, which the caller raises when all is in order.

    Raises:
        BaseException: What is raised here second, at once.
    """
    done, raised, end = threading.Event(), list[BaseException](), time.monotonic() + seconds

    def run() -> None:
        try:
            step()
        finally:
            done.set()

    start(threading.Thread(target=contextvars.copy_context().run, args=(run,), name=name, daemon=True))
    while True:
        try:
            while not done.is_set() and (left := end - time.monotonic()) > 0:
                # Not `join`: who leaves it by an exception takes the thread for dead (Python 3.11).
                done.wait(min(left, threading.TIMEOUT_MAX))
            return raised[0] if raised else None
        except BaseException as error:
            if raised or at_once():
                raise
            raised.append(raised_by_a_signal(error) or error)
            end = min(end, time.monotonic() + seconds_more)


def start(thread: threading.Thread) -> None:
    """Start a thread, or do here what it is for, where the process may have no more of them: a container has a limit.

    Args:
        thread: The thread.
    """
    try:
        thread.start()
    except RuntimeError:
        try:
            thread.run()
        except BaseException:  # it is told where that of a thread would be
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), thread)))


def wait_for(thread: threading.Thread, seconds: float) -> None:
    """Wait for a thread that was given to `start`, for a number of seconds at most."""
    if thread.ident is not None:
        thread.join(max(0.0, seconds))


def left_behind() -> bool:
    """Whether a function that took too long is still running in this process."""
    return any(thread.name == _THREAD for thread in threading.enumerate())
