"""What to log of a call's inputs and outputs: parameters, data, and what is left out."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from ..names import marked
from .data import Data
from .parts import LEFT_OUT
from .plain import PlainInputs

MAX_LENGTH = 1000
"""Characters of a text that are in a parameter."""
MAX_NAME = 100
"""Characters of the name of a parameter, a metric or an Other: the SDK cuts what is longer."""
MAX_PARAMETERS = 200
"""Parameters that one call logs."""
MAX_DEPTH = 8
"""Names in the name of a parameter: what is deeper in is JSON."""
MAX_DATA = 1000
"""Characters of what is said of data: the SDK cuts an Other that is longer, which is no JSON then."""

Chosen = bool | Sequence[str]
"""Which inputs or outputs to log: all, none, or those with these names."""


@dataclass(frozen=True)
class InputReport:
    """What to log of a call's inputs. No known secret is in any of it.

    Attributes:
        parameters: Numbers, bools, texts and None, by name: ``config.lr``.
        data: Where files, frames and arrays come from and what they look like, as JSON; None without any.
        left_out: Names of inputs that are not logged because of their types, names or values.
        asset: All inputs as JSON, if they do not all fit into parameters by number, depth, length or name; None if they
            do.
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
        left_out: Names of outputs that are not logged because of their types, names or values (None, for one), or not
            in full.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    left_out: Sequence[str] = ()


def input_report(
    arguments: Mapping[str, object], log_inputs: Chosen, secrets: Collection[str], mark: str | None = None
) -> InputReport:
    """What to log of a call's arguments.

    Args:
        arguments: By the names of the inputs.
        log_inputs: The decorator's option.
        secrets: Texts that must not be in anything.
        mark: What will be before the names, in an experiment that several nodes share.
    """
    plain, trees = _plain(arguments, log_inputs, secrets)
    flat = _Flat(trees, mark)
    data, all_said = _data(plain.data)
    asset = {**trees, **({"...": "There is more, which is left out."} if plain.over else {})}
    is_whole = all_said and not (plain.over or plain.renamed or flat.over)
    left_out = [name[:MAX_NAME] for name in plain.left_out]
    return InputReport(parameters=flat.values, data=data, left_out=left_out, asset=None if is_whole else _json(asset))


def output_report(
    outputs: Mapping[str, object], log_outputs: Chosen, secrets: Collection[str], mark: str | None = None
) -> OutputReport:
    """What to log of what a task returned.

    A number is a metric, because Comet sorts and filters by the values of metrics. An Other is a text to Comet. All
    else is an Other.

    Args:
        outputs: By the names of the outputs.
        log_outputs: The decorator's option.
        secrets: Texts that must not be in anything.
        mark: What will be before the names, in an experiment that several nodes share.
    """
    plain, trees = _plain(outputs, log_outputs, secrets)
    flat = _Flat(trees, mark, lists=False)
    metrics = {name: value for name, value in flat.values.items() if _is_number(value)}
    others = {name: str(value) for name, value in flat.values.items() if name not in metrics and value is not None}
    empty = [name for name, tree in trees.items() if tree is None]
    missing = dict.fromkeys([*plain.left_out, *plain.over, *plain.data, *flat.over, *empty])
    return OutputReport(metrics, others, [name[:MAX_NAME] for name in missing])


def _plain(
    values: Mapping[str, object], chosen: Chosen, secrets: Collection[str]
) -> tuple[PlainInputs, dict[str, object]]:
    """The chosen values as plain ones by name, and what was found out of them."""
    plain = PlainInputs(secrets, chosen if not isinstance(chosen, bool) else ())
    names = [name for name in values if chosen is True or (chosen is not False and name in chosen)]
    trees = {name: plain.plain(name, values[name]) for name in names}
    return plain, {name: tree for name, tree in trees.items() if tree is not LEFT_OUT}


class _Flat:
    """Plain values under dotted names, those of small containers first: a large one takes nobody's place.

    Args:
        trees: The values by name.
        mark: What will be before the names.
        lists: Whether lists are among them.

    Attributes:
        values: The values by dotted name.
        over: Names of what is not among them, or not in full.
    """

    def __init__(self, trees: Mapping[str, object], mark: str | None, *, lists: bool = True) -> None:
        self.values: dict[str, object] = {}
        self.over: list[str] = []
        self._lists = lists
        longest = MAX_NAME - len(marked(mark, ""))
        leaves = [leaf for name, tree in trees.items() for leaf in self._leaves(name, tree)]
        for _, name, value in sorted(leaves, key=operator.itemgetter(0)):
            if name in self.values or len(name) > longest or len(self.values) >= MAX_PARAMETERS:
                self.over.append(name)
            elif isinstance(value, str) and len(value) > MAX_LENGTH:
                self.over.append(name)
                self.values[name] = value[:MAX_LENGTH]
            else:
                self.values[name] = value

    def _leaves(self, name: str, tree: object, depth: int = 1, crowd: int = 1) -> Iterator[tuple[int, str, object]]:
        """The values in a tree, each with how many there may be beside it, and its name."""
        if isinstance(tree, Data):
            return
        if isinstance(tree, list) and not self._lists:
            self.over.append(name)
        elif not isinstance(tree, (dict, list)):
            yield crowd, name, tree
        elif not tree or depth >= MAX_DEPTH or _is_of_scalars(tree):
            if not _is_of_scalars(tree):
                self.over.append(name)
            yield crowd, name, _json(tree)
        else:
            for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
                yield from self._leaves(f"{name}.{key}", value, depth + 1, crowd * len(tree))


def _is_of_scalars(tree: object) -> bool:
    """Whether a value is a scalar, or lists of them; nothing else is one short text."""
    return all(map(_is_of_scalars, tree)) if isinstance(tree, list) else not isinstance(tree, dict) or not tree


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
    left = MAX_DATA
    for name, said in data.items():
        part = {name: {key: value for key, value in said.items() if key != "columns"}}
        if len(_json(part)) <= left:
            left -= len(_json(part))
            short |= part
    return _json(short), False


def _json(tree: object) -> str:
    return json.dumps(_with_valid_numbers(tree), ensure_ascii=False, allow_nan=False)


def _with_valid_numbers(tree: object) -> object:
    """Texts in the place of numbers that JSON does not have: "NaN", "Infinity"."""
    if isinstance(tree, dict):
        return {name: _with_valid_numbers(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_with_valid_numbers(item) for item in tree]
    return json.dumps(tree) if isinstance(tree, float) and not math.isfinite(tree) else tree
