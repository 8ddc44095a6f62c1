"""Names and values that speak of a secret, which nobody may see in Comet.

A name alone says too little. `pad_token_id` and `key_dim` are no secrets, and `hub_token` is one. So a name has one of
five senses (`senses`). In the three in the middle, the value decides: a number is no secret, and neither is a
short text that looks like a word. None and a bool are never one. A text that looks secret is one, whatever its name.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import re
from typing import Any
from urllib.parse import unquote

from .known_secrets import KNOWN_SECRET
from .senses import Sense, sense_of, set_of, words_of

__all__ = ["Sense", "is_of_words", "looks_secret", "may_show", "name_in", "sense_of", "speaks_of_a_secret"]

# Numbers of things, whatever the things are.
_MEASURES = set_of(
    "attempts count dim dims entropy len length limit max min num rate ratio retries score size strength threshold"
    " timeout tokens total ttl"
)
_COUNTING = set_of("avg count max mean min n num per total")

_WORD_LENGTH = 64
# `<|endoftext|>`, `[PAD]`, `</s>`.
_SPECIAL_TOKEN = re.compile(r"<\|?/?[\w ./-]{1,32}\|?>|\[[\w ./-]{1,32}\]|[^\w\s]{1,4}|")
_OPAQUE = re.compile(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9+=]{16,}|[A-Za-z0-9]{24,}|(?=[a-z/+]*[A-Z0-9])[A-Za-z0-9/+]{40}")
_BETWEEN_WORDS = re.compile(r"[ _./-]+")


def speaks_of_a_secret(name: str) -> bool:
    """Whether a text of this name is kept out of Comet, unless it shows by itself that it is none: `api_key`."""
    return sense_of(name) >= Sense.UNKNOWN


def may_show(name: str, sense: Sense, value: object) -> bool:
    """Whether a value of its kind is shown: a number, a bool, None or a text.

    Args:
        name: The last of the names that lead to it.
        sense: The worst sense of all of them.
        value: The value.
    """
    words = words_of(name) or [""]
    if isinstance(value, str):
        if sense >= Sense.UNKNOWN and _SPECIAL_TOKEN.fullmatch(value):
            return sense is not Sense.SECRET or (words[-1] == "token" and value.startswith("<"))
        if sense >= Sense.DOUBTFUL:
            return False
        if sense is Sense.UNKNOWN:
            return is_of_words(value)
        if sense is Sense.TECHNICAL:
            return len(value) <= _WORD_LENGTH and not _OPAQUE.search(value) and not looks_secret(value)
        return not looks_secret(value)
    if sense is not Sense.SECRET or value is None or isinstance(value, bool):
        return True
    return words[-1] in _MEASURES or (words[0] in _COUNTING and words[-1].endswith("s"))


def looks_secret(text: str) -> bool:
    """Whether a text is or holds a secret by its looks, whatever its name: `hf_...`, `postgresql://user:pass@host`."""
    if len(text) < 16 and text.isidentifier():
        # Most keys of most dicts.
        return False
    # An address in an address has a query of its own.
    return _looks_secret(text) or ("%" in text and _looks_secret(unquote(text).replace("?", "&")))


def _looks_secret(text: str) -> bool:
    if KNOWN_SECRET.search(text) is not None or any(map(_is_user_and_password, _BASIC.findall(text))):
        return True
    in_sentences = [(name, value) for name, value in _IN_A_SENTENCE.findall(text) if not is_of_words(value)]
    return any(_is_secret(*pair) for pair in itertools.chain(in_sentences, *(each.findall(text) for each in _PAIRS)))


def _is_user_and_password(encoded: str) -> bool:
    """Whether a text is `user:password` in base64."""
    with contextlib.suppress(ValueError):
        decoded = base64.b64decode(encoded).decode()
        return ":" in decoded and decoded.isprintable()
    return False


def is_of_words(text: str) -> bool:
    """Whether a text is of words alone, without numbers and capitals inside: `user_id`, `C minor`, `val/loss`."""
    words = _BETWEEN_WORDS.split(text) if len(text) <= _WORD_LENGTH else ["0"]
    return all(w.isalpha() and len(w) <= 15 and w in (w.lower(), w.upper(), w.capitalize()) for w in words if w)


def name_in(text: Any) -> str | None:
    """The name of an option or a variable that a text is: `--hub-token`, `DB_PASSWORD`; None for other texts."""
    # Not `isinstance`, which asks the object.
    return text if issubclass(type(text), str) and _NAME.fullmatch(text) else None


_NAME = re.compile(r"-{0,2}[^\W\d][\w.-]{0,63}:?")

# A name and a value in a text: a query, a connection string, a command, a document.
_PAIRS = [
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        # `Password=x;`, `--hub-token=x`, `&sig=x`
        r"(?<![\w.-])-{0,2}([^\W\d][\w.-]{0,63})['\"]?\s?=(?!=)\s?['\"]?([^\s'\"&;,]+)",
        # `"api_key": "x"`
        r"['\"]([^\W\d][\w .-]{0,63})['\"]\s*:\s*\[?\s*['\"]?([^\s'\",}\]]+)",
        # `{"name": "DB_PASSWORD", "value": "x"}`, `ParameterKey`
        r"(?i)['\"]\w{0,30}(?:name|key)['\"]\s*:\s*['\"]([\w.-]{1,64})['\"]\s*,\s*['\"]\w{0,30}value['\"]\s*:\s*['\"]?([^\s'\",}\]]+)",
        # `<password>x</password>`
        r"<([^\W\d][\w.:-]{0,63})(?:\s[^<>]{0,200})?>\s*([^<>\s]+)\s*</",
        # `<name>DB_PASSWORD</name><value>x</value>`
        r">\s*([^\W\d][\w.-]{0,63})\s*</[\w.:-]{1,64}>\s*<[\w.:-]{1,64}>\s*([^<>\s]+)\s*</",
        # `WITH PASSWORD 'x'`
        r"(?i)\b(password)\s+'([^'\s]+)'",
        # `["--password", "x"]`
        r"['\"]--?([\w-]{1,64})['\"]\s*,\s*['\"]([^'\"]+)['\"]",
        # A line of its own.
        r"(?:^[ \t]*(?:- )?|['\"])([^\W\d][\w.-]{0,63})[ \t]*:[ \t]*['\"]?([^\s'\"]+)['\"]?[ \t]*(?:$|(?<=['\"]))",
        # `--hub-token x`
        r"(?:^|\s)--?([^\W\d][\w-]{0,63})\s+['\"]?([^\s'\"-][^\s'\"]*)",
    )
]
# "The password: hunter2 ...", but not "Password: what makes a good one?"
_IN_A_SENTENCE = re.compile(r"(?<![\w.-])([^\W\d][\w.-]{0,63})[ \t]?:[ \t]*['\"]?([^\s'\",;!?)]+)")
# Nothing, a number, a type, and what stands for a secret: `$HF_TOKEN`, `<token>`, `tokenizer(text)`.
_NO_SECRET = re.compile(
    r"(?i)(?:none|null|nil|true|false|yes|no|str|string|text|bytes|required|optional|[0-9.]+)\W*|[$<{%*(\[].*|[\w.]+[(\[].*"
)
_SHORTEST_TOKEN = 8
_BASIC = re.compile(r"(?i:\bbasic)\s+([A-Za-z0-9+/]{4,}={0,2})")
_IN_QUERIES = frozenset(("sig", "signature", "x-amz-signature", "x-goog-signature"))


def _is_secret(name: str, value: str) -> bool:
    if _NO_SECRET.fullmatch(value):
        return False
    if words_of(name) == ["token"] and len(value) < _SHORTEST_TOKEN and is_of_words(value):
        # Of a text that is about tokens: `{"token": "dog", "tag": "NN"}`.
        return False
    sense = Sense.SECRET if name.lower() in _IN_QUERIES else sense_of(name)
    if sense is Sense.DOUBTFUL:
        return not is_of_words(value)
    return sense is Sense.SECRET or (sense is Sense.UNKNOWN and _OPAQUE.search(value) is not None)
