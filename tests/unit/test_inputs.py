"""Which inputs become parameters, and what they look like; which outputs are logged."""

from __future__ import annotations

import argparse
import collections
import pathlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flytekitplugins.comet_ml.inputs.arguments import named_arguments
from flytekitplugins.comet_ml.inputs.report import input_report, output_report

from tests.support.inputs import SECRETS, Config, Inner, Kernel, Split, parameters, report


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1, 1),
        (0.5, 0.5),
        (True, True),
        ("x", "x"),
        (None, None),
        (Kernel.RBF, "rbf"),
        (Kernel.CUSTOM, "CUSTOM"),
        (datetime(2026, 1, 2, tzinfo=timezone.utc), "2026-01-02T00:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(12, 30), "12:30:00"),
        (timedelta(minutes=5), "0:05:00"),
        (Decimal("0.10"), "0.10"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (pathlib.Path("data/digits"), "data/digits"),
        (pathlib.Path("/data/digits"), "/data/digits"),
        ([64, 32], "[64, 32]"),
        ([["conv", 3], ["pool", 2]], '[["conv", 3], ["pool", 2]]'),
        ((0.9, 0.999), "[0.9, 0.999]"),
        ({3, 1, 2}, "[1, 2, 3]"),
        (range(3), "[0, 1, 2]"),
        (collections.deque([1, 2]), "[1, 2]"),
        ([], "[]"),
        ({}, "{}"),
    ],
    ids=repr,
)
def test_a_scalar_and_a_list_of_scalars_is_one_parameter(value: Any, shown: Any) -> None:
    assert parameters(a=value) == {"a": shown}


def test_fields_of_dataclasses_have_dotted_names() -> None:
    assert parameters(config=Config()) == {
        "config.lr": 0.1,
        "config.inner.momentum": 0.9,
        "config.layers": "[1, 2]",
    }


