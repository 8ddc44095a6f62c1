"""From any input to plain values: numbers, texts, bools and None, in dicts and lists of them.

A task's input can be anything, and a look at it can run foreign code. So the walk through it is bounded. It looks only
at fields, items and members. It follows no circle, and consumes no iterator. If a value raises, only that one is lost.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Container, Iterator
from typing import NamedTuple

from ..log import logger
from .data import Data, array_or_frame, flyte_data
from .known_secrets import KNOWN_SECRET
from .parts import LEFT_OUT, MAX_ITEMS, items_of, members_of, scalar_of
from .records import read_scalars, says_something, senses_beside
from .secret_names import looks_secret, may_show, name_in
from .senses import Sense, sense_of

MAX_TEXT = 10_000
"""Characters of one text that are kept."""
_MAX_NAME = 1_000
_BUDGET = 50_000
"""Characters, about, of everything that is kept of one input. A value counts as eight at least."""
_MAX_NESTING = 32
_HIDDEN = "***"
_MORE = "..."


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
        chosen: Names of the inputs that people want to see: of those, a text is shown unless it has a secret in it, or
            the name is one of a token or key of unknown kind.

    Attributes:
        left_out: Names of what is not shown because of its type, or because it speaks of a secret.
        data: What is said of files, frames and arrays, by name.
        over: Names of what is not whole, because there is more than the bounds allow.
        renamed: Names that were taken, and have a number behind them.
    """

    def __init__(self, secrets: Collection[str], chosen: Collection[str] = ()) -> None:
        self.left_out: list[str] = []
        self.data: dict[str, Data] = {}
        self.over: list[str] = []
        self.renamed: list[str] = []
        self._secrets = secrets
        self._chosen = chosen
        self._left = _BUDGET

    def plain(self, name: str, value: object) -> object:
        """An input as a plain value: a scalar, or dicts and lists of them; `Data` in the place of data."""
        chosen = name in self._chosen
        self._left = _BUDGET
        sense = sense_of(name)
        if chosen and sense is Sense.TECHNICAL:
            sense = Sense.PLAIN
        return self._plain(_Place(name, name, sense, (), chosen and sense is Sense.PLAIN), value)

    def _plain(self, place: _Place, value: object) -> object:
        if self._left <= 0 or len(place.within) > _MAX_NESTING:
            self.over.append(place.path)
            return _MORE
        self._left -= 8
        before = len(self.left_out)
        shown = self._tried(place, self._shown, place, value)
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
            self.over.append(place.path)
            return value[:MAX_TEXT]
        return value

    def _members(self, place: _Place, members: Iterator[tuple[object, Callable[[], object]]]) -> object:
        found: dict[str, object] = {}
        some = [(self._tried(place, _name_of, key), read) for key, read in itertools.islice(members, MAX_ITEMS + 1)]
        beside = self._senses_beside(place, [(name if isinstance(name, str) else "", read) for name, read in some])
        for number, (name, read) in enumerate(some):
            if self._left <= 0 or number == MAX_ITEMS:
                self.over.append(place.path)
                break
            if not isinstance(name, str) or any(s in name for s in self._secrets) or looks_secret(name[:MAX_TEXT]):
                self.left_out.append(f"{place.path}.{_HIDDEN}")
                continue
            sense = max(place.sense, sense_of(name), beside[number])
            if len(name) > _MAX_NAME or name in found:
                name = free_name(name[:_MAX_NAME], found)
                self.renamed.append(f"{place.path}.{name}")
            self._left -= len(name)
            inner = place._replace(path=f"{place.path}.{name}", name=name, sense=sense)
            value = self._tried(inner, read)
            if value is LEFT_OUT:
                self.left_out.append(inner.path)
                continue
            shown = self._plain(inner, value)
            if shown is not LEFT_OUT:
                found[name] = shown
        return found if found or not some else LEFT_OUT

    def _senses_beside(self, place: _Place, members: list[tuple[str, Callable[[], object]]]) -> list[Sense]:
        """What each member is, as the others say."""
        looks = [
            self._tried(place, read_scalars, read) if says_something(n, len(members)) else () for n, read in members
        ]
        return senses_beside([name for name, _ in members], [look if isinstance(look, list) else [] for look in looks])

    def _tried(self, place: _Place, look: Callable[..., object], *arguments: object) -> object:
        try:
            return look(*arguments)
        except BaseException as problem:  # it may be of any make, and exit
            # What it says can be the secret.
            logger.debug("The input %s cannot be looked at: %s", place.path, type(problem).__name__)
            return LEFT_OUT

    def _items(self, place: _Place, items: Iterator[object]) -> object:
        found: list[object] = []
        some = list(itertools.islice(items, MAX_ITEMS + 1))
        is_pair = len(some) == 2 and place.path.rpartition(".")[2].isdigit()
        for index, item in enumerate(some):
            if self._left <= 0 or index == MAX_ITEMS:
                self.over.append(place.path)
                break
            inner = place._replace(path=f"{place.path}.{index}")
            shown = self._plain(_after(some[index - 1], inner, is_pair) if index else inner, item)
            found.append(_HIDDEN if shown is LEFT_OUT else shown)
        command = [text for text in found if isinstance(text, str)]
        if any(text.startswith("-") for text in command) and KNOWN_SECRET.search(" ".join(command)):
            # In pieces: `["mysql", "-u", "root", "-phunter2"]`.
            return LEFT_OUT
        return found if not found or any(item != _HIDDEN for item in found) else LEFT_OUT

    def _data(self, path: str, said: Data) -> object:
        said = Data({key: self._without_secrets(value) for key, value in said.items()})
        self.data[free_name(path, self.data)] = said
        return said

    def _without_secrets(self, said: object) -> object:
        if isinstance(said, list):
            return [self._without_secrets(item) for item in said]
        self._left -= len(str(said))
        hidden = any(secret in str(said) for secret in self._secrets) or looks_secret(str(said))
        return _HIDDEN if hidden else said


def free_name(name: str, taken: Container[str]) -> str:
    """A name that is not taken: the name itself, or with a number behind it: `1 (2)`."""
    names = itertools.chain([name], (f"{name} ({number})" for number in itertools.count(2)))
    return next(each for each in names if each not in taken)


def _after(before: object, place: _Place, is_pair: bool) -> _Place:
    """The place of an item that comes after the name of an option or a variable: `["--password", "x"]`."""
    name = name_in(before)
    if name is None:
        return place
    sense = sense_of(name)
    if not (is_pair or name.startswith("-")):
        # It may be a list of names.
        sense = Sense.UNKNOWN if sense >= Sense.DOUBTFUL else Sense.PLAIN
    return place._replace(name=name, sense=max(place.sense, sense))


def _name_of(key: object) -> str:
    name = scalar_of(key)
    text = name if isinstance(name, str) else str(key if name is LEFT_OUT else name)
    return text.encode("utf-8", "replace").decode()
