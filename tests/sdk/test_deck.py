"""The Comet deck of a local task: when flytekit has one, and what is recorded for it."""

from __future__ import annotations

import asyncio
import os
import re

import pytest
from flytekit import Deck, FlyteContextManager, dynamic, task
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.comet_ml.sdk import logged_values as logged

from tests.support.canary import CANARY, Canary
from tests.support.comet_server import CometServer
from tests.support.deck_page import Page, comet_part
from tests.support.deck_tasks import NEVER, Sandbox, child, is_recorded, log, tabs, track


@task(enable_deck=True)
@track
def shown(epochs: int) -> int:
    assert is_recorded(log(epochs))
    Deck("Mine", "<p>mine</p>")
    return epochs


def test_a_local_task_has_a_deck_beside_its_others(laptop: CometServer, sandbox: Sandbox) -> None:
    assert shown(epochs=7) == 7
    (html,) = sandbox.decks()
    expected = ["Timeline", "Comet", "Mine", "Source Code", "Dependencies", "Input", "Output"]
    assert [name.rstrip("s") for name in tabs(html)] == [name.rstrip("s") for name in expected]
    page = sandbox.only_deck()
    (key,) = laptop.experiments
    assert (f"{laptop.url}/my-team/digits/{key}", "Open in Comet") in page.links
    for text in ("Finished", key, "epochs7", "loss0.14286", "min 0.14286 · max 1 · 7 values"):
        assert text in page.text


@pytest.mark.newest
def test_an_async_task_has_a_deck(laptop: CometServer, sandbox: Sandbox) -> None:
    @task(enable_deck=True)
    @track
    async def train() -> int:
        log()
        return 1

    asyncio.run(train())
    assert "loss0.1" in sandbox.only_deck().text


def test_a_task_that_is_decorated_from_above_has_a_deck(laptop: CometServer, sandbox: Sandbox) -> None:
    @track
    @task(enable_deck=True)
    def train() -> None:
        log()

    train()
    assert "loss0.1" in sandbox.only_deck().text


def test_without_decks_nothing_is_recorded(laptop: CometServer, sandbox: Sandbox) -> None:
    recorded: list[bool] = []

    @task
    @track
    def train() -> None:
        recorded.append(is_recorded(log()))

    train()
    assert (recorded, sandbox.decks()) == ([False], [])
    assert "Comet" not in [deck.name for deck in FlyteContextManager.current_context().user_space_params.decks]


def test_a_disabled_experiment_has_no_deck(sandbox: Sandbox) -> None:
    @task(enable_deck=True)
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, disabled=True)
    def train() -> None:
        assert not is_recorded(log())

    train()
    assert "Comet" not in tabs(sandbox.decks()[0])


@pytest.mark.newest  # Deck.publish
def test_a_local_task_that_fails_has_a_deck(laptop: CometServer, sandbox: Sandbox, canary: Canary) -> None:
    @task(enable_deck=True)
    @track
    def train() -> None:
        log()
        raise ValueError(f"no data with {os.environ['COMET_API_KEY']}")

    with pytest.raises(ValueError, match="no data"):
        train()
    page = sandbox.only_deck()
    assert "Crashed" in page.text
    assert "The task failed. ValueError: no data with ***" in page.text
    assert "Traceback (most recent call last):" in page.text
    assert "in train\n" in page.text
    assert CANARY not in page.text
    assert "loss0.1" in page.text


def test_a_deck_without_the_sdk_s_place_to_listen_has_last_values(
    laptop: CometServer, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logged, "watch_metrics", lambda experiment, seen: lambda: None)
    shown_without = task(enable_deck=True)(track(lambda_free))
    shown_without()
    page = sandbox.only_deck()
    assert "svg" not in page.tags
    assert "loss0.1" in page.text


def lambda_free() -> None:
    log()


# Calls within calls


@task
@track
def quiet_child(number: int) -> int:
    assert not is_recorded(log(number + 1))
    return number


@dynamic(enable_deck=True)
@track
def parent() -> int:
    experiment = log(30)
    assert is_recorded(experiment)
    first = child(number=3)
    quiet_child(number=4)
    child(number=5)
    log(40)
    return first


@pytest.mark.newest  # Deck.publish
def test_a_local_dynamic_task_and_its_children_have_a_deck_each(laptop: CometServer, sandbox: Sandbox) -> None:
    parent()
    decks = [Page(comet_part(html)).text for html in sandbox.decks()]
    assert ["4 values" in decks[0], "6 values" in decks[1], "70 values" in decks[2]] == [True] * 3
    assert len(decks) == 3
    keys = [re.search("[0-9a-f]{32}", text) for text in decks]
    assert len({key[0] for key in keys if key}) == 3
    assert len(laptop.experiments) == 4


def test_tasks_after_each_other_have_a_deck_each(laptop: CometServer, sandbox: Sandbox) -> None:
    child(number=1)
    child(number=2)
    decks = sandbox.decks()
    assert [tabs(html).count("Comet") for html in decks] == [1, 1]
    assert ["2 values" in decks[0], "3 values" in decks[1]] == [True, True]
