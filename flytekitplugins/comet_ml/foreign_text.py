"""Text of a server or an exception, made fit to be shown: printable, and not too long.

An exception can be of any make. Its `__str__` can raise or exit, its class can lie about its name, and its properties
can go on for ever. So only what Python itself keeps of every exception is read here. The message alone comes from the
exception's own code.
"""

from __future__ import annotations

import builtins
import linecache
import traceback
import unicodedata
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

E = TypeVar("E", bound=BaseException)

MESSAGE_LENGTH = 1000
"""Characters of an exception's message that are shown."""

TRACEBACK_LENGTH = 100_000
"""Characters of a traceback that are shown."""

_MESSAGE_IN_TRACEBACK = 10_000
_EXCEPTIONS = 100
_GROUP = 15
_DEPTH = 5
_FRAMES = 50
_NOTES = 20

_OF_TYPES: Any = type.__dict__
OF_EXCEPTIONS: Any = BaseException.__dict__
# Python 3.10 has no groups.
GROUPS: Any = getattr(builtins, "BaseExceptionGroup", None)


def printable(text: object, *, lines: bool = False) -> str:
    r"""Spell out everything in a text that a terminal would act on: ``\x1b`` for an escape character.

    Args:
        text: The text, or anything else, which becomes a text.
        lines: Whether line breaks and tabs may stay.
    """
    told = text if type(text) is str else _in_words(text)
    if told.isprintable():
        return told
    # Python calls an unusual blank not "printable". It does no harm.
    return "".join(c if c.isprintable() or _is_blank(c, lines) else _spelled_out(c) for c in told)


def _is_blank(character: str, lines: bool) -> bool:
    return lines if character in "\n\t" else unicodedata.category(character) == "Zs"


def _spelled_out(character: str) -> str:
    return character.encode("unicode_escape").decode()


class Description(NamedTuple):
    """An exception in words; as a text, its type and message in one line.

    Attributes:
        type: Name of its class.
        message: What it says, with its line breaks.
        traceback: Where it comes from, and the exceptions behind it, much as Python prints it.
    """

    type: str
    message: str
    traceback: str

    def __str__(self) -> str:
        return printable(f"{self.type}: {self.message}" if self.message else self.type)


def described(error: BaseException, masked: Callable[[str], str] = str) -> Description:
    """Describe an exception, whatever its make. This raises nothing, and comes to an end.

    Args:
        error: The exception.
        masked: Masks what must not be shown. It comes before any cut, because half a secret could stay otherwise.

    Returns:
        Its type, message and traceback, printable and of bounded length.
    """
    name, message = masked(_class_name(error)), masked(_in_words(error))
    try:
        text = masked("".join(_blocks(error, masked, iter(range(_EXCEPTIONS)))))
    except BaseException as problem:  # the source lines come from whatever loader a module has
        text = f"(no traceback: to make it raised {_class_name(problem)})\n{name}: {message}\n"
    return Description(
        printable(name[:MESSAGE_LENGTH]),
        printable(message[:MESSAGE_LENGTH], lines=True),
        printable(text[:TRACEBACK_LENGTH], lines=True),
    )


def is_a(value: object, kind: type) -> bool:
    """Whether something is of a class, by its real one: `isinstance` asks the object too, which can raise."""
    return issubclass(type(value), kind)


def is_exception(value: object) -> bool:
    """Whether something is an exception, by its real class."""
    return is_a(value, BaseException)


def behind(error: BaseException) -> list[BaseException]:
    """The exceptions that Python keeps with one: its cause, its context, and those of a group."""
    found = [OF_EXCEPTIONS["__cause__"].__get__(error), OF_EXCEPTIONS["__context__"].__get__(error)]
    return [each for each in [*found, *grouped(error)] if is_exception(each)]


_MOST_BEHIND = 200


def all_behind(error: BaseException, *, since: BaseException | None = None) -> Iterator[BaseException]:
    """An exception, and all that Python keeps with it, up to a bound.

    Args:
        error: The exception.
        since: What was being handled before. It is the caller's, and is left out with all that is behind it.
    """
    seen: set[int] = {id(since)}
    waiting = [error]
    while waiting and len(seen) < _MOST_BEHIND:
        current = waiting.pop()
        if id(current) not in seen:
            seen.add(id(current))
            waiting += behind(current)
            yield current


