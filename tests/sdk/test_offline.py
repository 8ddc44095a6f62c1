"""A local run that is offline or disabled, or whose server is away: it asks nobody, and loses nothing."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml import comet_ml_login

from tests.support.canary import CANARY, Canary
from tests.support.comet_server import CometServer
from tests.support.local_task import KEY, NEVER, pipeline


@pytest.mark.parametrize("switch", [{"disabled": True}, {"experiment_config": {"disabled": True}}, {}])
def test_a_disabled_experiment_asks_nobody(laptop: CometServer, switch: dict[str, Any]) -> None:
    if not switch:
        os.environ["COMET_AUTO_LOG_DISABLE"] = "1"

    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, experiment_key=KEY, **switch)
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("m", 1)
        comet_ml.Experiment().log_metric("m", 1)
        comet_ml.start().log_metric("m", 1)

    body()
    assert laptop.requests == []


@pytest.mark.parametrize("keyword", [True, False])
def test_an_offline_experiment_asks_nobody(laptop: CometServer, tmp_path: Path, keyword: bool) -> None:
    switch: dict[str, Any] = {"online": False}
    if not keyword:
        os.environ["COMET_START_ONLINE"] = "0"
        switch = {}

    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, **switch)
    def body() -> None:
        comet_ml.start().log_metric("m", 1)

    body()
    assert laptop.requests == []
    assert len(list((tmp_path / "work" / ".cometml-runs").glob("*.zip"))) == 1


def test_without_an_api_key_anywhere_the_run_is_offline_and_told_how_to_go_online(
    canary: Canary, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline()
    (archive,) = (tmp_path / "work" / ".cometml-runs").glob("*.zip")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "flytekitplugins.comet_ml"]
    assert "set COMET_API_KEY" in line
    pattern = line.split("comet_ml upload ")[1].split("`")[0]
    assert list(Path("/").glob(pattern.lstrip("/"))) == [archive]


def test_a_server_that_is_away_costs_no_data(laptop: CometServer, caplog: pytest.LogCaptureFixture) -> None:
    os.environ.update(
        COMET_HTTP_SESSION_RETRY_TOTAL="0", COMET_GET_OR_ADD_EXPERIMENT_RETRY_TOTAL="0", COMET_TIMEOUT_HTTP="2"
    )
    laptop.stop()
    pipeline()
    (warning,) = [record for record in caplog.records if record.name == "flytekitplugins.comet_ml"]
    assert warning.levelname == "WARNING"
    assert f"Comet at {laptop.url} cannot be reached (NewConnectionError: " in warning.getMessage()
    assert "Max retries" not in warning.getMessage()
    assert len(list(Path(".cometml-runs").glob("*.zip"))) == 1


@pytest.mark.parametrize("online", [True, False])
def test_experiment_in_the_body_of_an_offline_run_joins_it(canary: Canary, tmp_path: Path, online: bool) -> None:
    """Whether there is no API key, or the run was asked to be offline."""
    options: dict[str, Any] = {} if online else {"online": False}
    if not online:
        os.environ["COMET_API_KEY"] = CANARY

    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, **options)
    def body() -> None:
        for step in range(300):
            comet_ml.get_running_experiment().log_metric("ours", step, step=step)
        comet_ml.Experiment().log_metric("theirs", 1)

    body()
    (archive,) = (tmp_path / "work" / ".cometml-runs").glob("*.zip")
    with zipfile.ZipFile(archive) as content:
        messages = content.read("messages.json").decode()
    assert messages.count('"metricName":"ours"') == 300
    assert messages.count('"metricName":"theirs"') == 1


def test_an_offline_archive_does_not_hold_an_input_equal_to_the_api_key(canary: Canary) -> None:
    os.environ["COMET_API_KEY"] = CANARY

    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, online=False)
    def body(innocent: str) -> None: ...

    body(CANARY)
