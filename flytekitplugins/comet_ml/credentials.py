"""What an API key can be, for both generations of Flyte and for local runs."""

from __future__ import annotations

import base64
import json
import os
import re
import traceback
import unicodedata
from collections.abc import Callable, Iterable

from .errors import APIKeyError
from .foreign_text import described
from .shown import name_of, shown, without_api_keys

LONGEST_KEY = 512
"""Characters that a key can have: Comet's have 25, and some have the address of their server behind them."""

_SHORTEST_SECRET = 8
"""A shorter secret is in many a harmless text."""

_ASSIGNMENT = re.compile(r"(export\s+)?\w*api_?key\w*\s*[=:]", re.IGNORECASE)
_SECTION = re.compile(r"^\s*\[\w+\]\s*$", re.MULTILINE)
# Signs that quotes, brackets, shells and files leave in a text. Comet's keys are letters and digits. Tests and proxies
# may have other signs in theirs.
_NOT_IN_A_KEY = frozenset("\"'`\\=#$,;<>()[]{}")


def checked_api_key(value: object, source: str) -> str:
    r"""An API key, or the error that says why a value is none. No request has had it in a header yet.

    A key is printable ASCII without blanks, quotes, brackets and the signs ``\ = # $ , ;``. It can have its server
    behind it: ``KEY*<base64 of JSON with baseUrl>`` (Comet).

    Args:
        value: What the source gave.
        source: Where it comes from, for the message: ``Secret(group='comet-ml', key='comet-ml-api-key')``.

    Returns:
        The key, without blanks and line breaks around it.

    Raises:
        APIKeyError: With the source and what is wrong. Never with the value.
    """
    if not isinstance(value, str):
        raise APIKeyError(
            f"comet_ml_login: {source} gave a {type(value).__name__} where the Comet API key, a string, is expected."
        )
    key = value.strip()
    if not key:
        raise APIKeyError(f"comet_ml_login: {source} is empty; it must hold the Comet API key.")
    for is_wrong, what in _FAULTS:
        if is_wrong(key):
            raise APIKeyError(
                f"comet_ml_login: {source} holds no Comet API key: {what(key)}. It must hold the key alone, as Comet "
                "shows it (Account Settings > API Keys)."
            )
    return key


def key_of_callable(
    secret: object, error_for: Callable[[Exception], type[APIKeyError]] = lambda error: APIKeyError
) -> str:
    """The API key that a callable gives.

    Args:
        secret: The callable. What is none is taken for the key itself, and refused if it can be none.
        error_for: Chooses the error that stands for what the callable raises.

    Raises:
        APIKeyError: If it raises, or gives what can be no key.
    """
    name = f"the callable {name_of(secret)}"
    try:
        key = secret() if callable(secret) else secret
    except Exception as error:
        problem = error_for(error)(_failure(name, error))
    else:
        return checked_api_key(key, name)
    # Here, where it does not carry the callable's own: the key can be in that one's message and variables.
    raise problem


def secret_in_words(kind: str, **arguments: object) -> str:
    """A secret of Flyte as a message names it, never with its value: ``Secret(group='comet-ml', key='api-key')``."""
    return f"{kind}({', '.join(f'{name}={shown(str(value))}' for name, value in arguments.items() if value)})"


def secret_values(values: Iterable[str]) -> frozenset[str]:
    """The values of secrets that are long enough to be looked for in texts."""
    return frozenset(value.strip() for value in values if len(value.strip()) >= _SHORTEST_SECRET)


def _failure(source: str, error: Exception) -> str:
    """What to say of a callable that raised instead of returning the key: its type, place and message, without keys."""
    kind, message, _ = described(error, without_api_keys)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return f"comet_ml_login: {source} raised {kind} instead of returning the Comet API key{place}: {message}"


def _character(key: str) -> str:
    """The first character that is not printable ASCII, by its number and name."""
    character = next(c for c in key if not c.isascii() or not c.isprintable())
    return f"U+{ord(character):04X} {unicodedata.name(character, 'a control character')}"


def _has_unreadable_server(key: str) -> bool:
    server = key.partition("*")[2]
    try:
        content = json.loads(base64.b64decode(server + "=" * (-len(server) % 4), validate=True))
    except ValueError:
        return True
    return not isinstance(content, dict)


_FAULTS: tuple[tuple[Callable[[str], object], Callable[[str], str]], ...] = (
    (_SECTION.search, lambda key: "it is a whole configuration file; the key is what stands behind `api_key=` in it"),
    (lambda key: key.startswith(("{", "[")), lambda key: "it looks like JSON"),
    (lambda key: "\n" in key or "\r" in key, lambda key: f"it has {len(key.splitlines())} lines"),
    (_ASSIGNMENT.match, lambda key: "it is an assignment, such as COMET_API_KEY=..."),
    (lambda key: key[0] in "\"'`" and key[0] == key[-1], lambda key: "it has quotes around it"),
    (lambda key: " " in key or "\t" in key, lambda key: "it has blanks in it"),
    (lambda key: not (key.isascii() and key.isprintable()), lambda key: f"it has {_character(key)} in it"),
    (lambda key: "://" in key, lambda key: "it is an address"),
    (lambda key: len(key) > LONGEST_KEY, lambda key: f"it has {len(key):,} characters"),
    (
        lambda key: _NOT_IN_A_KEY.intersection(key.partition("*")[0]),
        lambda key: f"it has {' '.join(sorted(_NOT_IN_A_KEY.intersection(key.partition('*')[0])))} in it",
    ),
    (lambda key: key.startswith("*"), lambda key: "there is nothing before its *"),
    (
        lambda key: "*" in key and _has_unreadable_server(key),
        lambda key: "the address of a server behind its * cannot be read; it may be cut off",
    ),
)
"""What makes a text no key, and how it is said. The first that is true is said."""
