"""Masking the API key in what holds texts: containers, objects, exceptions.

No code of a value's class runs for that, and the search stops after a bounded number of values.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from types import GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any

from ..foreign_text import OF_EXCEPTIONS, behind, described, is_exception
from ..log import logger
from .masking import MASK, is_told, longest_first, masked

_DEPTH = 8
_ITEMS = 10_000
_EXCEPTIONS = 200

_UNTOUCHED = (int, float, complex, bool, type(None), type(Ellipsis), type, ModuleType)
# What these hold goes out as requests, and their objects do not show it.
_TRANSPORT = ("comet_ml", "requests", "urllib3")

_OF_TYPES: Any = type.__dict__


def masked_value(value: object, secrets: Collection[str]) -> object:
    """A value without secrets: itself if it has none, else one like it. Nothing that somebody else holds is changed.

    Of an exception with a secret in its message, it is the message.
    """
    return _Masking(secrets, exceptions_are_texts=True).value(value)


def scrub(error: BaseException | None, secrets: Collection[str]) -> None:
    """Mask secrets in an exception and in those behind it and in it: the SDK's can carry the API key.

    Args:
        error: The exception, which stays the same object. It can be of any make.
        secrets: What to mask.
    """
    if error is None or not secrets:
        return
    seen: set[int] = set()
    waiting = [error]
    while waiting and len(seen) < _EXCEPTIONS:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        waiting += behind(current)
        masking = _Masking(secrets)
        try:
            _scrub_one(current, masking)
        except BaseException as problem:  # a class of any make has part in this, and must not end the task by it
            logger.debug("An exception could not be searched for the API key: %s", type(problem))
        waiting += masking.exceptions


def _scrub_one(error: BaseException, masking: _Masking) -> None:
    arguments = OF_EXCEPTIONS["args"].__get__(error)
    new = masking.value(arguments)
    if new is not arguments:
        # Past what the class makes of it: it can be frozen.
        OF_EXCEPTIONS["args"].__set__(error, new)
    for value, put in attributes(error):
        new = masking.value(value)
        if new is not value:
            put(error, new)


Put = Callable[[object, object], None]


def attributes(value: object) -> Iterator[tuple[object, Put]]:
    """What an object holds in its dictionary and its slots, and how to set that in it or in another of its class."""
    for name, kept in list(_dictionary(value).items()):
        yield kept, functools.partial(_put, name)
    for kind in _classes(type(value)):
        for slot in list(_OF_TYPES["__dict__"].__get__(kind).values()):
            if type(slot) is not MemberDescriptorType:
                continue
            try:
                kept = slot.__get__(value, kind)
            except AttributeError:
                continue
            yield kept, slot.__set__


def _put(name: str, owner: object, value: object) -> None:
    _dictionary(owner)[name] = value


def _classes(kind: type) -> tuple[type, ...]:
    classes: tuple[type, ...] = _OF_TYPES["__mro__"].__get__(kind)
    return classes


def _dictionary(value: object) -> dict[str, object]:
    for kind in _classes(type(value)):
        found = _OF_TYPES["__dict__"].__get__(kind).get("__dict__")
        if type(found) is GetSetDescriptorType:
            kept: dict[str, object] = found.__get__(value, kind)
            return kept
    return {}


def _shows_what_it_holds(kind: type) -> bool:
    if str(_OF_TYPES["__module__"].__get__(kind)).partition(".")[0] in _TRANSPORT:
        return True
    found = (_OF_TYPES["__dict__"].__get__(each).get("__repr__") for each in _classes(kind))
    return next(filter(None, found), None) is not object.__repr__


class _Masking:
    """One search for secrets, which ends after so many values.

    Attributes:
        exceptions: Those that it has come across, and left as they are.
    """

    def __init__(self, secrets: Collection[str], *, exceptions_are_texts: bool = False) -> None:
        self.exceptions: list[BaseException] = []
        self._exceptions_are_texts = exceptions_are_texts
        self._secrets = longest_first(frozenset(secrets))

    def value(self, value: object) -> object:
        return self._copy(value, frozenset()) if self._is_told_in(value) else value

    def _is_told_in(self, value: Any) -> bool:
        seen: set[int] = set()
        waiting, left = [(value, 0)], _ITEMS
        while waiting and left:
            left -= 1
            current, depth = waiting.pop()
            kind = type(current)
            if kind in _UNTOUCHED or depth > _DEPTH or id(current) in seen:
                continue
            text = self._text(current, kind)
            if text is not None:
                if is_told(text, self._secrets):
                    return True
                continue
            seen.add(id(current))
            if is_exception(current):
                self.exceptions.append(current)
            else:
                waiting += [(part, depth + 1) for part in islice(_parts(current, kind) or (), left)]
        return False

    def _text(self, value: Any, kind: type) -> str | None:
        """What a value is as a text, if it is no holder of others."""
        if issubclass(kind, str):
            return str.__str__(value)
        if issubclass(kind, (bytes, bytearray)):
            return bytes(value).decode("utf-8", "surrogateescape")
        if is_exception(value):
            return str(described(value)) if self._exceptions_are_texts else None
        if _parts(value, kind) is not None:
            return None
        # An object of C, which can only say what it holds; and what shows nothing.
        return _words(value) if _shows_what_it_holds(kind) else ""

    def _copy(self, value: Any, within: frozenset[int]) -> object:
        if id(value) in within:
            return "..."
        if not self._is_told_in(value):
            return value
        kind = type(value)
        text = self._text(value, kind)
        if text is not None:
            text = masked(text, self._secrets)
            return text.encode("utf-8", "surrogateescape") if issubclass(kind, (bytes, bytearray)) else text
        within |= {id(value)}
        if issubclass(kind, dict):
            return {self._copy(name, within): self._copy(kept, within) for name, kept in list(dict.items(value))}
        for sequence in _SEQUENCES:
            if issubclass(kind, sequence):
                new = [self._copy(item, within) for item in list(sequence.__iter__(value))]
                # A named tuple stays one; other classes can want arguments.
                return tuple.__new__(kind, new) if sequence is tuple else sequence(new)
        try:
            twin = object.__new__(kind)
            for kept, put in attributes(value):
                put(twin, self._copy(kept, within))
            return twin
        except TypeError:  # a class with a base in C
            words = _words(value)
            return masked(words, self._secrets) if is_told(words, self._secrets) else MASK


_SEQUENCES: tuple[Any, ...] = (tuple, list, set, frozenset)


def _parts(value: Any, kind: type) -> list[object] | None:
    """What a value holds; None if it holds nothing that can be looked into."""
    parts: list[object] = [part for item in dict.items(value) for part in item] if issubclass(kind, dict) else []
    for sequence in _SEQUENCES:
        if issubclass(kind, sequence):
            parts += sequence.__iter__(value)
    if _shows_what_it_holds(kind):
        parts += (kept for kept, _ in attributes(value))
    return parts if parts or issubclass(kind, (dict, *_SEQUENCES)) else None


def _words(value: object) -> str:
    try:
        return str.__str__(repr(value))
    except BaseException:  # it has no words, and so none to mask
        return ""
