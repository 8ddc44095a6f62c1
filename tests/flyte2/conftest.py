"""What every test of Flyte 2 finds: an environment of its own, a Comet server, and actions."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import comet_ml
import flyte
import pytest

from tests.support.action import Actions
from tests.support.comet_server import CometServer
from tests.support.selection import add_slow_option, leave_out_slow, scheduling

pytest.register_assert_rewrite("tests.support.fault_tests")

CANARY = "canary0123456789canaryXYZ"
"""The API key of all tests: wherever it shows up, the plugin has leaked it."""

TOGETHER = {"tests/flyte2/test_fault_matrix.py": "faults"}
"""Tests that share what takes long to make: one worker runs all of them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    add_slow_option(parser)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return scheduling(config, log, TOGETHER)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    leave_out_slow(config, items)


@pytest.fixture(autouse=True)
def _as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A private home, working and temporary directory; the environment put back."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("COMET_", "FLYTE_", "RUN_NAME", "ACTION_NAME"))]:
        del os.environ[name]
    for name in ("home", "work", "tmp"):
        (tmp_path / name).mkdir()
    os.environ.update(HOME=str(tmp_path / "home"), TMPDIR=str(tmp_path / "tmp"), COMET_ERROR_TRACKING_ENABLE="0")
    os.environ.update(COMET_AUTO_LOG_ENV_DETAILS="0", COMET_AUTO_LOG_GIT_METADATA="0", COMET_AUTO_LOG_GIT_PATCH="0")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    comet_ml.config.set_global_experiment(None)
    yield
    running = comet_ml.get_running_experiment()
    if running is not None and not running.ended:
        running.end()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def comet() -> Iterator[CometServer]:
    """A Comet server that takes the canary only."""
    with CometServer(accepted_keys={CANARY}) as server:
        yield server


@pytest.fixture
def laptop(comet: CometServer, monkeypatch: pytest.MonkeyPatch) -> CometServer:
    """A Comet server that local runs are configured for."""
    monkeypatch.setenv("COMET_API_KEY", CANARY)
    monkeypatch.setenv("COMET_URL_OVERRIDE", f"{comet.url}/clientlib/")
    flyte.init()
    return comet


@pytest.fixture
def cluster(comet: CometServer, monkeypatch: pytest.MonkeyPatch) -> CometServer:
    """A Comet server that this process, a reusable container's, is told of."""
    monkeypatch.setenv("COMET_API_KEY_SECRET", CANARY)
    monkeypatch.setenv("COMET_URL_OVERRIDE", f"{comet.url}/clientlib/")
    # Of the action that the container began with.
    monkeypatch.setenv("FLYTE_ATTEMPT_NUMBER", "7")
    return comet


@pytest.fixture
def actions(tmp_path: Path, comet: CometServer) -> Actions:
    """Actions that log to the Comet server, and find the secret in their environment."""
    return Actions(
        tmp_path / "actions",
        {
            "COMET_API_KEY_SECRET": CANARY,
            "COMET_URL_OVERRIDE": f"{comet.url}/clientlib/",
            "COMET_ERROR_TRACKING_ENABLE": "0",
            "COMET_AUTO_LOG_GIT_METADATA": "0",
            "COMET_AUTO_LOG_GIT_PATCH": "0",
        },
    )
