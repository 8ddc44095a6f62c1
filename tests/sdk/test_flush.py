"""`flush()` in the body: when it says that Comet has everything, Comet has it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml.archives.archive import read_archive
from flytekitplugins.comet_ml.sdk.sending import deliver_within
from pytest_mock import MockerFixture

from tests.support.comet_http import Answer, Request
from tests.support.comet_server import CometServer
from tests.support.held import held_once, hold_before_its_batch
from tests.support.told import warnings_in
from tests.support.tracked import track


@pytest.mark.newest
def test_it_waits_for_what_was_logged_while_the_thread_that_hands_on_was_busy(
    laptop: CometServer, mocker: MockerFixture
) -> None:
    entered, released = threading.Event(), threading.Event()

    @track()
    def body() -> tuple[bool, bool]:
        experiment = comet_ml.get_running_experiment()
        records = experiment.streamer.replay_manager
        mocker.patch.object(records, "register_messages", held_once(records.register_messages, entered, released))
        experiment.log_metric("first", 1)
        assert entered.wait(60)
        experiment.log_metric("last", 2)
        with ThreadPoolExecutor() as pool:
            flushing = pool.submit(experiment.flush)
            # It waits for the SDK's thread, which waits for this.
            assert not flushing.done()
            released.set()
            return flushing.result(60), "last" in laptop.only_experiment.metrics

    assert body() == (True, True)


@pytest.mark.newest
def test_it_waits_for_a_message_on_its_way_to_a_batch(laptop: CometServer, mocker: MockerFixture) -> None:
    @track()
    def body() -> tuple[bool, bool]:
        experiment = comet_ml.get_running_experiment()
        experiment.flush()
        is_held = hold_before_its_batch(mocker, experiment, "_send_batches_if_has_messages")
        experiment.log_metric("loss", 1)
        assert is_held.wait(60)
        return experiment.flush(), "loss" in laptop.only_experiment.metrics

    assert body() == (True, True)


@pytest.mark.newest
@pytest.mark.slow
def test_what_is_saved_at_a_signal_while_the_experiment_ends_raises_nothing(
    laptop: CometServer, mocker: MockerFixture
) -> None:
    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        flush = experiment.flush

        def flush_while_it_ends() -> object:
            flushed = flush()
            # The end closes the list of messages.
            experiment.streamer.replay_manager.close()
            return flushed

        mocker.patch.object(experiment, "flush", flush_while_it_ends)
        assert deliver_within(experiment, 60) is False

    body()


def test_it_says_no_if_comet_lacks_something(laptop: CometServer) -> None:
    def fault(request: Request) -> Answer | None:
        return Answer(500) if "batch" in request.path else None

    @track(end_timeout=3)
    def body() -> bool:
        laptop.faults.append(fault)
        experiment = comet_ml.get_running_experiment()
        experiment.log_metric("loss", 1)
        said: bool = experiment.flush()
        laptop.faults.clear()
        return said

    assert body() is False


def test_on_an_ended_experiment_it_comes_back(laptop: CometServer) -> None:
    @track()
    def body() -> bool:
        experiment = comet_ml.get_running_experiment()
        experiment.end()
        said: bool = experiment.flush()
        return said

    assert body() is False


@pytest.mark.by_default("500")
@pytest.mark.parametrize("fault", ["hang", "500"])
def test_in_an_outage_all_of_them_wait_as_long_as_the_end_may_and_nothing_is_lost(
    laptop: CometServer, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    @track(end_timeout=4.0)
    def body() -> list[bool]:
        experiment = comet_ml.get_running_experiment()
        laptop.faults.append(laptop.hang if fault == "hang" else lambda request: (500, {}))
        said: list[bool] = []
        for step in range(5):
            experiment.log_metric("loss", step, step=step)
            said.append(experiment.flush())
        return said

    begun = time.monotonic()
    assert body() == [False] * 5
    # Each of them alone would wait so long: the bound is far from both.
    assert time.monotonic() - begun < 60
    assert len([text for text in warnings_in(caplog) if "does not wait for it any more" in text]) <= 1
    (archive,) = Path(".cometml-runs").glob("*.zip")
    assert [count for (name, _), count in read_archive(archive).metrics.items() if name == "loss"] == [5]


@pytest.mark.slow
@pytest.mark.newest
def test_a_time_that_the_body_gives_is_not_waited_for_twice(laptop: CometServer) -> None:
    asked: list[int] = []

    @track(end_timeout=5.0)
    def body() -> bool:
        experiment = comet_ml.get_running_experiment()
        experiment.flush()
        laptop.faults.append(laptop.hang)
        online = experiment.streamer.online_streamer
        flush = online.flush

        def counted(timeout: int | None = None) -> Any:
            asked.append(timeout or 0)
            return flush(timeout=timeout)

        online.flush = counted
        experiment.log_metric("loss", 1)
        said: bool = experiment.flush(timeout=1)
        laptop.faults.clear()
        return said

    assert body() is False
    assert asked[0] == 1
    assert len(asked) <= 2
