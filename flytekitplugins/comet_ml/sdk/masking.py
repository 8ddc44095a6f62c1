"""Masking the API key in a text, however it is spelled there."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Collection, Iterator
from urllib.parse import quote, quote_plus

MASK = "***"

_SHORTEST = 4
"""Characters of the shortest text that is masked: a shorter one is no key, and stands in every other word."""

_SHORTEST_IN_BASE64 = 8

_URL_SAFE = str.maketrans("+/", "-_")


def masked(text: str, secrets: Collection[str]) -> str:
    """A text with every secret in it replaced by asterisks."""
    for secret in longest_first(frozenset(secrets)):
        if secret in text:
            text = text.replace(secret, MASK)
    return text


@functools.lru_cache(maxsize=64)
def longest_first(secrets: frozenset[str]) -> tuple[str, ...]:
    """Secrets in the order in which they are to be masked: one can be part of another."""
    return tuple(sorted(filter(None, secrets), key=len, reverse=True))


def is_told(text: str, secrets: Collection[str]) -> bool:
    """Whether a text has a secret in it."""
    return any(secret in text for secret in secrets)


@functools.lru_cache(maxsize=64)
def spellings(api_key: str) -> frozenset[str]:
    """The texts by which an API key could be recognised: itself, and how others spell it.

    A key that embeds its server (``KEY*...``) also goes without it. Both are spelled as Python, JSON and addresses
    spell texts, which is another text only where there is more in it than letters and digits; and in base64, where
    what stands before it decides on one of three texts.
    """
    texts = {text for text in (api_key, api_key.partition("*")[0]) if len(text) >= _SHORTEST}
    return frozenset(spelled for text in texts for spelled in _spellings(text) if len(spelled) >= _SHORTEST)


def _spellings(text: str) -> Iterator[str]:
    yield text
    content = text.encode("utf-8", "replace")
    for in_address in (quote(content, safe=""), quote(content), quote_plus(content)):
        first, *escapes = in_address.split("%")
        yield from (in_address, first + "".join(f"%{escape[:2].lower()}{escape[2:]}" for escape in escapes))
    yield repr(text)[1:-1]
    yield repr(content)[2:-1]
    for ascii_only in (True, False):
        in_json = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield from (in_json, in_json.replace("/", "\\/"))
    if len(content) >= _SHORTEST_IN_BASE64:
        yield from _in_base64(content)


def _in_base64(content: bytes) -> Iterator[str]:
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + content).decode()
        # The first and the last character also depend on what stands around it.
        inside = encoded[(0, 2, 3)[before] : len(encoded) - (0, 3, 2)[(before + len(content)) % 3]]
        yield from (inside, inside.translate(_URL_SAFE))
