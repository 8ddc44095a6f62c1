"""The experiments in a Comet deck: those of the body's own, those that are offline, and what fails."""

from __future__ import annotations

import os
import re
from pathlib import Path

import comet_ml
import pytest
from flytekit import task
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.comet_ml.deck import observer as display
from flytekitplugins.comet_ml.flyte1 import deck as console
from flytekitplugins.comet_ml.sdk.comet_sdk import CometSDK

from tests.support.canary import CANARY, Canary
from tests.support.comet_server import CometServer
from tests.support.deck_content import KEY
from tests.support.deck_page import Page, comet_part
from tests.support.deck_tasks import NEVER, Sandbox, child, log, tabs, track

# Experiments of the body's own


@pytest.mark.slow
def test_with_start_false_the_body_s_experiment_is_in_the_deck(laptop: CometServer, sandbox: Sandbox) -> None:
    @task(enable_deck=True)
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, start=False)
    def train() -> None:
        comet_ml.start(**CometSDK.of(comet_ml).start_arguments(workspace="my-team", project_name="digits"))
        log(9)

    train()
    page = sandbox.only_deck()
    assert laptop.only_experiment.key in page.text
    assert "9 values" in page.text


@pytest.mark.slow
def test_with_start_false_and_no_experiment_there_is_no_deck(laptop: CometServer, sandbox: Sandbox) -> None:
    @task(enable_deck=True)
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, start=False)
    def train() -> None: ...

    train()
    assert "Comet" not in tabs(sandbox.decks()[0])


def test_another_experiment_of_the_body_s_is_shown_too(laptop: CometServer, sandbox: Sandbox) -> None:
    @task(enable_deck=True)
    @track
    def train() -> None:
        log(5)
        comet_ml.Experiment(workspace="my-team", project_name="other")
        log(6)

    train()
    page = sandbox.only_deck()
    assert len(laptop.experiments) == 2
    assert all(key in page.text for key in laptop.experiments)
    assert page.text.index("5 values") < page.text.index("6 values")


@pytest.mark.slow
def test_of_a_sweep_s_experiments_the_first_and_the_last_are_shown(
    laptop: CometServer, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "MAX_EXPERIMENTS", 2)

    @task(enable_deck=True)
    @track
    def train() -> None:
        for trial in range(3):
            comet_ml.Experiment(workspace="my-team", project_name=f"other{trial}")

    train()
    page = sandbox.only_deck()
    keys = list(laptop.experiments)
    assert [key in page.text for key in keys] == [True, False, False, True]


# Offline, and when something fails


@pytest.mark.slow
def test_an_online_experiment_is_not_shown_as_offline_for_another_s_archive(
    laptop: CometServer, sandbox: Sandbox, tmp_path: Path
) -> None:
    @task(enable_deck=True)
    @track
    def train() -> None:
        other = comet_ml.OfflineExperiment(
            workspace="my-team", project_name="other", experiment_key=KEY, offline_directory=str(tmp_path / "archives")
        )
        other.log_metric("loss", 1)

    train()
    (html,) = sandbox.decks()
    online, offline = map(Page, re.findall("<section>.*?</section>", comet_part(html), re.DOTALL))
    key = laptop.only_experiment.key
    assert key in online.text
    assert "Offline" not in online.text
    assert ".zip" not in online.text
    assert key not in offline.text
    assert "Offline" in offline.text
    assert f"{KEY}.zip" in offline.text


def test_a_run_says_when_it_started_how_long_it_took_and_what_it_is_called(
    laptop: CometServer, sandbox: Sandbox
) -> None:
    @task(enable_deck=True)
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, tags=["nightly"])
    def train() -> None:
        experiment = log(3)
        experiment.set_name("my own name")
        experiment.add_tag("late")

    train()
    text = sandbox.only_deck().text
    assert text.startswith("my own name")
    assert re.search(r"Started20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTCDuration\d+\.\d sTagslatenightly", text)


def test_an_offline_run_s_deck_says_why(comet: CometServer, sandbox: Sandbox) -> None:
    os.environ["COMET_API_KEY"] = CANARY
    os.environ["COMET_URL_OVERRIDE"] = f"{comet.url}/clientlib/"
    os.environ.update(COMET_HTTP_SESSION_RETRY_TOTAL="0", COMET_GET_OR_ADD_EXPERIMENT_RETRY_TOTAL="0")
    comet.stop()
    child(number=2)
    page = sandbox.only_deck()
    assert "Offline" in page.text
    assert "This experiment is written to an archive. Comet could not be reached: " in page.text
    assert "3 values" in page.text


def test_a_deck_that_cannot_be_made_costs_one_warning(
    laptop: CometServer, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(contents: object) -> str:
        raise RuntimeError(f"no ink for {os.environ['COMET_API_KEY']}")

    monkeypatch.setattr(console, "render", broken)
    assert child(number=2) == 2
    said = [record.getMessage() for record in caplog.records if "Comet deck" in record.getMessage()]
    assert said == ["The Comet deck of this task could not be made: RuntimeError: no ink for ***"]
    assert len(laptop.only_experiment.metrics["loss"]) == 3


def test_the_api_key_is_in_no_deck(laptop: CometServer, sandbox: Sandbox, canary: Canary) -> None:
    @task(enable_deck=True)
    @track
    def train() -> None:
        experiment = log()
        experiment.log_parameter("mine", f"<{CANARY}>")
        experiment.log_metric(f"loss {CANARY}", 3)

    train()
    assert "<***>" in sandbox.only_deck().text
