"""Messages show what was given: short, on one line, and never an API key that stands where it does not belong."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any

import pytest
from flytekit import Secret
from flytekitplugins.comet_ml import InvalidOptionError, comet_ml_login
from flytekitplugins.comet_ml.shown import shown, without_api_keys

from tests.support.canary import CANARY
from tests.support.tracked import track

LEGAL = "0123456789abcdef" * 2


@dataclass
class Config:
    api_key: str = CANARY


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError(CANARY)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("nightly", "'nightly'"),
        (None, "None"),
        (True, "True"),
        (0.5, "0.5"),
        (10**400, f"1{'0' * 17}...{'0' * 19}"),
        (["a", {"b": 1}], "['a', {'b': 1}]"),
        ("a\x1b[31m\u202e\n", r"'a\x1b[31m\u202e\n'"),
        (b"x", "b'x'"),
        (Config(), "a Config"),
        (Unspeakable(), "a Unspeakable"),
        ([Unspeakable()], "[a Unspeakable]"),
        (CANARY, "'***'"),
        (f"https://h/{CANARY}/x", "'https://h/***/x'"),
        (CANARY.encode(), "b'***'"),
        ([CANARY], "['***']"),
        ({CANARY: (CANARY,)}, "{'***': ('***',)}"),
        (LEGAL, "'***'"),
        ("hyperparameteroptimization", "'hyperparameteroptimization'"),
        ("FlyteRecoverableException", "'FlyteRecoverableException'"),
        ("aQtRplZmNbvCxsDWerTyUiOpa", "'***'"),
    ],
)
def test_a_value_is_shown_without_what_looks_like_a_key(value: Any, text: str) -> None:
    assert shown(value) == text


def test_a_long_text_is_cut() -> None:
    assert len(shown("a b " * 10_000)) == 100
    assert CANARY[:8] not in shown("a b " * 10 + CANARY + " c d" * 100)


def test_an_experiment_key_is_shown_where_one_is_expected() -> None:
    assert shown(LEGAL, experiment_key=True) == repr(LEGAL)
    assert shown(CANARY, experiment_key=True) == "'***'"


@pytest.mark.parametrize("key", ["my-comet-ml-api-key", LEGAL, f"{CANARY}*abc="])
def test_the_key_of_the_environment_is_never_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_API_KEY", key)
    for text in (key, f"a {key} b", key.partition("*")[0]):
        assert key.partition("*")[0] not in shown(text) + shown(text, experiment_key=True) + without_api_keys(text)


# Arguments that are the key by mistake

PLACES: dict[str, Any] = {
    "project_name": CANARY,
    "workspace": CANARY,
    "experiment_key": CANARY,
    "host": f"https://{CANARY}",
    "log_inputs": [CANARY],
    "tags": [CANARY],
    "name": CANARY,
    "source": CANARY,
    "distributed_node_identifier": CANARY,
    "url_override": f"https://comet.example.com/{CANARY}",
    "experiment_config": {"name": CANARY},
    "secret": Secret(group="comet-ml", key=CANARY),
}


@pytest.mark.parametrize(("option", "value"), PLACES.items(), ids=PLACES)
def test_the_key_in_another_argument_is_refused_and_not_repeated(
    option: str, value: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("COMET_API_KEY", CANARY)
    with pytest.raises(InvalidOptionError, match="has the API key of COMET_API_KEY in it") as refused:
        track(**{option: value})
    assert option in str(refused.value)
    assert CANARY not in str(refused.value) + caplog.text


WRONG: list[dict[str, Any]] = [
    {"workspace": f"{CANARY}/digits"},
    {"workspace": [CANARY]},
    {"project_name": CANARY.encode()},
    {"experiment_key": CANARY},
    {"experiment_key": [CANARY]},
    {"experiment_key": LEGAL, "scope": CANARY},
    {"host": f"{CANARY}.example.com/x"},
    {"host": f"{CANARY}.example.com"},
    {"host": [CANARY]},
    {"secret": CANARY},
    {"secret": CANARY.encode()},
    {"secret": functools.partial(lambda key, name: key, CANARY)},
    {"start": CANARY},
    {"log_inputs": CANARY},
    {"ranks": CANARY},
    {"on_unavailable": CANARY},
    {"end_timeout": CANARY},
    {"experiment_config": CANARY},
    {"experiment_config": Config()},
    {"experiment_config": {"tags": CANARY}},
    {"experiment_config": {CANARY: 1}},
    {"tags": CANARY},
    {"mode": CANARY},
    {"log_code": CANARY},
    {"project": CANARY},
    {"api_key": [CANARY]},
    {"timeout_upload": CANARY},
    {"start_online": CANARY},
    {CANARY: 1},
]


@pytest.mark.parametrize("options", WRONG, ids=lambda given: re.sub(r" at 0x\w+", "", str(given)))
def test_no_message_repeats_what_looks_like_a_key(options: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    said = ""
    try:
        track(**options)
    except InvalidOptionError as error:
        said = f"{error!r}{error.__cause__!r}"
    assert said or caplog.text
    assert CANARY not in said + caplog.text


def test_nor_does_that_about_a_decorator_without_arguments() -> None:
    with pytest.raises(InvalidOptionError, match="was put on 'partial' without arguments") as refused:
        comet_ml_login(functools.partial(print, CANARY))  # type: ignore[arg-type, call-arg]
    assert CANARY not in str(refused.value)
