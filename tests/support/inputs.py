"""Inputs of tasks, and what is reported of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from flytekitplugins.comet_ml.inputs.report import InputReport, input_report


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


class Text(str):
    def __str__(self) -> str:
        raise RuntimeError


SECRETS = frozenset({"thekey"})
