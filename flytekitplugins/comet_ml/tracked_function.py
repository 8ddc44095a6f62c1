"""From a function to its tracked form: a real function of the same kind, which seems to stand in the same place.

Both generations of Flyte ask a task's function for its file, its name and its signature.
"""

from __future__ import annotations

import functools
import inspect
import os
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from .decorated import Function


class Around(Protocol):
    """A context manager for ``with`` and for ``async with``, which is told what the block returns.

    To leave it once more, or without having come into it, does nothing.
    """

    def __enter__(self) -> Around: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None, /
    ) -> None: ...
    async def __aenter__(self) -> Around: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None, /
    ) -> None: ...
    def returned(self, value: object, /) -> None: ...  # noqa: D102


Tracking = Callable[[tuple[object, ...], Mapping[str, object]], Around]
"""Gives the context manager in which a call with these arguments runs."""


def tracked_function(function: Function, tracking: Tracking) -> Function:
    """A function that does what `function` does, within `tracking`; async if it is.

    It has the names of the function, and none of its attributes.

    Args:
        function: The task's function.
        tracking: Called once a call.
    """
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function, updated=())
        async def tracked_coroutine(*args: object, **kwargs: object) -> object:
            async with tracking(args, kwargs) as session:
                result = await function(*args, **kwargs)
                session.returned(result)
                return result

        wrapper: Function = tracked_coroutine
    else:

        @functools.wraps(function, updated=())
        def tracked(*args: object, **kwargs: object) -> object:
            session = tracking(args, kwargs)
            try:
                with session:
                    result = function(*args, **kwargs)
                    session.returned(result)
                    return result
            except BaseException as error:
                # The handler of a signal can raise on the way into a session and out of it, where no block holds yet.
                session.__exit__(type(error), error, None)
                raise

        wrapper = tracked
    _locate(wrapper, function)
    return wrapper


def layers(function: object) -> Iterator[object]:
    """A function and what it wraps, from the outermost in."""
    while function is not None:
        yield function
        function = getattr(function, "__wrapped__", None)


def source_file(function: Function) -> str | None:
    """The file that a function is written in; None for one from a notebook or a pickle."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    path = os.path.abspath(code.co_filename) if isinstance(code, types.CodeType) else ""
    return path if os.path.isfile(path) else None


def _locate(wrapper: Function, function: Function) -> None:
    """Make the wrapper's code say that it stands where the function does.

    flytekit asks a task's function for its file, if the task is in `__main__`: `inspect.getfile` does not look through
    wrappers. It also asks every function whether it is nested in another one: that is a flag of the code.
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    if isinstance(code, types.CodeType):
        own = wrapper.__code__
        wrapper.__code__ = own.replace(
            co_filename=code.co_filename,
            co_firstlineno=code.co_firstlineno,
            co_name=code.co_name,
            co_flags=(own.co_flags & ~inspect.CO_NESTED) | (code.co_flags & inspect.CO_NESTED),
        )
