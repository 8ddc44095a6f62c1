"""The arguments of a user's own command: parameters, but for those that are or have a secret."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from flytekitplugins.comet_ml.testing import Comet
from flytekitplugins.comet_ml.testing.fixture import comet_in_memory

from tests.support.tracked import track

SECRET = "Tr0ub4dorAnd3Horses"


@pytest.fixture
def comet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Comet]:
    """What the plugin's fixture does, with arguments as parameters."""
    with comet_in_memory(monkeypatch.setenv, monkeypatch.delenv, tmp_path / "comet") as comet:
        os.environ["COMET_AUTO_LOG_CLI_ARGUMENTS"] = "1"
        yield comet


def parameters(comet: Comet, monkeypatch: pytest.MonkeyPatch, *arguments: str, program: str = "train.py") -> object:
    """The parameters of a task in a command."""
    monkeypatch.setattr(sys, "argv", [program, *arguments])

    @track()
    def body() -> None:
        pass

    body()
    return comet.experiments[-1].parameters


def test_arguments_are_parameters(comet: Comet, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--lr", "0.1", "--name=small", "--fast", "--url", "https://example.com/data?part=3", "--max-tokens=5"]
    assert parameters(comet, monkeypatch, *arguments) == {
        "lr": 0.1,
        "name": "small",
        "fast": True,
        "url": True,
        "https://example.com/data?part": 3,
        "max-tokens": 5,
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["--api-key", SECRET],
        [f"--api-key={SECRET}"],
        # The SDK takes these for a parameter that has the secret for its name.
        ["--api-key", base64.b64encode(SECRET.encode()).decode() + "="],
        ["--db", f"postgresql://u:{SECRET}@host/db?sslmode=require"],
        ["--db", f"postgresql://u:{SECRET}@host/db"],
        [f"--db=mysql+pymysql://u:{SECRET}@host"],
        ["--db", f"Server=db;User=me;Password={SECRET};Encrypt=yes"],
        [f"--db=Server=db;Pwd={SECRET}"],
        ["--header", f"Authorization: Bearer {SECRET}"],
        ["--header", f"Bearer {SECRET}="],
        ["--config", json.dumps({"api_key": SECRET})],
        ["--config", json.dumps({"deep": [{"hub_token": SECRET, "x": True, "n": None}]})],
        [f"--config={{'hfToken': '{SECRET}'}}"],
        ["--callback", f"https://example.com/?sig={SECRET}"],
        ["config.yaml", "--api-key", SECRET],
        ["load", f"postgresql://u:{SECRET}@host/db"],
        ["call", "Authorization:", "Bearer", SECRET],
    ],
)
def test_an_argument_with_a_secret_is_none(comet: Comet, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    text = str(parameters(comet, monkeypatch, *arguments))
    assert SECRET not in text
    assert base64.b64encode(SECRET.encode()).decode().rstrip("=") not in text


def test_the_others_beside_it_are_parameters(comet: Comet, monkeypatch: pytest.MonkeyPatch) -> None:
    found = parameters(comet, monkeypatch, "--lr=0.1", "--db", f"postgresql://u:{SECRET}@h", '--grid={"lr": [1, 2]}')
    assert found == {"lr": 0.1, "grid": '{"lr": [1, 2]}'}


def test_arguments_of_a_notebook_s_kernel_are_none(comet: Comet, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = ModuleType("ipykernel.kernelapp")
    kernel.IPKernelApp = SimpleNamespace(initialized=lambda: True)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ipykernel.kernelapp", kernel)
    arguments = ["-f", "/home/me/.local/share/jupyter/runtime/kernel-1.json"]
    assert parameters(comet, monkeypatch, *arguments, program="ipykernel_launcher.py") == {}
