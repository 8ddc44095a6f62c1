"""A secret that takes the API key into a pickle is warned of; one that finds it where it runs is not."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.comet_ml.pickled_secret import holds_a_key

from tests.support.canary import CANARY


def from_environment() -> str:
    return os.environ["COMET_API_KEY"]


def by_name() -> str:
    return "ABCDEFGHIJ0123456789KLMNO"


class Vault:
    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self) -> str:
        return self.key

    def read(self) -> str:
        return self.key


def closing_over(key: str) -> Callable[[], str]:
    return lambda: key


def nested() -> Callable[[], str]:
    inner = closing_over(CANARY)
    return lambda: inner()


@pytest.mark.parametrize(
    "secret",
    [
        lambda: "ABCDEFGHIJ0123456789KLMNO",
        lambda key=CANARY: key,
        lambda: CANARY,
        closing_over(CANARY),
        closing_over(f"{CANARY}*eyJiYXNlVXJsIjoiaHR0cHM6Ly94In0="),
        nested(),
        functools.partial(str, CANARY),
        Vault(CANARY),
        Vault(CANARY).read,
    ],
)
def test_a_secret_with_a_key_in_it_is_warned_of_when_it_is_pickled(
    secret: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    function = tracked(secret)
    assert caplog.messages == []
    cloudpickle.dumps(function)
    (message,) = caplog.messages
    assert "is pickled with its `secret`" in message
    assert CANARY not in message


@pytest.mark.parametrize(
    "secret",
    [
        from_environment,
        by_name,
        lambda: from_environment(),
        lambda: Path("/etc/comet/key").read_text(),
        functools.partial(os.environ.get, "COMET_API_KEY"),
    ],
)
def test_a_secret_that_reads_the_key_where_it_runs_is_not(
    secret: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    assert not holds_a_key(secret)
    cloudpickle.dumps(tracked(secret))
    assert caplog.messages == []


def tracked(secret: Callable[[], str]) -> Any:
    @comet_ml_login(project_name="digits", workspace="my-team", secret=secret)
    def train() -> None:
        """Nothing."""

    return train
