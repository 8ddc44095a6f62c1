"""What the values of a record say of each other: which of them is the name of a secret beside it.

The keys of a record can have any names: `{"k": "API_TOKEN", "v": ...}`. So in a small one, any text can be the name of
what is beside it. In a larger one, which is rather a config, such a text is a label. There the keys have to say which
value is the name of which. The columns of a table are like one record.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence

from .parts import MAX_ITEMS, scalar_of
from .secret_names import name_in
from .senses import Sense, sense_of, set_of, words_of

_FEW = 4

# Last words of keys. Of two with the same words before it, the first says what the second is: `env_name`, `env_value`.
_NAMING = set_of("arg argument attribute env field header id key name option parameter property var variable")
_NAMED = set_of("content default setting val value values")
# An ordinary word, or the kind of something, as often as the name of a secret.
_LABELS = set_of("bearer cookie cookies jwt oauth pin token")
# Ids of accounts, which have a secret beside them: of AWS, Twilio and Google.
_ID = re.compile(r"(?:AKIA|ASIA|ABIA)[A-Z0-9]{16}|AC[0-9a-f]{32}|[\w-]{1,99}\.apps\.googleusercontent\.com")


def says_something(name: str, members: int) -> bool:
    """Whether a member of a record can say something of the others.

    Args:
        name: Its name.
        members: How many there are.
    """
    return members <= _FEW or _split(name)[1] in _NAMING


def read_scalars(read: Callable[[], object]) -> list[object]:
    """The value of a member, or what is in it if it is a list."""
    value = read()
    items = itertools.islice(value, MAX_ITEMS) if isinstance(value, (list, tuple)) else [value]
    return [scalar_of(item) for item in items]


def senses_beside(names: Sequence[str], scalars: Sequence[Sequence[object]]) -> list[Sense]:
    """What each member of a record is, as the others say.

    Args:
        names: The names of the members.
        scalars: What is in each; nothing for those that can say nothing.
    """
    texts = [[item for item in items if isinstance(item, str)] for items in scalars]
    by_key: dict[str, Sense] = {}
    for name, items in zip(names, texts, strict=True):
        begin, end = _split(name)
        if end in _NAMING:
            # A list may be one of labels.
            most = Sense.SECRET if len(items) == 1 else Sense.UNKNOWN
            senses = [min(sense_of(text), most) for text in items]
            by_key[begin] = max([by_key.get(begin, Sense.PLAIN), *senses])
    beside = [by_key.get(begin, Sense.PLAIN) if end in _NAMED else Sense.PLAIN for begin, end in map(_split, names)]
    if len(names) > _FEW:
        return beside
    said = [max(map(_said_by, set(items)), default=Sense.PLAIN) for items in texts]
    for one, other in itertools.permutations(range(len(names)), 2):
        # Columns are as long as each other. What is in a dict is a config of its own.
        if texts[one] and len(scalars[one]) == len(scalars[other]):
            beside[one] = max(beside[one], said[other])
    return beside


def _split(name: str) -> tuple[str, str]:
    """The last word of a name, and what is before it."""
    words = words_of(name)
    return "_".join(words[:-1]), words[-1] if words else ""


def _said_by(text: str) -> Sense:
    """What a text says of those beside it."""
    if _ID.fullmatch(text):
        return Sense.TECHNICAL
    if name_in(text) is None or sense_of(text) is not Sense.SECRET:
        return Sense.PLAIN
    words = words_of(text)
    if words and words[0] in _LABELS and len(words) == 1:
        return Sense.TECHNICAL
    return Sense.UNKNOWN if len(words) < 2 or text.isupper() or _ends_in_a_secret(*words[-2:]) else Sense.PLAIN


def _ends_in_a_secret(before: str, last: str) -> bool:
    """Whether a name is one of a secret, and not of something about it: `client_secret`, but not `secret_detection`."""
    is_of_two = sense_of(before) is not Sense.SECRET and sense_of(f"{before}_{last}") is Sense.SECRET
    return is_of_two or sense_of(last) >= Sense.UNKNOWN
