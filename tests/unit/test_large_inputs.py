"""Inputs that are large, deep or endless, or that raise: what is cut is whole in the asset, and nothing hangs."""

from __future__ import annotations

import collections
import dataclasses
import json
from typing import Any

import pytest

from tests.support.inputs import Text, parameters, report


class Raises:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError


class RaisesWhenRead(dict[str, Any]):
    def __getitem__(self, key: str) -> Any:
        if key == "missing":
            raise KeyError(key)
        return super().__getitem__(key)


class Endless(collections.abc.Sequence[int]):
    def __len__(self) -> int:
        raise RuntimeError

    def __getitem__(self, index: Any) -> Any:
        return index


@dataclasses.dataclass
class Unset:
    value: int = dataclasses.field(init=False)
    other: int = 1


def test_what_raises_costs_only_itself() -> None:
    found = report(a=Raises(), b=RaisesWhenRead(missing=1, there=2), c=Text("x"), d=Unset(), e=[Raises(), 1], f=1)
    assert found.parameters == {"b.there": 2, "c": "x", "d.other": 1, "e": '["***", 1]', "f": 1}
    assert found.left_out == ["a", "b.missing", "d.value", "e.0"]


def test_circles_do_not_hang() -> None:
    around: dict[str, Any] = {"a": 1}
    around["around"] = around
    items: list[Any] = [1]
    items.append(items)
    assert parameters(around=around, items=items, epochs=3) == {"around.a": 1, "items": '[1, "***"]', "epochs": 3}


def test_a_list_of_the_same_lists_over_and_over_does_not_hang() -> None:
    items: Any = [1]
    for _ in range(60):
        items = [items, items]
    found = report(items=items, epochs=3)
    assert found.parameters["epochs"] == 3
    assert len(found.asset or "") < 100_000


@pytest.mark.parametrize("value", [Endless(), range(10**12), list(range(10**5)), {n: n for n in range(10**4)}])
def test_one_large_input_does_not_keep_the_others_out(value: Any) -> None:
    found = report(a=value, b=1)
    assert found.asset is not None
    assert len(found.asset) < 100_000
    assert "There is more" in found.asset
    assert len(found.parameters) <= 200


def test_a_small_input_is_a_parameter_beside_a_large_one() -> None:
    assert report(a=list(range(10**5)), b={"c": 1}).parameters["b.c"] == 1


def test_a_long_text_is_cut_and_whole_in_the_asset() -> None:
    found = report(text="x" * 1001)
    assert found.parameters == {"text": "x" * 1000}
    assert json.loads(found.asset or "") == {"text": "x" * 1001}


def test_two_hundred_values_are_parameters_and_the_others_are_in_the_asset() -> None:
    values = {f"v{n}": n for n in range(201)}
    found = report(config=values)
    assert len(found.parameters) == 200
    assert json.loads(found.asset or "") == {"config": values}


def test_what_is_too_deep_is_json_in_a_parameter_and_in_the_asset() -> None:
    deep: Any = {"end": 1}
    for _ in range(10):
        deep = {"in": deep}
    found = report(deep=deep)
    [(name, value)] = found.parameters.items()
    assert name == "deep" + ".in" * 7
    assert json.loads(value) == {"in": {"in": {"in": {"end": 1}}}}
    assert json.loads(found.asset or "") == {"deep": deep}


def test_what_is_endlessly_deep_does_not_hang() -> None:
    deep: Any = {"end": 1}
    for _ in range(5000):
        deep = {"in": deep}
    assert report(deep=deep, epochs=3).parameters["epochs"] == 3
