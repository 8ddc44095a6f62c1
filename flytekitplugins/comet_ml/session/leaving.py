"""The process ends while a tracked call goes on in a daemon thread: what the call has begun is ended first.

Python waits for no daemon thread. Flyte 2 runs every task that is no coroutine in one, and flytekit runs the coroutines
in one. An interrupt, a handler that exits, or Flyte itself can end the main thread meanwhile. The SDK's own hook does
nothing then: it ends an experiment in the thread that has made it, and in no other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..deadline import start, wait_for
from ..forks import process_lock
from ..sdk.threads import at_exit
from .termination import SECONDS_TO_ACT, SLACK, Action

_lock = process_lock()
_ends: list[Action] = []
_watching = False


@contextmanager
def before_exit(end: Action, body: threading.Thread) -> Iterator[None]:
    """While this runs, the end of the process has something done first, if it would leave the body where it is.

    The actions of several calls are done beside each other.

    Args:
        end: Ends what the call has begun.
        body: The thread of the body.
    """
    if not body.daemon:
        yield
        return
    global _watching
    with _lock():
        _ends.append(end)
        if not _watching:
            _watching = True
            at_exit(_end_all)
    try:
        yield
    finally:
        with _lock():
            if end in _ends:
                _ends.remove(end)


def _end_all() -> None:
    with _lock():
        ends = list(_ends)
    threads = [threading.Thread(target=end, args=(SECONDS_TO_ACT,), daemon=True) for end in reversed(ends)]
    for thread in threads:
        start(thread)
    for thread in threads:
        wait_for(thread, SLACK * SECONDS_TO_ACT)


if hasattr(os, "register_at_fork"):
    # What was begun is the parent's.
    os.register_at_fork(after_in_child=_ends.clear)
