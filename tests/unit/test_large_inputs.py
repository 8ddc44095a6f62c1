"""Inputs that are large, deep or endless, or that raise: what is cut is whole in the asset, and nothing hangs."""

from __future__ import annotations

import collections
import dataclasses
import json
import signal
import sys
import time
from typing import Any

import pytest
from flytekit.types.file import FlyteFile
from flytekitplugins.comet_ml.inputs.look import looked_at
from flytekitplugins.comet_ml.inputs.report import input_report, output_report

from tests.support.inputs import Text, data, parameters, report
from tests.support.signalled import interruptible


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


class Exits:
    """Leaves, or interrupts, when it is looked at."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise self.kind


class ExitsWhenRead(dict[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise SystemExit(3)


class ExitsAsKey:
    def __str__(self) -> str:
        raise KeyboardInterrupt


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, BaseException])
def test_what_exits_or_interrupts_costs_only_itself(kind: type[BaseException]) -> None:
    found = report(a=Exits(kind), b=[Exits(kind), 1], c=ExitsWhenRead(x=1), d={ExitsAsKey(): 1, "x": 2}, e=1)
    assert found.parameters == {"b": '["***", 1]', "d.x": 2, "e": 1}
    assert found.left_out == ["a", "b.0", "c.x", "d.***"]


def test_a_look_that_exits_is_an_ordinary_error() -> None:
    def look() -> None:
        sys.exit()

    with pytest.raises(RuntimeError, match="a value raised SystemExit when it was looked at"):
        looked_at(look)


def interrupted() -> None:
    looked_at(lambda: signal.raise_signal(signal.SIGINT))
    # It is handled when this thread comes to itself.
    time.sleep(60)


def test_an_interrupt_from_outside_goes_on_its_way() -> None:
    with interruptible(), pytest.raises(KeyboardInterrupt):
        interrupted()


def inputs_of(asset: str | None) -> Any:
    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    return json.loads(asset or "", parse_constant=refuse)


def test_numbers_that_json_does_not_have_are_texts_in_it() -> None:
    nan, infinite = float("nan"), float("inf")
    assert parameters(a=[nan, -infinite, 1.0]) == {"a": '["NaN", "-Infinity", 1.0]'}
    found = report(a=nan, b={"c": [infinite]}, text="x" * 1001)
    assert inputs_of(found.asset) == {"a": "NaN", "b": {"c": ["Infinity"]}, "text": "x" * 1001}
    assert str(found.parameters["a"]) == "nan"


def test_keys_that_become_one_name_are_all_there() -> None:
    found = report(d={1: "number", "1": "text", None: "nothing", "None": "word"})
    assert found.parameters == {"d.1": "number", "d.1 (2)": "text", "d.None": "nothing", "d.None (2)": "word"}
    assert inputs_of(found.asset) == {"d": {"1": "number", "1 (2)": "text", "None": "nothing", "None (2)": "word"}}


def test_a_value_whose_dotted_name_is_taken_is_in_the_asset() -> None:
    values = {"a.b": 1, "a": {"b": 2}}
    found = report(d=values)
    assert found.parameters == {"d.a.b": 1}
    assert inputs_of(found.asset) == {"d": values}


def test_data_whose_dotted_name_is_taken_is_all_there() -> None:
    files = {"a.b": FlyteFile("s3://b/1"), "a": {"b": FlyteFile("s3://b/2")}}
    assert [said["address"] for said in data(d=files).values()] == ["s3://b/1", "s3://b/2"]


@pytest.mark.parametrize("length", [98, 99, 250, 1500])
def test_names_longer_than_comet_keeps_are_in_the_asset(length: int) -> None:
    values = {"k" * length + end: number for number, end in enumerate("ab")}
    found = report(d=values, epochs=3)
    assert found.parameters == {"epochs": 3, **({f"d.{name}": n for name, n in values.items()} if length < 98 else {})}
    assert sorted(inputs_of(found.asset)["d"].values()) == [0, 1]


def test_a_name_of_one_hundred_characters_is_a_parameter_unless_a_mark_is_before_it() -> None:
    values = {"d": {"k" * 98: 1}}
    assert input_report(values, True, ()).asset is None
    found = input_report(values, True, (), mark="n0")
    assert (found.parameters, inputs_of(found.asset)) == ({}, values)


def test_a_large_input_takes_the_place_of_no_smaller_one() -> None:
    large = {f"v{n}": n for n in range(300)}
    found = report(large=large, more=large, config={"table": large, "lr": 0.1}, epochs=3, hidden=[1, 2]).parameters
    assert len(found) == 200
    assert {"epochs", "hidden", "config.lr"} < found.keys()


def test_outputs_over_the_bounds_are_named() -> None:
    long, deep = "k" * 120, {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}
    outputs = {"o0": {f"v{n}": n for n in range(300)}, "o1": {long: 1, "a.b": 1, "a": {"b": 2}}, "o2": "x" * 1001}
    found = output_report({**outputs, "o3": deep, "o4": [1, 2], "o5": FlyteFile("s3://b/a")}, True, ())
    assert len(found.metrics) + len(found.others) == 200
    assert {"o0.v299", f"o1.{long}"[:100], "o1.a.b", "o2", "o3.a.b.c.d.e.f.g", "o4", "o5"} < set(found.left_out)
    assert "o0.v0" not in found.left_out


def test_outputs_within_the_bounds_are_not_named() -> None:
    assert output_report({"o0": 0.5, "o1": {"a": "x", "b": None}}, True, ()).left_out == []
