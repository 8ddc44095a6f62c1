"""Which Comet server a task talks to: the table in docs/self-hosted.md, row by row."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekit import Secret
from flytekitplugins.comet_ml import comet_ml_login

from tests.support.canary import CANARY, Canary
from tests.support.comet_server import CometServer
from tests.support.pod_environment import InPod

ROOT = Path(__file__).parents[2]

ROWS = [
    "`url_override=` in the decorator",
    "`COMET_URL_OVERRIDE` in the environment",
    "`.env` in the working directory",
    "the file that `COMET_CONFIG` names",
    "`.comet.config` in the working directory",
    "`~/.comet.config`",
    "an API key with its server in it",
    "`host`",
]
IN_A_POD = [row for row in ROWS if "working directory" not in row]


@pytest.fixture
def other(canary: Canary) -> Iterator[CometServer]:
    with CometServer() as server:
        yield server


def embedding(url: str) -> str:
    return f"{CANARY}*" + base64.b64encode(json.dumps({"baseUrl": url}).encode()).decode()


def name(row: str, server: CometServer, options: dict[str, Any], directory: Path) -> None:
    """Name a server in the way of a row."""
    address = f"{server.url}/clientlib/"
    ini = f"[comet]\nurl_override = {address}\n"
    if row == ROWS[0]:
        options["url_override"] = address
    elif row == ROWS[1]:
        os.environ["COMET_URL_OVERRIDE"] = address
    elif row == ROWS[2]:
        (directory / "work" / ".env").write_text(f"COMET_URL_OVERRIDE={address}\n")
    elif row == ROWS[3]:
        (directory / "chosen.config").write_text(ini)
        os.environ["COMET_CONFIG"] = str(directory / "chosen.config")
    elif row == ROWS[4]:
        (directory / "work" / ".comet.config").write_text(ini)
    elif row == ROWS[5]:
        (directory / "home" / ".comet.config").write_text(ini)
    elif row == ROWS[6]:
        options["secret"] = lambda: embedding(server.url)
        os.environ["COMET_API_KEY"] = embedding(server.url)
    else:
        options["host"] = server.url


def trained(options: dict[str, Any]) -> None:
    @comet_ml_login(
        **{
            "project_name": "digits",
            "workspace": "my-team",
            "secret": Secret(group="comet-ml", key="comet-ml-api-key"),
            **options,
        }
    )
    def train() -> None:
        os.chdir("..")
        comet_ml.get_running_experiment().log_metric("loss", 0.5)

    train()


def pairs(rows: list[str]) -> list[Any]:
    return [pytest.param(first, second, id=f"{first} before {second}") for first, second in pairwise(rows)]


@pytest.mark.parametrize(("first", "second"), pairs(ROWS))
def test_in_a_local_run_each_row_goes_before_the_next(
    comet: CometServer, other: CometServer, tmp_path: Path, first: str, second: str
) -> None:
    options: dict[str, Any] = {}
    os.environ["COMET_API_KEY"] = CANARY
    name(second, other, options, tmp_path)
    name(first, comet, options, tmp_path)
    comet.accepted_keys = None
    trained(options)
    assert comet.only_experiment.metrics["loss"] == [(None, 0.5)]
    assert other.requests == []


@pytest.mark.parametrize(("first", "second"), pairs(IN_A_POD))
def test_in_a_pod_each_row_goes_before_the_next(
    comet: CometServer, other: CometServer, in_pod: InPod, tmp_path: Path, first: str, second: str
) -> None:
    options: dict[str, Any] = {}
    comet.accepted_keys = None
    with in_pod():
        name(second, other, options, tmp_path)
        name(first, comet, options, tmp_path)
        trained(options)
    assert comet.only_experiment.metrics["loss"] == [(None, 0.5)]
    assert other.requests == []


@pytest.mark.parametrize("row", [row for row in ROWS if "working directory" in row])
def test_in_a_pod_a_file_that_came_with_the_code_does_not_beat_host(
    comet: CometServer, other: CometServer, in_pod: InPod, tmp_path: Path, row: str
) -> None:
    options: dict[str, Any] = {"host": comet.url}
    with in_pod():
        name(row, other, options, tmp_path)
        trained(options)
    assert comet.only_experiment.metrics["loss"] == [(None, 0.5)]
    assert other.requests == []


def test_a_home_that_is_the_working_directory_is_the_working_directory(
    comet: CometServer, other: CometServer, in_pod: InPod, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"host": comet.url}
    with in_pod(HOME=str(tmp_path / "work")):
        name(ROWS[4], other, options, tmp_path)
        trained(options)
    assert comet.only_experiment.metrics["loss"] == [(None, 0.5)]
    assert other.requests == []


def test_a_file_in_the_working_directory_that_the_environment_names_counts(
    comet: CometServer, other: CometServer, in_pod: InPod, tmp_path: Path
) -> None:
    with in_pod(COMET_CONFIG=".comet.config"):
        name(ROWS[4], comet, {}, tmp_path)
        trained({"host": other.url})
    assert comet.only_experiment.metrics["loss"] == [(None, 0.5)]
    assert other.requests == []


def test_the_page_has_the_same_rows() -> None:
    page = (ROOT / "docs" / "self-hosted.md").read_text()
    rows = re.findall(r"^\| \d+ \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    assert [row for row, _ in rows] == ROWS
    assert [row for row, in_pods in rows if in_pods == "yes"] == IN_A_POD
