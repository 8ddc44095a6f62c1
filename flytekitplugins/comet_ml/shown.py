"""An argument's value as a message shows it: short, on one line, and never an API key."""

from __future__ import annotations

import os
import re
import reprlib

from .keys.experiment_key import is_legal_key

HIDDEN = "***"

_SHORTEST_KEY = 8

# Comet's API keys have 25 letters and digits.
_RUN = re.compile(r"[0-9A-Za-z]{20,}")
_WORDS = re.compile(r"[0-9]+|[A-Z]+|[a-z]+|[A-Z]?[a-z]{2,}([A-Z][a-z]{2,})+")


def shown(value: object, *, experiment_key: bool = False) -> str:
    """A value as a message shows it.

    Text is quoted, and what does not print is escaped. What is too long is cut. An object that is no plain data is
    shown by its type alone, because nobody knows what it says of itself.

    Args:
        value: What was given.
        experiment_key: Whether an experiment key is expected. A legal one is shown whole then. Elsewhere the same text
            could be an API key.
    """
    if experiment_key and isinstance(value, str) and is_legal_key(value) and not has_known_api_key(value):
        return repr(value)
    return _SHORT.repr(value)


def known_api_keys() -> frozenset[str]:
    """The API key of this process, as far as its environment tells, with its server behind it and without."""
    key = os.environ.get("COMET_API_KEY", "").strip()
    return frozenset(text for text in (key, key.partition("*")[0]) if len(text) >= _SHORTEST_KEY)


def without_api_keys(text: str) -> str:
    """A text with asterisks in place of the API keys that are known, and of whatever has the look of one.

    That is a run of 20 letters and digits or more, unless it is a number, a word or WordsLikeThese.
    """
    for key in sorted(known_api_keys(), key=len, reverse=True):
        text = text.replace(key, HIDDEN)
    return _RUN.sub(lambda run: run[0] if _WORDS.fullmatch(run[0]) else HIDDEN, text)


def has_known_api_key(text: str) -> bool:
    """Whether the API key of this process is in a text."""
    return any(key in text for key in known_api_keys())


def name_of(function: object) -> str:
    """The name of a function, quoted; of another callable, that of its type."""
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    return shown(name if isinstance(name, str) else type(function).__name__)


class _ShortRepr(reprlib.Repr):
    """A `repr` of plain data: `reprlib` calls the method that has the type's name."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 4
        self.maxstring = 100
        self.maxlevel = 3

    def repr_str(self, text: str, level: int) -> str:
        return super().repr_str(without_api_keys(text), level)

    def repr_bytes(self, content: bytes, level: int) -> str:
        return f"b{self.repr_str(content.decode('latin-1'), level)}"

    def repr_instance(self, value: object, level: int) -> str:
        return repr(value) if value is None or type(value) in (bool, float) else f"a {type(value).__name__}"


_SHORT = _ShortRepr()
