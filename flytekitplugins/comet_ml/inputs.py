"""The task's inputs as parameters of the experiment."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

MAX_LENGTH = 1000
"""Characters of a string that are logged."""

_SECRET_STEMS = ("password", "passwd", "passphrase", "secret", "credential", "apikey", "token")
_SECRET_WORDS = frozenset({"auth", "pass", "pwd"})
# Ordinary words that look like one of the above, or like a key.
_INNOCENT_STEMS = ("tokeniz", "tokenis", "secretar", "keyboard", "keyword", "keypoint", "keyframe", "keynote")
_INNOCENT_WORDS = frozenset({"donkey", "hockey", "jockey", "monkey", "turkey", "whiskey"})
_COUNTING_WORDS = frozenset(
    {"avg", "count", "limit", "max", "mean", "min", "n", "new", "num", "number", "per", "total", "vocab"}
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_NOT_LOGGED = object()


_signature = functools.lru_cache(maxsize=128)(inspect.signature)


def input_names(function: Callable[..., Any]) -> list[str]:
    """Names of the inputs of a task function."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in _signature(function).parameters.values() if p.kind not in variadic]


def named_arguments(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by the names of the inputs, with their defaults.

    Returns:
        Nothing for arguments that do not fit the function: calling it will say so better.
    """
    try:
        bound = _signature(function).bind(*args, **kwargs)
    except TypeError:
        return {}
    bound.apply_defaults()
    return {name: bound.arguments[name] for name in input_names(function)}


def parameters(
    arguments: Mapping[str, Any], log_inputs: bool | Sequence[str], secrets: Collection[str]
) -> dict[str, Any]:
    """What to log of a call's arguments.

    Args:
        arguments: By the names of the inputs.
        log_inputs: The decorator's option: all, none, or the names of some.
        secrets: Texts that must not be in any value.

    Returns:
        Values that Comet can show, by name; fields of dataclasses under ``input.field``. Inputs of other types, and
        those whose names speak of a password, token, secret or key, are left out.
    """
    logged: dict[str, Any] = {}
    if log_inputs is not False:
        for name, value in arguments.items():
            if log_inputs is True or name in log_inputs:
                _add(logged, name, value)
    return {name: value for name, value in logged.items() if not any(secret in str(value) for secret in secrets)}


def speaks_of_a_secret(name: str) -> bool:
    """Whether a name has a word in it that stands for something secret: ``api_key``, ``hfToken``, ``dbpassword``.

    Ordinary words such as ``tokenizer`` and ``keyboard`` do not.
    """
    return any(_is_secret(word) for word in _words(name))


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _is_secret(word: str) -> bool:
    singular = word.removesuffix("s")
    if word.startswith(_INNOCENT_STEMS) or singular in _INNOCENT_WORDS:
        return False
    return word in _SECRET_WORDS or any(stem in word for stem in _SECRET_STEMS) or _is_key(singular)


def _is_key(word: str) -> bool:
    return word.startswith("key") or word.endswith("key")


def _is_count(name: str, value: object) -> bool:
    """Whether this is a number of things: ``max_tokens=512`` is no secret."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and not _COUNTING_WORDS.isdisjoint(_words(name)) and any(w.endswith("s") for w in _words(name))


def _add(logged: dict[str, Any], name: str, value: Any, within: tuple[int, ...] = ()) -> None:
    if speaks_of_a_secret(name) and not _is_count(name, value):
        return
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if id(value) not in within:
            for field in dataclasses.fields(value):
                _add(logged, f"{name}.{field.name}", getattr(value, field.name, None), (*within, id(value)))
        return
    shown = _shown(value)
    if shown is not _NOT_LOGGED:
        logged[name] = shown


def _shown(value: Any) -> Any:
    if isinstance(value, Enum):
        value = value.value if isinstance(value.value, (str, int, float)) else value.name
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return value[:MAX_LENGTH]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _NOT_LOGGED