def traceback_of(error: BaseException) -> TracebackType | None:
    """The traceback that Python keeps with an exception."""
    frames: TracebackType | None = OF_EXCEPTIONS["__traceback__"].__get__(error)
    return frames


def without_frames(error: E, *, since: BaseException | None) -> E:
    """Cut the frames of an exception, and of all that Python keeps with it: their variables can have secrets.

    Args:
        error: The exception.
        since: What was being handled before. It is the caller's, and keeps its frames.
    """
    for each in all_behind(error, since=since):
        BaseException.with_traceback(each, None)
    return error


def grouped(error: BaseException) -> tuple[BaseException, ...]:
    """The exceptions in a group; none for one that is no group."""
    is_group = GROUPS is not None and issubclass(type(error), GROUPS)
    return tuple(GROUPS.__dict__["exceptions"].__get__(error)) if is_group else ()


def _in_words(value: object) -> str:
    try:
        return str.__str__(str(value))
    except BaseException as problem:  # also of SystemExit, which would end the task in place of its own error
        return f"(no message: its __str__ raised {_class_name(problem)})"


def _class_name(value: object, *, qualified: bool = False) -> str:
    kind = type(value)
    name = _OF_TYPES["__qualname__" if qualified else "__name__"].__get__(kind)
    module = _OF_TYPES["__module__"].__get__(kind) if qualified else None
    return f"{module}.{name}" if type(module) is str and module not in ("builtins", "__main__") else str(name)


# The traceback. Python's own `traceback` follows the class's properties, which need not come to an end.


def _blocks(error: BaseException, masked: Callable[[str], str], room: Iterator[int], depth: int = 0) -> Iterator[str]:
    for each, relation in reversed(_chain(error, room)):
        frames = _frames(traceback_of(each))
        if frames:
            yield "Traceback (most recent call last):\n"
            yield from frames
        message = masked(_in_words(each))[:_MESSAGE_IN_TRACEBACK]
        yield (
            f"{_class_name(each, qualified=True)}: {message}\n" if message else f"{_class_name(each, qualified=True)}\n"
        )
        yield from _notes(each, masked)
        group = grouped(each)
        for number, member in enumerate(group[:_GROUP] if depth < _DEPTH else (), 1):
            yield f"  ---- {number} of {len(group)} ----\n"
            lines = "".join(_blocks(member, masked, room, depth + 1)).splitlines(keepends=True)
            yield from (f"  | {line}" for line in lines)
        yield relation


def _chain(error: BaseException, room: Iterator[int]) -> list[tuple[BaseException, str]]:
    """An exception and those that it came from, newest first. Each has the text that stands below it."""
    chain: list[tuple[BaseException, str]] = []
    seen: set[int] = set()
    current, relation = error, ""
    while is_exception(current) and id(current) not in seen and next(room, None) is not None:
        seen.add(id(current))
        chain.append((current, relation))
        cause = OF_EXCEPTIONS["__cause__"].__get__(current)
        if cause is not None:
            current, relation = cause, "\nThe above exception was the direct cause of the following exception:\n\n"
        elif not OF_EXCEPTIONS["__suppress_context__"].__get__(current):
            current = OF_EXCEPTIONS["__context__"].__get__(current)
            relation = "\nDuring handling of the above exception, another exception occurred:\n\n"
        else:
            break
    return chain


def _frames(frames: TracebackType | None) -> list[str]:
    places = list(traceback.walk_tb(frames))
    shown = traceback.StackSummary.extract(iter(places[-_FRAMES:]), lookup_lines=False)
    linecache.checkcache()
    more = len(places) - _FRAMES
    return [*([f"  ({more} frames more)\n"] if more > 0 else []), *shown.format()]


def _notes(error: BaseException, masked: Callable[[str], str]) -> Iterator[str]:
    notes = OF_EXCEPTIONS["__dict__"].__get__(error).get("__notes__")
    for note in notes[:_NOTES] if type(notes) in (list, tuple) else ():
        yield masked(_in_words(note))[:_MESSAGE_IN_TRACEBACK] + "\n"
