"""What the handlers of signals raise: it is nobody's failure, at whatever moment it comes."""

from __future__ import annotations

import functools
import inspect
import signal
from collections.abc import Callable, Iterable
from traceback import walk_tb
from types import CodeType, FrameType
from typing import TypeAlias

from .foreign_text import all_behind, traceback_of

SignalHandler: TypeAlias = Callable[[int, FrameType | None], object] | int | None
"""What `signal.getsignal` gives: a function, one of the signal module's constants, or None for a handler of C code."""


def raised_by_a_signal(error: BaseException) -> BaseException | None:
    """What the handler of a signal has raised, of which an exception comes; None if it comes of none.

    Another exception can take its place on its way: where it leaves `threading.Event.wait`, a `ValueError` may do so.
    """
    return raised_in(map(signal.getsignal, signal.valid_signals()), error)


def raised_in(handlers: Iterable[SignalHandler], error: BaseException) -> BaseException | None:
    """The exception that has passed a frame of one of some handlers: this one, or one that it comes of."""
    codes = {_code_of(handler) for handler in handlers if callable(handler)}
    for each in all_behind(error):
        if any(frame.f_code in codes for frame, _ in walk_tb(traceback_of(each))):
            return each
    return None


def _code_of(handler: Callable[..., object]) -> CodeType | None:
    while isinstance(handler, functools.partial):
        handler = handler.func
    function = inspect.unwrap(getattr(handler, "__func__", handler))
    if not hasattr(function, "__code__"):
        function = type(handler).__call__
    return getattr(function, "__code__", None)
