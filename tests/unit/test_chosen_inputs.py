"""Inputs that people name: logged, or refused when the task is decorated, by the rule that decides without a name."""

from __future__ import annotations

import argparse
import collections.abc
import dataclasses
import enum
import numbers
import pathlib
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from flytekit import StructuredDataset
from flytekit.types.file import FlyteFile
from flytekitplugins.comet_ml import InvalidOptionError
from flytekitplugins.comet_ml.inputs.report import input_report

from tests.support.inputs import Config, Kernel, Split
from tests.support.tracked import track


class Plain:
    """A class with nothing to log."""


class Base:
    """A class of which one kind has something to log."""


@dataclasses.dataclass
class Sub(Base):
    lr: float = 0.1


class Shaped(typing.Protocol):
    size: int


def function_of(name: str, annotation: Any) -> Callable[..., None]:
    namespace: dict[str, Any] = {}
    exec(f"def train({name}): ...", namespace)
    function: Callable[..., None] = namespace["train"]
    if annotation is not None:
        function.__annotations__ = {name: annotation}
    return function


def choose(name: str, annotation: Any = None) -> None:
    track(log_inputs=[name])(function_of(name, annotation))


NEVER = [
    bytes,
    bytearray,
    object,
    Plain,
    type[int],
    Iterator[int],
    collections.abc.Generator,
    Callable[[int], int],
    typing.Callable,
    bytes | None,
    list[bytes],
    dict[str, Plain],
    bytes | Iterator[int],
    Annotated[bytes, "compressed"],
    "bytes",
]


@pytest.mark.parametrize("annotation", NEVER, ids=str)
def test_an_input_of_a_type_that_is_never_logged_is_refused_with_its_type(annotation: Any) -> None:
    with pytest.raises(
        InvalidOptionError, match=r"`log_inputs` names 'b', but of inputs of the type .* nothing is logged"
    ):
        choose("b", annotation)


def test_a_model_of_torch_and_a_secret_of_pydantic_are_refused() -> None:
    torch, pydantic = pytest.importorskip("torch"), pytest.importorskip("pydantic")
    for annotation in (torch.nn.Module, torch.nn.Linear, pydantic.SecretStr):
        with pytest.raises(InvalidOptionError, match="nothing is logged"):
            choose("b", annotation)


SOMETIMES = [
    None,
    Any,
    int,
    bool,
    str,
    bytes | int | None,
    list[int],
    list,
    tuple[int, ...],
    dict[str, float],
    Mapping[str, Any],
    Sequence[str],
    Iterable[int],
    set[str],
    Config,
    Split,
    Kernel,
    argparse.Namespace,
    enum.Enum,
    date,
    pathlib.Path,
    numbers.Number,
    Literal["a", "b"],
    FlyteFile,
    FlyteFile["csv"],
    StructuredDataset,
    Base,
    Shaped,
    "NoSuchName",
    typing.NewType("Rate", float),
    typing.TypeVar("T"),
]


@pytest.mark.parametrize("annotation", SOMETIMES, ids=str)
def test_an_input_that_may_be_logged_can_be_named(annotation: Any) -> None:
    choose("b", annotation)


def test_frames_arrays_and_models_can_be_named() -> None:
    pandas, torch, pydantic = (pytest.importorskip(name) for name in ("pandas", "torch", "pydantic"))
    for annotation in (pandas.DataFrame, torch.Tensor, torch.dtype, pydantic.BaseModel, pydantic.HttpUrl):
        choose("b", annotation)


@pytest.mark.parametrize("name", ["api_key", "hub_token", "password", "pin"])
@pytest.mark.parametrize("annotation", [None, str, int, str | None], ids=str)
def test_a_secret_that_is_named_is_refused_with_the_reason(name: str, annotation: Any) -> None:
    with pytest.raises(InvalidOptionError, match=f"`log_inputs` names '{name}', which speaks of a secret"):
        choose(name, annotation)


@pytest.mark.parametrize(
    ("name", "annotation", "value"),
    [
        ("max_api_keys", int, 3),
        ("max_api_keys", int | None, 3),
        ("max_api_keys", None, 3),
        ("has_password", bool, True),
        ("has_password", None, True),
        ("oauth", bool, True),
        ("password_length", float, 1.5),
        ("tokens", int, 3),
        ("tokens", list[str], ["cat", "dog"]),
        ("key", str, "label"),
        ("salt", int, 3),
        ("eos_token", str, "</s>"),
    ],
)
def test_what_is_logged_without_a_name_can_be_named(name: str, annotation: Any, value: Any) -> None:
    choose(name, annotation)
    by_default, named = (input_report({name: value}, chosen, ()).parameters for chosen in (True, [name]))
    assert named == by_default != {}


def test_a_number_of_secrets_is_refused_as_a_text() -> None:
    with pytest.raises(InvalidOptionError, match="'max_api_keys', which speaks of a secret"):
        choose("max_api_keys", str)


def test_a_key_of_unknown_kind_that_looks_like_one_is_not_logged_although_it_is_named() -> None:
    assert input_report({"acme_key": "hunter2Zx9"}, ["acme_key"], ()).left_out == ["acme_key"]
