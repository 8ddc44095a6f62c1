"""Which inputs become parameters, and what they look like."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import Any

import pytest
from flytekitplugins.comet_ml.inputs import named_arguments, parameters, speaks_of_a_secret


class Kernel(Enum):
    RBF = "rbf"
    CUSTOM = ("a", "b")


@dataclass
class Inner:
    momentum: float = 0.9
    api_key: str = "hidden"


@dataclass
class Config:
    lr: float = 0.1
    inner: Inner = field(default_factory=Inner)
    layers: list[int] = field(default_factory=lambda: [1, 2])


def test_plain_inputs_are_logged_under_their_names() -> None:
    moment = datetime(2026, 1, 2, tzinfo=timezone.utc)
    arguments = {"a": 1, "b": 0.5, "c": True, "d": "x", "e": None, "f": Kernel.RBF, "g": moment, "h": Kernel.CUSTOM}
    assert parameters(arguments, True, ()) == {
        "a": 1,
        "b": 0.5,
        "c": True,
        "d": "x",
        "e": None,
        "f": "rbf",
        "g": "2026-01-02T00:00:00+00:00",
        "h": "CUSTOM",
    }


def test_fields_of_dataclasses_are_logged_under_dotted_names() -> None:
    assert parameters({"config": Config()}, True, ()) == {"config.lr": 0.1, "config.inner.momentum": 0.9}


@pytest.mark.parametrize("value", [[1], {"a": 1}, b"x", object(), Config])
def test_other_types_are_left_out(value: Any) -> None:
    assert parameters({"a": value}, True, ()) == {}


def test_strings_are_cut_at_a_thousand_characters() -> None:
    assert parameters({"text": "x" * 1001}, True, ()) == {"text": "x" * 1000}


def test_only_named_inputs_are_logged() -> None:
    assert parameters({"a": 1, "b": 2}, ["b"], ()) == {"b": 2}
    assert parameters({"a": 1, "b": 2}, False, ()) == {}


def test_a_named_input_that_speaks_of_a_secret_is_not_logged_either() -> None:
    assert parameters({"api_key": "x"}, ["api_key"], ()) == {}


def test_no_value_with_the_api_key_in_it_is_logged() -> None:
    assert parameters({"a": "thekey", "b": "Bearer thekey", "c": "other"}, True, {"thekey"}) == {"c": "other"}


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "apiKey",
        "APIKEY",
        "hf_token",
        "accessToken",
        "db_password",
        "dbpassword",
        "passwd",
        "pwd",
        "client_secret",
        "secrets",
        "tokens",
        "key",
        "private_keys",
        "passphrase",
        "credentials",
        "token1",
        "SECRET_NAME",
        "keyfile",
        "key_path",
        "secretvalue",
        "apikeyvalue",
        "passwordhash",
        "apitokenv2",
        "auth",
    ],
)
def test_names_that_speak_of_secrets(name: str) -> None:
    assert speaks_of_a_secret(name)
    assert parameters({name: "x"}, True, ()) == {}


@pytest.mark.parametrize(
    "name", ["lr", "tokenizer", "keyboard", "keypoints", "monkey", "turkeys", "secretary", "epochs", "hockey_team"]
)
def test_names_that_only_sound_like_it(name: str) -> None:
    assert parameters({name: "x"}, True, ()) == {name: "x"}


def test_a_number_of_things_is_a_count() -> None:
    counts = {"max_tokens": 512, "n_keys": 3, "tokens_per_batch": 9}
    assert parameters({**counts, "token": 512, "tokens": 5, "api_keys": 3, "max_tokens_text": "x"}, True, ()) == counts


def test_a_dataclass_that_refers_to_itself_does_not_keep_the_others_out() -> None:
    @dataclass
    class Node:
        value: int
        next: Any = None

    node = Node(1)
    node.next = node
    assert parameters({"node": node, "epochs": 3}, True, ()) == {"node.value": 1, "epochs": 3}


def test_arguments_are_bound_by_name_with_defaults() -> None:
    def train(epochs: int, lr: float = 0.1, *rest: int, **more: int) -> None: ...

    assert named_arguments(train, (3,), {"extra": 1}) == {"epochs": 3, "lr": 0.1}
    assert named_arguments(train, (), {}) == {}
