"""What the arguments of a decorator can be. A kind says it in words, and refuses everything else."""

from __future__ import annotations

import dataclasses
import math
import os
import threading
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from .credentials import checked_api_key
from .errors import APIKeyError, InvalidOptionError
from .shown import has_known_api_key, shown

DECORATOR = "comet_ml_login"

# How the SDK writes yes and no in its settings (everett).
_YES_OR_NO = frozenset(["t", "true", "yes", "y", "1", "on", "f", "false", "no", "n", "0", "off"])
_LEVELS = frozenset(["DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL"])
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Kind:
    """What an argument can be.

    Attributes:
        words: What follows on "must be" in the message.
        fits: Whether a value is of this kind.
        optional: Whether None is, as well.
    """

    words: str
    fits: Callable[[Any], bool]
    optional: bool = False

    def check(self, option: str, value: object, owner: str = DECORATOR) -> Any:
        """Refuse a value that is not of this kind, and one that is the API key.

        Args:
            option: Name of the argument.
            value: Its value.
            owner: What it is an argument of.

        Returns:
            The value to use.

        Raises:
            InvalidOptionError: With the argument, what was given and what is expected.
        """
        if value is None and self.optional:
            return None
        refuse_api_key(option, value, owner)
        if not self.fits(value):
            raise InvalidOptionError(f"{owner}: `{option}` must be {self.words}, not {shown(value)}.")
        return value

    @property
    def or_none(self) -> Kind:
        """The same kind, with None."""
        return dataclasses.replace(self, optional=True)


class TextKind(Kind):
    """A text that is not empty, and that can be written and shown."""

    def check(self, option: str, value: object, owner: str = DECORATOR) -> Any:
        """Refuse what is no such text."""
        given = super().check(option, value, owner)
        for text in [given] if isinstance(given, str) else given or ():
            _check_text(option, text, owner)
        return given


@dataclass(frozen=True)
class ChoiceKind(Kind):
    """One of some values."""

    words: str = ""
    fits: Callable[[Any], bool] = bool
    choices: tuple[object, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", " or ".join(map(repr, self.choices)))
        object.__setattr__(self, "fits", lambda value: self._meant(value) is not None)

    def check(self, option: str, value: object, owner: str = DECORATOR) -> Any:
        """Refuse what is none of them.

        Returns:
            The value itself, where it was given as a member of an enum of texts.
        """
        given = super().check(option, value, owner)
        return None if given is None else self._meant(given)

    def _meant(self, value: object) -> object:
        return next((c for c in self.choices if isinstance(value, type(c)) and value == c), None)


class PathKind(Kind):
    """A path: the SDK of some versions wants a text."""

    def check(self, option: str, value: object, owner: str = DECORATOR) -> Any:
        """Refuse what is no path.

        Returns:
            The path as a text.
        """
        given = super().check(option, value, owner)
        return given if given is None else os.fspath(given)


class APIKeyKind(Kind):
    """An API key: nothing of it is shown."""

    def check(self, option: str, value: object, owner: str = DECORATOR) -> Any:
        """Refuse what can be no API key.

        Returns:
            The key, without blanks around it.
        """
        if value is None:
            return None
        if not isinstance(value, str):
            raise InvalidOptionError(f"{owner}: `{option}` must be {self.words}, not a {type(value).__name__}.")
        try:
            return checked_api_key(value, f"`{option}`")
        except APIKeyError as error:
            raise InvalidOptionError(str(error)) from None


def refuse_api_key(option: str, value: object, owner: str = DECORATOR) -> None:
    """Refuse the API key of this process as the value of an argument that would show it.

    Raises:
        InvalidOptionError: With the argument, and where the key belongs.
    """
    texts = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
    if any(isinstance(text, str) and has_known_api_key(text) for text in texts):
        raise InvalidOptionError(
            f"{owner}: `{option}` has the API key of COMET_API_KEY in it, and would show it. In a pod the key comes "
            "from `secret`; a local run finds COMET_API_KEY by itself."
        )


def _check_text(option: str, text: str, owner: str) -> None:
    if not text.strip():
        raise InvalidOptionError(f"{owner}: `{option}` must not be empty; got {shown(text)}.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidOptionError(
            f"{owner}: `{option}` must be text that can be written as UTF-8; got {shown(text)}."
        ) from None
    if any(unicodedata.category(c) in ("Cc", "Zl", "Zp") or c in _DIRECTION for c in text):
        raise InvalidOptionError(
            f"{owner}: `{option}` must be one line, without control characters and marks of direction; got "
            f"{shown(text)}."
        )


def _is_texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and bool(-math.inf < value < math.inf)  # type: ignore[operator]


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0


def _reads_as(kind: Callable[[str], object], text: object) -> bool:
    try:
        return isinstance(text, str) and _is_number(kind(text))
    except ValueError:
        return False


def _is_path(value: object) -> bool:
    return isinstance(value, os.PathLike) or (isinstance(value, str) and bool(value.strip()))


def _is_list_setting(value: object, is_item: Callable[[object], bool]) -> bool:
    # The SDK reads items between commas.
    items: Sequence[object] = value.split(",") if isinstance(value, str) else value  # type: ignore[assignment]
    return isinstance(items, (list, tuple)) and all(is_item(item) and "," not in str(item) for item in items)


ANYTHING = Kind("anything", lambda value: True)
BOOL = Kind("True or False", lambda value: isinstance(value, bool))
WHOLE_NUMBER = Kind("a whole number, 0 or greater", _is_whole)
COUNT = Kind("a whole number greater than 0", lambda value: _is_whole(value) and value > 0)
NUMBER = Kind("a number", _is_number)
# A lock can wait for 292 years at most.
SECONDS = Kind(
    "a number of seconds greater than 0", lambda value: _is_number(value) and 0 < value <= threading.TIMEOUT_MAX
)
TEXT = TextKind("a string", lambda value: isinstance(value, str))
TEXTS = TextKind("a list of strings", _is_texts)
PATH = PathKind("a path", _is_path)
API_KEY = APIKeyKind("a string", lambda value: isinstance(value, str), optional=True)

# Settings stand in the environment as texts. A text that the SDK reads as the value is as good as the value.
YES_OR_NO_SETTING = Kind(
    "True or False",
    lambda value: (
        isinstance(value, bool)
        or (_is_whole(value) and value in (0, 1))
        or (isinstance(value, str) and value.strip().lower() in _YES_OR_NO)
    ),
    optional=True,
)
WHOLE_NUMBER_SETTING = Kind(
    "a whole number", lambda value: isinstance(value, Integral) or _reads_as(int, value), optional=True
)
NUMBER_SETTING = Kind("a number", lambda value: _is_number(value) or _reads_as(float, value), optional=True)
TEXT_SETTING = TextKind("a string", lambda value: isinstance(value, str), optional=True)
LIST_SETTING = Kind(
    "a list of strings without commas, or a string with commas between them",
    lambda value: _is_list_setting(value, lambda item: isinstance(item, str)),
    optional=True,
)
NUMBER_LIST_SETTING = Kind(
    "a list of whole numbers, or a string with commas between them",
    lambda value: _is_list_setting(value, WHOLE_NUMBER_SETTING.fits),
    optional=True,
)
LEVEL_SETTING = Kind(
    "a level of logging, such as 'INFO'",
    lambda value: isinstance(value, str) and value.strip().upper() in _LEVELS,
    optional=True,
)
