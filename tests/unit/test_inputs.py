"""Which inputs become parameters, which are data, and what they look like."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import json
import pathlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from flytekit import StructuredDataset
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile
from flytekitplugins.comet_ml.inputs.arguments import named_arguments
from flytekitplugins.comet_ml.inputs.report import InputReport, input_report, output_report


class Kernel(Enum):
    RBF = "rbf"
    CUSTOM = ("a", "b")


@dataclasses.dataclass
class Inner:
    momentum: float = 0.9
    api_key: str = "hidden"


@dataclasses.dataclass
class Config:
    lr: float = 0.1
    inner: Inner = dataclasses.field(default_factory=Inner)
    layers: list[int] = dataclasses.field(default_factory=lambda: [1, 2])


class Split(NamedTuple):
    train: float = 0.8
    test: float = 0.2


def report(secrets: frozenset[str] = frozenset(), **arguments: Any) -> InputReport:
    return input_report(arguments, True, secrets)


def parameters(**arguments: Any) -> Mapping[str, Any]:
    return report(**arguments).parameters


def data(**arguments: Any) -> Any:
    said = report(**arguments).data
    return json.loads(said) if said is not None else {}


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


class Text(str):
    def __str__(self) -> str:
        raise RuntimeError


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


def test_ordinary_inputs_need_no_asset() -> None:
    assert report(config=Config(), hidden=[64, 32]).asset is None


def test_texts_that_are_no_utf_8_can_be_sent() -> None:
    assert parameters(a="a\ud800b") == {"a": "a?b"}


def test_only_chosen_inputs_are_logged() -> None:
    assert input_report({"a": 1, "b": 2}, ["b"], ()).parameters == {"b": 2}
    nothing = input_report({"a": object(), "b": 2}, False, ())
    assert (nothing.parameters, nothing.left_out) == ({}, [])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (FlyteFile("s3://bucket/a.csv"), {"address": "s3://bucket/a.csv", "type": "FlyteFile"}),
        (FlyteFile["csv"]("s3://bucket/a.csv"), {"address": "s3://bucket/a.csv", "type": "FlyteFile"}),
        (FlyteFile("/data/a.csv"), {"address": "/data/a.csv", "type": "FlyteFile"}),
        (FlyteFile("/tmp/flyte-xyz/raw/a.csv"), {"type": "FlyteFile"}),
        (FlyteDirectory("gs://bucket/a"), {"address": "gs://bucket/a", "type": "FlyteDirectory"}),
        (StructuredDataset(uri="s3://bucket/a"), {"address": "s3://bucket/a", "type": "StructuredDataset"}),
        (
            FlyteFile("https://me:pass@host/a.csv?X-Amz-Signature=abc#x"),
            {"address": "https://host/a.csv", "type": "FlyteFile"},
        ),
    ],
    ids=str,
)
def test_of_files_and_data_sets_the_address_is_logged(value: Any, shown: Any) -> None:
    found = report(a=value)
    assert json.loads(found.data or "") == {"a": shown}
    assert (found.parameters, found.left_out) == ({}, [])


def test_no_address_is_a_temporary_path(tmp_path: pathlib.Path) -> None:
    files = [FlyteFile(str(tmp_path / "a.csv")), StructuredDataset(uri=f"file://{tmp_path}/a")]
    assert str(tmp_path) not in str(report(a=files, b=tmp_path / "c"))


def test_files_in_lists_and_configs_are_data_under_their_names() -> None:
    @dataclasses.dataclass
    class Sources:
        train: FlyteFile
        fraction: float = 0.5

    found = report(sources=Sources(FlyteFile("s3://b/a")), more=[FlyteFile("s3://b/c")])
    assert found.parameters == {"sources.fraction": 0.5}
    assert {name: said["address"] for name, said in json.loads(found.data or "").items()} == {
        "sources.train": "s3://b/a",
        "more.0": "s3://b/c",
    }


def test_nothing_is_downloaded_for_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("downloaded")

    file = FlyteFile("s3://bucket/a.csv")
    monkeypatch.setattr(file, "_downloader", refuse)
    assert data(a=file)["a"]["address"] == "s3://bucket/a.csv"


def test_a_frame_of_pandas_is_data_with_shape_and_columns() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1, 2], "column_names": [3, 4]})
    assert data(a=frame) == {"a": {"type": "DataFrame", "shape": [2, 2], "columns": ["x", "column_names"]}}
    assert data(a=StructuredDataset(dataframe=frame))["a"]["shape"] == [2, 2]
    assert data(a=frame["x"])["a"]["shape"] == [2]
    wide = pandas.DataFrame([range(300)])
    assert data(a=wide)["a"]["columns"][-2:] == ["49", "..."]


def test_a_frame_of_polars_or_arrow_is_data_with_shape_and_columns() -> None:
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    assert data(a=polars.DataFrame({"x": [1]})) == {"a": {"type": "DataFrame", "shape": [1, 1], "columns": ["x"]}}
    assert data(a=arrow.table({"x": [1]})) == {"a": {"type": "Table", "shape": [1, 1], "columns": ["x"]}}


def test_an_array_is_data_with_shape_and_type() -> None:
    np = pytest.importorskip("numpy")
    assert data(a=np.zeros((8, 8))) == {"a": {"type": "ndarray", "shape": [8, 8], "dtype": "float64"}}


def test_much_data_is_short_and_whole_in_the_asset() -> None:
    np = pytest.importorskip("numpy")
    found = report(arrays=[np.zeros((8, 8)) for _ in range(200)])
    assert len(found.data or "") <= 4000
    assert len(json.loads(found.asset or "")["arrays"]) == 200


SECRETS = frozenset({"thekey"})


@pytest.mark.parametrize(
    "value",
    [
        "thekey",
        "Bearer thekey",
        "x" * 997 + "thekey",
        "x" * 20_000 + "thekey",
        {"a": "thekey"},
        {"thekey": 1},
        ["thekey"],
        {"thekey"},
        Inner(momentum="thekey"),  # type: ignore[arg-type]
        pathlib.Path("/data/thekey"),
        FlyteFile("s3://bucket/thekey"),
        Text("thekey"),
    ],
    ids=lambda value: repr(value)[:30] if not isinstance(value, Text) else "Text",
)
def test_no_known_secret_passes(value: Any) -> None:
    found = report(SECRETS, a=value, b="other")
    assert "thekey" not in str(found)
    assert found.parameters["b"] == "other"


def test_no_known_secret_passes_in_an_input_that_was_named() -> None:
    assert input_report({"a": "thekey"}, ["a"], SECRETS).left_out == ["a"]


def test_no_known_secret_passes_in_columns() -> None:
    pandas = pytest.importorskip("pandas")
    assert "thekey" not in str(report(SECRETS, a=pandas.DataFrame({"thekey": [1]})))


def test_a_text_that_looks_secret_is_logged_if_its_input_was_named() -> None:
    address = "postgresql://me:pass@host/db"
    assert input_report({"a": address}, ["a"], ()).parameters == {"a": address}
    assert input_report({"a": address}, True, ()).left_out == ["a"]


def test_numbers_are_metrics_and_other_scalars_are_others() -> None:
    found = output_report({"o0": 0.5, "o1": 3, "o2": True, "o3": "good", "o4": None, "o5": float("nan")}, True, ())
    assert {name: str(value) for name, value in found.metrics.items()} == {"o0": "0.5", "o1": "3", "o5": "nan"}
    assert found.others == {"o2": "True", "o3": "good"}


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
