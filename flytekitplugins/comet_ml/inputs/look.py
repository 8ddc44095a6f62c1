"""A look at what a task is given and returns, which can run foreign code: it fails nobody, and comes to an end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..deadline import within

T = TypeVar("T")

SECONDS_TO_LOOK = 15.0
"""How long a look may take. What is looked at is bounded, and takes milliseconds."""


def looked_at(look: Callable[[], T]) -> T:
    """What a look finds.

    It is in a thread. Python handles signals in the main one alone. So an exit or an interrupt in here comes from the
    code of a value, and one from outside goes on its way.

    Args:
        look: Looks, and returns what it found.

    Raises:
        RuntimeError: If it ends in an exit or an interrupt.
        TimeoutError: If it takes too long.
    """

    def guarded() -> T:
        try:
            return look()
        except BaseException as problem:
            if isinstance(problem, Exception):
                raise
            # An exit in a thread of ours is nobody's wish to leave: who looks has to hear of it as of any failure.
            raise RuntimeError(f"a value raised {type(problem).__name__} when it was looked at") from None

    return within(SECONDS_TO_LOOK, guarded)