@pytest.mark.parametrize(
    "value",
    [
        {"train": 0.8, "test": 0.2},
        collections.OrderedDict(train=0.8, test=0.2),
        Split(),
        argparse.Namespace(train=0.8, test=0.2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_dicts_named_tuples_and_their_like_have_dotted_names(value: Any) -> None:
    assert parameters(split=value) == {"split.train": 0.8, "split.test": 0.2}


def test_keys_of_a_dict_can_be_anything() -> None:
    assert parameters(a={1: "x", Kernel.RBF: "y", None: "z"}) == {"a.1": "x", "a.rbf": "y", "a.None": "z"}


def test_a_list_of_configs_has_indices() -> None:
    assert parameters(stages=[Inner(0.1), {"size": 3}, 7]) == {
        "stages.0.momentum": 0.1,
        "stages.1.size": 3,
        "stages.2": 7,
    }


def test_pydantic_models_have_dotted_names_and_no_secrets() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Optimizer(pydantic.BaseModel):
        lr: float = 0.1
        betas: tuple[float, float] = (0.9, 0.999)
        note: pydantic.SecretStr = pydantic.SecretStr("hunter2")

    class Model(pydantic.BaseModel):
        optimizer: Optimizer = Optimizer()
        hidden: tuple[int, ...] = (64, 32)
        later: Optimizer | None = None

    found = report(cfg=Model())
    assert found.parameters == {
        "cfg.optimizer.lr": 0.1,
        "cfg.optimizer.betas": "[0.9, 0.999]",
        "cfg.hidden": "[64, 32]",
        "cfg.later": None,
    }
    assert found.left_out == ["cfg.optimizer.note"]


def test_addresses_of_pydantic_are_texts_unless_a_password_stands_in_them() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Service(pydantic.BaseModel):
        page: pydantic.HttpUrl = pydantic.HttpUrl("https://example.com/a")
        database: pydantic.PostgresDsn = pydantic.PostgresDsn("postgresql://me:hunter2@host/db")

    found = report(service=Service())
    assert found.parameters == {"service.page": "https://example.com/a"}
    assert found.left_out == ["service.database"]


def test_attrs_classes_have_dotted_names() -> None:
    attr = pytest.importorskip("attr")
    kind = attr.make_class("Config", {"lr": attr.ib(default=0.1)})
    assert parameters(config=kind()) == {"config.lr": 0.1}


def test_protobuf_messages_have_dotted_names() -> None:
    from flyteidl.core import identifier_pb2
    from google.protobuf import json_format  # noqa: F401

    found = parameters(a=identifier_pb2.NodeExecutionIdentifier(node_id="n0"))
    assert found == {"a.node_id": "n0"}


def test_scalars_of_numpy_are_scalars() -> None:
    np = pytest.importorskip("numpy")
    values = {"a": np.float32(1.5), "b": np.int64(3), "c": np.bool_(True), "d": np.array(2.0), "e": np.str_("x")}
    assert parameters(**values) == {"a": 1.5, "b": 3, "c": True, "d": 2.0, "e": "x"}
    assert parameters(a=np.datetime64("2026-01-01", "ns")) == {"a": "2026-01-01T00:00:00.000000000"}
    assert parameters(a=np.array([64, 32]), b=np.dtype("float32")) == {"a": "[64, 32]", "b": "float32"}


def test_long_numbers_of_numpy_are_scalars() -> None:
    np = pytest.importorskip("numpy")
    values = {"a": np.longdouble(1.5), "b": np.clongdouble(1 + 2j), "c": np.array([1.5], np.longdouble)}
    assert parameters(**values) == {"a": 1.5, "b": "(1+2j)", "c": "[1.5]"}


def test_scalars_of_torch_are_scalars() -> None:
    torch = pytest.importorskip("torch")
    values = {"a": torch.tensor(0.5, requires_grad=True), "b": torch.bfloat16, "c": torch.device("cpu")}
    assert parameters(**values) == {"a": 0.5, "b": "torch.bfloat16", "c": "cpu"}
    assert parameters(a=torch.tensor([1, 2])) == {"a": "[1, 2]"}


@pytest.mark.parametrize("value", [b"x", object(), Config, len, argparse], ids=lambda value: type(value).__name__)
def test_what_has_no_plain_value_is_left_out_by_name(value: Any) -> None:
    found = report(a=value, b=1)
    assert found.parameters == {"b": 1}
    assert found.left_out == ["a"]


def test_an_iterator_is_left_to_the_body() -> None:
    items = iter([1, 2])
    assert report(items=items).left_out == ["items"]
    assert list(items) == [1, 2]


def test_ordinary_inputs_need_no_asset() -> None:
    assert report(config=Config(), hidden=[64, 32]).asset is None


def test_texts_that_are_no_utf_8_can_be_sent() -> None:
    assert parameters(a="a\ud800b") == {"a": "a?b"}


def test_only_chosen_inputs_are_logged() -> None:
    assert input_report({"a": 1, "b": 2}, ["b"], ()).parameters == {"b": 2}
    nothing = input_report({"a": object(), "b": 2}, False, ())
    assert (nothing.parameters, nothing.left_out) == ({}, [])


def test_numbers_are_metrics_and_other_scalars_are_others() -> None:
    found = output_report({"o0": 0.5, "o1": 3, "o2": True, "o3": "good", "o4": None, "o5": float("nan")}, True, ())
    assert {name: str(value) for name, value in found.metrics.items()} == {"o0": "0.5", "o1": "3", "o5": "nan"}
    assert found.others == {"o2": "True", "o3": "good"}


def test_an_output_without_a_value_is_said_to_be_left_out() -> None:
    assert output_report({"o0": None}, ["o0"], ()).left_out == ["o0"]
    assert output_report({"o0": None, "o1": 1}, True, ()).left_out == ["o0"]


def test_scalars_in_an_output_have_dotted_names_and_lists_are_no_output_to_log() -> None:
    found = output_report({"o0": {"accuracy": 0.9, "curve": [1, 2]}, "o1": Split()}, True, ())
    assert found.metrics == {"o0.accuracy": 0.9, "o1.train": 0.8, "o1.test": 0.2}
    assert found.others == {}


def test_only_chosen_outputs_are_logged_and_no_secrets() -> None:
    assert output_report({"loss": 1.0, "epochs": 2}, ["loss"], ()).metrics == {"loss": 1.0}
    found = output_report({"token": "x", "note": "thekey"}, True, SECRETS)
    assert (found.others, found.left_out) == ({}, ["token", "note"])


def test_arguments_are_bound_by_name_with_defaults() -> None:
    def train(epochs: int, lr: float = 0.1, *rest: int, **more: int) -> None: ...

    assert named_arguments(train, (3,), {"extra": 1}) == {"epochs": 3, "lr": 0.1}
    assert named_arguments(train, (), {}) == {}


def numbers() -> Iterator[int]:
    yield 1


def test_a_generator_is_left_to_the_body() -> None:
    assert report(a=numbers()).left_out == ["a"]
