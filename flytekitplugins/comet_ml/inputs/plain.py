"""From any input to plain values: numbers, texts, bools and None, in dicts and lists of them.

A task's input can be anything, and a look at it can run foreign code. So the walk through it is bounded. It looks only
at fields, items and members. It follows no circle, and consumes no iterator. If a value raises, only that one is lost.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import math
import sys
import types
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import Any, NamedTuple
from uuid import UUID

from ..log import logger
from .data import Data, array_or_frame, flyte_data
from .secret_names import Sense, looks_secret, may_show, sense_of

MAX_TEXT = 10_000
"""Characters of one text that are kept."""
MAX_ITEMS = 1_000
"""Items of one list, and members of one dict, that are kept."""
_BUDGET = 50_000
"""Characters, about, of everything that is kept of one input. A value counts as eight at least."""
_MAX_NESTING = 32
_SMALL_ARRAY = 32
_HIDDEN = "***"
_MORE = "..."

# By the names of package and class, so that none of them is imported.
_WRITTEN_AS_TEXT = {
    *(("ipaddress", f"IPv{version}{what}") for version in "46" for what in ("Address", "Network", "Interface")),
    *(("torch", name) for name in ("dtype", "device", "layout", "memory_format")),
    ("numpy", "dtype"),
}

LEFT_OUT = object()
"""In the place of a value that is not shown."""


class _Place(NamedTuple):
    """Where a value stands.

    Attributes:
        path: Its names from the input on, with dots between them.
        name: The last of them that is a name, and no number.
        sense: The worst of what they speak of.
        within: The identities of what is around it.
        chosen: Whether people have asked for it.
    """

    path: str
    name: str
    sense: Sense
    within: tuple[int, ...]
    chosen: bool


class PlainInputs:
    """The inputs of a call as plain values, without secrets.

    Args:
        secrets: Texts that must be in no value and no name.
        chosen: Names of the inputs that people want to see: of those, a text is shown unless it has a secret in it.

    Attributes:
        left_out: Names of what is not shown because of its type, or because it speaks of a secret.
        data: What is said of files, frames and arrays, by name.
        complete: Whether everything else is there: more than the bounds allow is not.
    """

    def __init__(self, secrets: Collection[str], chosen: Collection[str] = ()) -> None:
        self.left_out: list[str] = []
        self.data: dict[str, Data] = {}
        self.complete = True
        self._secrets = secrets
        self._chosen = chosen
        self._left = _BUDGET

    def plain(self, name: str, value: object) -> object:
        """An input as a plain value: a scalar, or dicts and lists of them; `Data` in the place of data."""
        chosen = name in self._chosen
        self._left = _BUDGET
        return self._plain(_Place(name, name, Sense.PLAIN if chosen else sense_of(name), (), chosen), value)

    def _plain(self, place: _Place, value: object) -> object:
        if self._left <= 0 or len(place.within) > _MAX_NESTING:
            self.complete = False
            return _MORE
        self._left -= 8
        before = len(self.left_out)
        try:
            shown = self._shown(place, value)
        except Exception as problem:
            # It may be of any make. What it says can be the secret.
            logger.debug("The input %s cannot be looked at: %s", place.path, type(problem).__name__)
            shown = LEFT_OUT
        if shown is LEFT_OUT and len(self.left_out) == before:
            self.left_out.append(place.path)
        return shown

    def _shown(self, place: _Place, value: object) -> object:
        scalar = scalar_of(value)
        if scalar is not LEFT_OUT:
            return self._scalar(place, scalar)
        if place.sense is Sense.SECRET or id(value) in place.within:
            return LEFT_OUT
        said = flyte_data(value)
        if said is None:
            inside = place._replace(within=(*place.within, id(value)), chosen=False)
            members = members_of(value)
            if members is not None:
                return self._members(inside, members())
            items = items_of(value)
            if items is not None:
                return self._items(inside, items)
            said = array_or_frame(value)
        return self._data(place.path, said) if said else LEFT_OUT

    def _scalar(self, place: _Place, value: object) -> object:
        text = value if isinstance(value, str) else str(value)
        self._left -= min(len(text), MAX_TEXT)
        if any(secret in text for secret in self._secrets):
            return LEFT_OUT
        if isinstance(value, str):
            # Nothing of what is cut off is shown, but a secret could be cut in two.
            value = value[: MAX_TEXT + 200]
        if not (place.chosen and isinstance(value, str)) and not may_show(place.name, place.sense, value):
            return LEFT_OUT
        if isinstance(value, str) and len(text) > MAX_TEXT:
            self.complete = False
            return value[:MAX_TEXT]
        return value

    def _members(self, place: _Place, members: Iterator[tuple[object, Callable[[], object]]]) -> object:
        found: dict[str, object] = {}
        number = 0
        for key, read in members:
            if self._left <= 0 or number == MAX_ITEMS:
                self.complete = False
                break
            number += 1
            name = _name_of(key)
            if any(secret in name for secret in self._secrets) or looks_secret(name):
                self.left_out.append(f"{place.path}.{_HIDDEN}")
                continue
            self._left -= len(name)
            inner = place._replace(path=f"{place.path}.{name}", name=name, sense=max(place.sense, sense_of(name)))
            try:
                value = read()
            except Exception as problem:
                logger.debug("The input %s cannot be read: %s", inner.path, type(problem).__name__)
                self.left_out.append(inner.path)
                continue
            shown = self._plain(inner, value)
            if shown is not LEFT_OUT:
                found[name] = shown
        return found if found or not number else LEFT_OUT

    def _items(self, place: _Place, items: Iterator[object]) -> object:
        found: list[object] = []
        for index, item in enumerate(items):
            if self._left <= 0 or index == MAX_ITEMS:
                self.complete = False
                break
            shown = self._plain(place._replace(path=f"{place.path}.{index}"), item)
            found.append(_HIDDEN if shown is LEFT_OUT else shown)
        return found if not found or any(item != _HIDDEN for item in found) else LEFT_OUT

    def _data(self, path: str, said: Data) -> object:
        said = Data({key: self._without_secrets(value) for key, value in said.items()})
        self.data[path] = said
        return said

    def _without_secrets(self, said: object) -> object:
        if isinstance(said, list):
            return [self._without_secrets(item) for item in said]
        self._left -= len(str(said))
        return _HIDDEN if any(secret in str(said) for secret in self._secrets) else said


def scalar_of(value: object) -> object:
    """A number, bool, text or None for a value that is one, or is written as one; else `LEFT_OUT`."""
    if isinstance(value, Enum):
        inner = value.value
        value = inner if isinstance(inner, (str, int, float)) else value.name
    if value is None or isinstance(value, bool):
        return value
    # The methods of the types themselves: those of a subclass are foreign code.
    if isinstance(value, str):
        return str.__str__(value).encode("utf-8", "replace").decode()
    if isinstance(value, int):
        # Python writes no longer ones in decimals.
        return int.__int__(value) if int.bit_length(value) < 4096 else LEFT_OUT
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (timedelta, Decimal, Fraction, UUID, complex)):
        return str(value)
    if isinstance(value, PurePath) and flyte_data(value) is None:
        return str(value)
    if any(_is_written_as_text(k.__module__.partition(".")[0], k.__name__) for k in type(value).__mro__):
        return str(value)
    return _scalar_of_an_array(value)


def _is_written_as_text(package: str, name: str) -> bool:
    # The addresses of pydantic: `HttpUrl`, `PostgresDsn`.
    is_address = package in ("pydantic", "pydantic_core") and name.endswith(("Url", "Dsn"))
    return is_address or (package, name) in _WRITTEN_AS_TEXT


def _scalar_of_an_array(value: Any) -> object:
    """The scalars of NumPy, torch and their like: arrays without a dimension."""
    kind = type(value)
    if not (hasattr(kind, "shape") and hasattr(kind, "dtype") and hasattr(kind, "item")) or tuple(value.shape) != ():
        return LEFT_OUT
    if getattr(value.dtype, "kind", "") in ("M", "m"):
        # Its item may be a number of nanoseconds.
        return str(value)
    item = value.item()
    return item if item is value else scalar_of(item)


def members_of(value: object) -> Callable[[], Iterator[tuple[object, Callable[[], object]]]] | None:
    """Names of the members of a mapping, a model or a record, each with what reads it; None for what has none."""
    kind: Any = type(value)
    if isinstance(value, Mapping):
        return lambda: ((key, lambda key=key: value[key]) for key in value)  # type: ignore[misc]
    names: Sequence[str] | None = None
    if isinstance(value, tuple):
        names = getattr(kind, "_fields", None)
    elif isinstance(value, type):
        return None
    elif dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
    elif _is_pydantic(kind):
        # The first is of version 2. The other one warns there.
        fields = kind.model_fields if hasattr(kind, "model_fields") else kind.__fields__
        hidden = {name for name, field in fields.items() if getattr(field, "exclude", None)}
        names = [name for name in (*fields, *(getattr(value, "__pydantic_extra__", None) or {})) if name not in hidden]
    elif isinstance(getattr(kind, "__attrs_attrs__", None), tuple):
        names = [attribute.name for attribute in kind.__attrs_attrs__]
    elif isinstance(value, (argparse.Namespace, types.SimpleNamespace)):
        names = list(vars(value))
    elif (message := _protobuf_as_dict(value)) is not None:
        return members_of(message)
    if names is None:
        return None
    return lambda: ((name, lambda name=name: getattr(value, name)) for name in names)  # type: ignore[misc]


def _is_pydantic(kind: type) -> bool:
    return any(k.__module__.startswith("pydantic") and k.__name__ == "BaseModel" for k in kind.__mro__)


def _protobuf_as_dict(value: object) -> dict[str, object] | None:
    protobuf = sys.modules.get("google.protobuf.json_format")
    if protobuf is None or not hasattr(type(value), "DESCRIPTOR") or not hasattr(value, "ListFields"):
        return None
    return dict(protobuf.MessageToDict(value, preserving_proto_field_name=True))


def items_of(value: Any) -> Iterator[object] | None:
    """The items of a list, a tuple, a set or their like, or of a small array; None for what has none.

    Never those of an iterator: the task's body wants them.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return None
    if isinstance(value, Set):
        some = list(itertools.islice(value, MAX_ITEMS + 1))
        return iter(sorted(some, key=repr) if all(scalar_of(item) is not LEFT_OUT for item in some) else some)
    if isinstance(value, Sequence):
        # Past what a class of the user's makes of it, as with dictionaries.
        return iter(value) if not issubclass(type(value), list) else list.__iter__(value)  # type: ignore[arg-type]
    kind = type(value)
    # A series is data, and can be made a frame.
    is_array = hasattr(kind, "shape") and hasattr(kind, "dtype") and hasattr(kind, "tolist")
    if is_array and not hasattr(kind, "to_frame") and math.prod(value.shape) <= _SMALL_ARRAY:
        items = value.tolist()
        return iter(items) if isinstance(items, list) else None
    return None


def _name_of(key: object) -> str:
    name = scalar_of(key)
    text = name if isinstance(name, str) else str(key if name is LEFT_OUT else name)
    return text.encode("utf-8", "replace").decode()[:200]
