"""Locks that a forked child finds free."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager


def process_lock() -> Callable[[], AbstractContextManager[object]]:
    """Make a reentrant lock of the process. In a forked child it is a new one.

    A thread that the child does not have may have held the old one.

    Returns:
        A function that gives the lock.
    """
    locks: dict[int, AbstractContextManager[object]] = {}

    def lock() -> AbstractContextManager[object]:
        # `setdefault` is atomic.
        return locks.setdefault(os.getpid(), threading.RLock())

    return lock
