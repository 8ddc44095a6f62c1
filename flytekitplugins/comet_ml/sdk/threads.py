"""Steps in daemon threads, because the SDK has no bound that holds: the process does not wait for these threads."""

from __future__ import annotations

import atexit
import concurrent.futures.thread
import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from .. import deadline
from ..log import logger
from .call import Call, in_body
from .protocols import Arguments, Keywords, Wrapped

_T = TypeVar("_T")

_SECONDS_TO_MEET = 5.0


def run_within(seconds: float, step: Callable[[], object], name: str) -> threading.Thread:
    """Run a step in a daemon thread with this context, and wait for it.

    Args:
        seconds: How long to wait.
        step: What to do.
        name: Name of the thread.

    Returns:
        The thread, which is alive if the time was not enough.
    """
    thread = threading.Thread(target=contextvars.copy_context().run, args=(step,), name=name, daemon=True)
    deadline.start(thread)
    deadline.wait_for(thread, seconds)
    return thread


def answer_within(seconds: float, step: Callable[[], _T], name: str) -> Future[_T]:
    """Run a step in a daemon thread with this context, and wait for its answer.

    Returns:
        What it gives or raises, or will, if the time was not enough.
    """
    answer: Future[_T] = Future()

    def run() -> None:
        try:
            answer.set_result(step())
        except BaseException as error:
            answer.set_exception(error)

    run_within(seconds, run, name)
    return answer


def wait_until(done: Callable[[], bool], until: Callable[[], float], pause: float = 0.01) -> None:
    """Wait until something is done, or until a deadline, which may come nearer meanwhile."""
    while not done() and time.monotonic() < until():
        time.sleep(pause)


def at_exit(step: Callable[[], None]) -> None:
    """Do a step when the main thread has ended: where Python has such a place, while threads can still be started."""
    register = getattr(threading, "_register_atexit", atexit.register)
    try:
        register(step)
    except RuntimeError as error:
        logger.debug("The process is ending already: %s", error)


@in_body
def beside_the_body(call: Call, wrapped: Wrapped, instance: object, args: Arguments, kwargs: Keywords) -> None:
    """Do in a thread what nobody need wait for: the SDK asks three clouds where it runs, and tells of failed calls."""
    run_within(0, lambda: wrapped(*args, **kwargs), "comet-ml-beside")


@in_body
def leave_at_exit(call: Call, wrapped: Wrapped, instance: object, args: Arguments, kwargs: Keywords) -> None:
    """Make a pool of upload workers that the process does not wait for when it ends: the end of the session does.

    Python joins the workers of every `concurrent.futures` pool at exit, for as long as a request of theirs may take.
    It has no switch for that. So the pool is made in a daemon thread, which makes its workers daemons too, and they are
    taken off the list of those to join. A pool makes a worker when it needs one, and would make the last ones later.
    """

    def make() -> None:
        wrapped(*args, **kwargs)
        number = getattr(instance, "max_workers", 1)
        # Nobody passes it before all workers are there.
        together = threading.Barrier(number)
        try:
            for _ in range(number):
                instance.submit(together.wait, _SECONDS_TO_MEET)  # type: ignore[attr-defined]
        except RuntimeError:
            # The process may have no more threads.
            together.abort()

    answer_within(0, make, "comet-ml-upload-workers").result()
    workers = getattr(getattr(instance, "_executor", None), "_threads", ())
    joined_at_exit = getattr(concurrent.futures.thread, "_threads_queues", None)
    if joined_at_exit is None:
        logger.debug("This Python keeps the list of workers elsewhere: a hanging upload keeps the process alive.")
        return
    for worker in list(workers):
        joined_at_exit.pop(worker, None)
