"""What a body prints: every experiment that runs has it, from its own beginning to its own end.

While an experiment runs, the SDK stands before standard output, standard error, and the streams of logging. At the end
it puts back what stood there at the beginning. That may take the place of somebody else: of an experiment that goes on,
or of whoever has redirected the output since then, whose stream may be closed when a late end puts it back.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..forks import process_lock
from .protocols import Arguments, Keywords, Wrapped

if TYPE_CHECKING:
    from comet_ml.console import StdLogger

_lock = process_lock()


def stop_listening(wrapped: Wrapped, listener: StdLogger, args: Arguments, kwargs: Keywords) -> object:
    """In the place of `StdLogger.clean`: leave the streams, wherever others have come before them or after."""
    hooked = getattr(listener.wrapper, "hooked_handlers", None)
    if hooked is None:
        # It listens to the file descriptors, if the user asks for that.
        return wrapped(*args, **kwargs)
    with _lock():
        listener.wrapped = False
        # Where another stands before it, it remains in between, and hears nothing.
        listener.set_experiment(None)  # type: ignore[no-untyped-call]
        for name in ("stdout", "stderr"):
            setattr(sys, name, _without_ended(getattr(sys, name)))
        for _, handler, _ in hooked:
            handler.stream = _without_ended(handler.stream)
        hooked.clear()
    return None


def _without_ended(stream: object) -> object:
    """What is behind those that listen no more."""
    while type(stream).__module__ == "comet_ml.console" and getattr(_listener(stream), "wrapped", None) is False:
        stream = getattr(stream, "__wrapped__")  # noqa: B009 - for type checkers, it may be any object
    return stream


def _listener(stream: object) -> object:
    """The `StdLogger` that a stream of the SDK's tells what is written to it."""
    return getattr(getattr(stream, "handler", None), "__self__", None)
