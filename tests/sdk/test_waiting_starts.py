"""Calls that start at once in one process: one after the other, and not each for as long as a dead server takes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import comet_ml
import pytest
from flytekitplugins.comet_ml.session import session

from tests.support.comet_http import Answer, Request
from tests.support.comet_server import CometServer
from tests.support.tracked import track

CALLS = 4


@pytest.fixture
def all_wait(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Is set when all calls have asked for their turn."""
    event, asked, turn = threading.Event(), list[int](), session.starting

    @contextmanager
    def counted() -> Iterator[None]:
        asked.append(1)
        if len(asked) == CALLS:
            event.set()
        with turn():
            yield

    monkeypatch.setattr(session, "starting", counted)
    return event


async def at_once(number: int = CALLS) -> list[bool]:
    @track()
    async def body() -> bool:
        comet_ml.get_running_experiment().log_metric("loss", 1)
        return type(comet_ml.get_running_experiment()).__name__ == "OfflineExperiment"

    return list(await asyncio.gather(*(body() for _ in range(number))))


def test_what_one_call_finds_out_about_a_dead_server_those_that_waited_meanwhile_do_not_try(
    laptop: CometServer, all_wait: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    def away(request: Request) -> Answer:
        asked.append(request.path)
        assert all_wait.wait(60)
        return 501, {}

    laptop.faults.append(away)
    assert asyncio.run(at_once()) == [True] * CALLS
    assert len([r for r in caplog.records if "cannot be reached" in r.getMessage()]) == CALLS
    by_all = sorted(asked)
    asked.clear()
    assert asyncio.run(at_once(1)) == [True]
    assert by_all == sorted(asked)


def test_the_next_call_asks_again(laptop: CometServer, all_wait: threading.Event) -> None:
    with laptop.fault(lambda request: (501, {}) if all_wait.wait(60) else None):
        assert asyncio.run(at_once()) == [True] * CALLS
    assert asyncio.run(at_once()) == [False] * CALLS
    assert [len(each.metrics["loss"]) for each in laptop.experiments.values()] == [1] * CALLS


def test_a_server_that_is_there_is_asked_by_each(laptop: CometServer) -> None:
    assert asyncio.run(at_once()) == [False] * CALLS
    assert len(laptop.experiments) == CALLS
