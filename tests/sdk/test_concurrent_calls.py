"""Tracked calls within each other and at once: each has its own experiment, and leaves the others theirs."""

from __future__ import annotations

import asyncio
import os
import threading

import comet_ml
import pytest
import requests
from flytekitplugins.comet_ml import comet_ml_login

from tests.support.comet_server import CometServer
from tests.support.local_task import NEVER, track


def test_a_tracked_call_within_another_has_its_own_experiment(laptop: CometServer) -> None:
    @track
    def inner() -> None:
        comet_ml.get_running_experiment().log_metric("inner", 1)

    @track
    def outer() -> None:
        experiment = comet_ml.get_running_experiment()
        experiment.log_metric("outer", 1)
        inner()
        assert comet_ml.get_running_experiment() is experiment
        experiment.log_metric("outer", 2)

    outer()
    metrics = sorted(tuple(sorted(experiment.metrics)) for experiment in laptop.experiments.values())
    assert metrics == [("inner",), ("outer",)]


@pytest.mark.parametrize("find", ["get_running_experiment", "start"])
def test_calls_at_once_do_not_mix(laptop: CometServer, find: str) -> None:
    both = threading.Barrier(2, timeout=60)

    def body(name: str) -> None:
        for step in range(20):
            if step in (0, 10):
                both.wait()
            getattr(comet_ml, find)().log_metric(name, step, step=step)

    calls = [
        comet_ml_login(project_name=f"project-{name}", workspace="my-team", secret=NEVER)(body)
        for name in ("first", "second")
    ]
    before = dict(os.environ)
    threads = [threading.Thread(target=call, args=(call.get_extra_config()["project_name"],)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(
        (experiment.project, name, len(values))
        for experiment in laptop.experiments.values()
        for name, values in experiment.metrics.items()
    ) == [("project-first", "project-first", 20), ("project-second", "project-second", 20)]
    assert dict(os.environ) == before
    assert comet_ml.get_running_experiment() is None


def test_coroutines_at_once_do_not_mix(laptop: CometServer) -> None:
    @track
    async def body(name: str) -> None:
        for step in range(5):
            comet_ml.get_running_experiment().log_metric(name, step, step=step)
            await asyncio.sleep(0.01)

    async def both() -> None:
        await asyncio.gather(body("first"), body("second"))

    asyncio.run(both())
    assert sorted((name, len(values)) for e in laptop.experiments.values() for name, values in e.metrics.items()) == [
        ("first", 5),
        ("second", 5),
    ]
    assert all(len(experiment.metrics) == 1 for experiment in laptop.experiments.values())


def test_a_thread_of_the_body_finds_its_experiment(laptop: CometServer) -> None:
    @track
    def body() -> None:
        thread = threading.Thread(target=lambda: comet_ml.get_running_experiment().log_metric("m", 1))
        thread.start()
        thread.join()

    body()
    assert [value for _, value in laptop.only_experiment.metrics["m"]] == [1]


def test_what_the_body_sets_is_there_for_a_nested_call_and_after_it(laptop: CometServer) -> None:
    @track
    def inner() -> None:
        assert os.environ["COMET_DISABLE_AUTO_LOGGING"] == "1"

    @track
    def outer() -> None:
        # As Lightning does.
        os.environ["COMET_DISABLE_AUTO_LOGGING"] = "1"
        inner()
        assert os.environ["COMET_DISABLE_AUTO_LOGGING"] == "1"

    before = dict(os.environ)
    outer()
    assert dict(os.environ) == before


def test_nested_calls_in_threads_leave_each_caller_its_own(laptop: CometServer) -> None:
    both = threading.Barrier(2, timeout=60)

    @track
    def inner(name: str) -> None:
        comet_ml.get_running_experiment().log_metric(f"inner-{name}", 1)
        both.wait()

    @track
    def outer(name: str) -> None:
        mine = comet_ml.get_running_experiment()
        both.wait()
        inner(name)
        both.wait()
        assert comet_ml.get_running_experiment() is mine
        comet_ml.get_running_experiment().log_metric(f"outer-{name}", 1)

    threads = [threading.Thread(target=outer, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tuple(experiment.metrics) for experiment in laptop.experiments.values()) == [
        ("inner-first",),
        ("inner-second",),
        ("outer-first",),
        ("outer-second",),
    ]
    assert comet_ml.get_running_experiment() is None


def test_a_variable_that_goes_while_a_message_is_sent_costs_no_message(
    laptop: CometServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    look, went = requests.sessions.get_environ_proxies, list[object]()

    def look_while_another_call_ends(url: str, *args: object, **kwargs: object) -> object:
        went.append(url)
        if len(went) % 2:
            # `os.environ` lists its names, and then asks for the value of each.
            raise KeyError("COMET_API_KEY")
        return look(url, *args, **kwargs)

    monkeypatch.setattr(requests.sessions, "get_environ_proxies", look_while_another_call_ends)

    @track
    def body() -> None:
        comet_ml.get_running_experiment().log_other("mine", "there")

    body()
    assert went
    assert laptop.only_experiment.others["mine"] == "there"
    assert "Error sending" not in caplog.text
