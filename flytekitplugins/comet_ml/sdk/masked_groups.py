"""Exception groups with the API key in their message: Python lets nobody change that, so that others are raised."""

from __future__ import annotations

from collections.abc import Collection

from ..foreign_text import GROUPS, OF_EXCEPTIONS, grouped, traceback_of
from .masking import masked

_EXCEPTIONS = 200

_BEHIND = ("__cause__", "__context__")


def raise_without_secrets(error: BaseException | None, secrets: Collection[str]) -> None:
    """Raise another exception in the place of one that is on its way, if there are secrets in messages of groups.

    Args:
        error: The exception; None if there is none. What can be changed in it, and behind it, has no secrets any more.
        secrets: What must not be in it.
    """
    if error is None or GROUPS is None or not secrets:
        return
    new = _without_secrets(error, secrets, set())
    if new is error:
        return
    context = OF_EXCEPTIONS["__context__"].__get__(new)
    try:
        raise new
    except BaseException:
        # Python has made the first one its context.
        OF_EXCEPTIONS["__context__"].__set__(new, context)
        raise


def _without_secrets(error: BaseException, secrets: Collection[str], seen: set[int]) -> BaseException:
    """The exception itself, or a group like it; the same of all that is behind it and in it."""
    if id(error) in seen or len(seen) >= _EXCEPTIONS:
        return error
    seen.add(id(error))
    _mend_what_is_behind(error, secrets, seen)
    inner = grouped(error)
    if not inner:
        return error
    new_inner = tuple(_without_secrets(each, secrets, seen) for each in inner)
    message = str.__str__(GROUPS.__dict__["message"].__get__(error))
    new_message = masked(message, secrets)
    if new_message == message and all(new is old for new, old in zip(new_inner, inner, strict=True)):
        return error
    # Past what the class makes of it: its constructor can take something else.
    group: BaseException = GROUPS.__new__(type(error), new_message, new_inner)
    for name in ("__dict__", *_BEHIND, "__suppress_context__"):
        OF_EXCEPTIONS[name].__set__(group, OF_EXCEPTIONS[name].__get__(error))
    return BaseException.with_traceback(group, traceback_of(error))


def _mend_what_is_behind(error: BaseException, secrets: Collection[str], seen: set[int]) -> None:
    suppressed = OF_EXCEPTIONS["__suppress_context__"].__get__(error)
    for name in _BEHIND:
        behind = OF_EXCEPTIONS[name].__get__(error)
        new = None if behind is None else _without_secrets(behind, secrets, seen)
        if new is not behind:
            OF_EXCEPTIONS[name].__set__(error, new)
    OF_EXCEPTIONS["__suppress_context__"].__set__(error, suppressed)
