"""What a value is made of: a scalar, members with names, or items. Only fields, items and members are looked at."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import math
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import Any
from uuid import UUID

from .data import flyte_data

SCALARS: tuple[type, ...] = (str, int, float, Enum, date, time, timedelta, Decimal, Fraction, UUID, complex, type(None))
"""What is a scalar, or is written as one: a `bool` is an `int`, and a `datetime` a `date`."""
MAX_ITEMS = 1_000
"""Items of one list, and members of one dict, that are kept."""
_SMALL_ARRAY = 32

# By the names of package and class, so that none of them is imported.
_WRITTEN_AS_TEXT = {
    *(("ipaddress", f"IPv{version}{what}") for version in "46" for what in ("Address", "Network", "Interface")),
    *(("torch", name) for name in ("dtype", "device", "layout", "memory_format")),
    ("numpy", "dtype"),
}

LEFT_OUT = object()
"""In the place of a value that is not shown."""


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
    if is_written_as_text(type(value)):
        return str(value)
    return _scalar_of_an_array(value)


def is_written_as_text(kind: type) -> bool:
    """Whether the values of a class of a package are shown as Python writes them: `torch.dtype`, `HttpUrl`."""
    return any(_is_written(each.__module__.partition(".")[0], each.__name__) for each in kind.__mro__)


def _is_written(package: str, name: str) -> bool:
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
    if type(item) is not kind:
        return scalar_of(item)
    # Python has none that is as long as a `longdouble` of NumPy.
    convert = {"f": float, "c": complex}.get(getattr(value.dtype, "kind", ""))
    return LEFT_OUT if convert is None else scalar_of(convert(value))


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


def has_members(kind: type) -> bool:
    """Whether the values of a class are models or records, such as dataclasses."""
    return (
        dataclasses.is_dataclass(kind)
        or _is_pydantic(kind)
        or isinstance(getattr(kind, "__attrs_attrs__", None), tuple)
        or issubclass(kind, (argparse.Namespace, types.SimpleNamespace))
        or (hasattr(kind, "DESCRIPTOR") and hasattr(kind, "ListFields"))
    )


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
