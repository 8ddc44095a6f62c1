"""What the annotation of an input says of its values: whether any of them can be logged.

An annotation can say too little: `Any`, a base class, a name that does not exist yet. Then the value decides.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from ..decorated import Function
from .data import is_frame_or_array, is_of_flyte
from .parts import SCALARS, has_members, is_written_as_text

_NEVER = (bytes, bytearray, memoryview, object, type)


def annotations_of(function: Function) -> dict[str, Any]:
    """The annotations of a function by the names of its inputs, but for those that cannot be read yet."""
    body = inspect.unwrap(function)
    found: dict[str, Any] = {}
    for name, annotation in getattr(body, "__annotations__", {}).items():
        alone = types.SimpleNamespace(__annotations__={name: annotation})
        # A name that only type checkers know, or any other foreign code.
        with contextlib.suppress(Exception):
            found |= typing.get_type_hints(alone, getattr(body, "__globals__", None))
    return found


def can_be_logged(annotation: object) -> bool:
    """Whether an input with this annotation can have anything to log."""
    return _any_kind(annotation, _can_be_logged)


def can_be(annotation: object, kind: type) -> bool:
    """Whether an input with this annotation can be a number, a bool or a text of this kind."""
    # The scalars of NumPy are none, but are written as one.
    return _any_kind(annotation, lambda each: issubclass(kind, each) or issubclass(each, kind) or hasattr(each, "item"))


def _any_kind(annotation: object, fits: Callable[[type], bool]) -> bool:
    """Whether any class that an annotation stands for fits; one that stands for none that is known does."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(_any_kind(each, fits) for each in arguments if each is not type(None))
    kind = origin or getattr(annotation, "__supertype__", annotation)
    if kind is not annotation and origin is None:
        return _any_kind(kind, fits)
    if kind is Any or not isinstance(kind, type) or typing.Protocol in kind.__mro__:
        return True
    if not fits(kind):
        return False
    if issubclass(kind, Mapping):
        arguments = arguments[1:]
    elif not issubclass(kind, (Sequence, Set)):
        arguments = ()
    inner = [each for each in arguments if each is not Ellipsis]
    return not inner or any(_any_kind(each, fits) for each in inner)


def _can_be_logged(kind: type) -> bool:
    # The first two are sequences, and everything is an object.
    if kind in _NEVER or issubclass(kind, _NEVER[:2]):
        return False
    if _is_logged(kind) or any(issubclass(each, kind) for each in (*SCALARS, dict, list)):
        return True
    if kind.__module__ in ("collections.abc", "typing"):
        return False
    # Their values are of other classes, perhaps of dataclasses.
    return inspect.isabstract(kind) or _is_base_of_logged(kind)


def _is_logged(kind: type) -> bool:
    return (
        issubclass(kind, (*SCALARS, Mapping, Sequence, Set, os.PathLike))
        or has_members(kind)
        or is_of_flyte(kind)
        or is_frame_or_array(kind)
        or is_written_as_text(kind)
    )


def _is_base_of_logged(kind: type) -> bool:
    kinds: list[type] = type.__subclasses__(kind)
    return any(_is_logged(each) or _is_base_of_logged(each) for each in kinds)
