"""What to log of a call's inputs and outputs: parameters, data, and what is left out."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from .data import Data
from .plain import LEFT_OUT, PlainInputs

MAX_LENGTH = 1000
"""Characters of a text that are in a parameter."""
MAX_PARAMETERS = 200
"""Parameters that one call logs."""
MAX_DEPTH = 8
"""Names in the name of a parameter: what is deeper in is JSON."""
MAX_DATA = 4000
"""Characters of what is said of data."""

Chosen = bool | Sequence[str]
"""Which inputs or outputs to log: all, none, or those with these names."""


@dataclass(frozen=True)
class InputReport:
    """What to log of a call's inputs. No known secret is in any of it.

    Attributes:
        parameters: Numbers, bools, texts and None, by name: ``config.lr``.
        data: Where files, frames and arrays come from and what they look like, as JSON; None without any.
        left_out: Names of inputs that are not logged because of their types, names or values.
        asset: All inputs as JSON, if they are too many, too deep or too long for parameters; None if they are not.
    """

    parameters: Mapping[str, object] = field(default_factory=dict)
    data: str | None = None
    left_out: Sequence[str] = ()
    asset: str | None = None


@dataclass(frozen=True)
class OutputReport:
    """What to log of what a task returned.

    Attributes:
        metrics: The numbers, by name.
        others: Bools and texts, by name.
        left_out: Names of outputs that are not logged because of their types, names or values.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    left_out: Sequence[str] = ()


def input_report(arguments: Mapping[str, object], log_inputs: Chosen, secrets: Collection[str]) -> InputReport:
    """What to log of a call's arguments.

    Args:
        arguments: By the names of the inputs.
        log_inputs: The decorator's option.
        secrets: Texts that must not be in anything.
    """
    plain, trees = _plain(arguments, log_inputs, secrets)
    flat = _Flat()
    for name, tree in trees.items():
        flat.add(name, tree)
    over = flat.over or not plain.complete
    data, all_said = _data(plain.data)
    asset = {**trees, **({} if plain.complete else {"...": "There is more, which is left out."})}
    return InputReport(
        parameters=flat.values, data=data, left_out=plain.left_out, asset=_json(asset) if over or not all_said else None
    )


def output_report(outputs: Mapping[str, object], log_outputs: Chosen, secrets: Collection[str]) -> OutputReport:
    """What to log of what a task returned.

    A number is a metric, because Comet sorts and filters by the values of metrics. An Other is a text to Comet. All
    else is an Other.

    Args:
        outputs: By the names of the outputs.
        log_outputs: The decorator's option.
        secrets: Texts that must not be in anything.
    """
    plain, trees = _plain(outputs, log_outputs, secrets)
    flat = _Flat(lists=False)
    for name, tree in trees.items():
        flat.add(name, tree)
    metrics = {name: value for name, value in flat.values.items() if _is_number(value)}
    others = {name: str(value) for name, value in flat.values.items() if name not in metrics and value is not None}
    return OutputReport(metrics, others, plain.left_out)


def _plain(
    values: Mapping[str, object], chosen: Chosen, secrets: Collection[str]
) -> tuple[PlainInputs, dict[str, object]]:
    """The chosen values as plain ones by name, and what was found out of them."""
    plain = PlainInputs(secrets, chosen if not isinstance(chosen, bool) else ())
    names = [name for name in values if chosen is True or (chosen is not False and name in chosen)]
    trees = {name: plain.plain(name, values[name]) for name in names}
    return plain, {name: tree for name, tree in trees.items() if tree is not LEFT_OUT}


class _Flat:
    """Plain values under dotted names.

    Attributes:
        values: The values by name.
        over: Whether there is more than that.
    """

    def __init__(self, *, lists: bool = True) -> None:
        self.values: dict[str, object] = {}
        self.over = False
        self._lists = lists

    def add(self, name: str, tree: object, depth: int = 1) -> None:
        """Add a value, or the values in it."""
        for inner, value in self._leaves(name, tree, depth):
            if len(self.values) >= MAX_PARAMETERS:
                self.over = True
                return
            if isinstance(value, str) and len(value) > MAX_LENGTH:
                self.over = True
                value = value[:MAX_LENGTH]
            self.values[inner] = value

    def _leaves(self, name: str, tree: object, depth: int) -> Iterator[tuple[str, object]]:
        if isinstance(tree, Data):
            return
        if not isinstance(tree, (dict, list)):
            yield name, tree
        elif isinstance(tree, list) and (not self._lists or _is_of_scalars(tree)):
            if self._lists:
                yield name, _json(tree)
        elif not tree or depth >= MAX_DEPTH:
            self.over = self.over or bool(tree)
            yield name, _json(tree)
        else:
            for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
                yield from self._leaves(f"{name}.{key}", value, depth + 1)


def _is_of_scalars(items: list[object]) -> bool:
    return all(_is_of_scalars(item) if isinstance(item, list) else not isinstance(item, dict) for item in items)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _data(data: Mapping[str, Data]) -> tuple[str | None, bool]:
    """What is said of data in one text, and whether that is all of it."""
    if not data:
        return None, True
    text = _json(data)
    if len(text) <= MAX_DATA:
        return text, True
    short: dict[str, object] = {}
    for name, said in data.items():
        short[name] = {key: value for key, value in said.items() if key != "columns"}
        if len(_json(short)) > MAX_DATA:
            del short[name]
            break
    return _json(short), False


def _json(tree: object) -> str:
    return json.dumps(tree, ensure_ascii=False)
