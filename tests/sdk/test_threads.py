"""Threads that the body of a tracked call starts, which do not inherit its context."""

from __future__ import annotations

import concurrent.futures.thread
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml.archives.archive import read_archive
from pytest_mock import MockerFixture

from tests.support.comet_server import CometServer
from tests.support.pod_environment import InPod
from tests.support.tracked import track


def in_a_thread(step: Callable[[], Any]) -> None:
    thread = threading.Thread(target=step)
    thread.start()
    thread.join()


def tracked(comet: CometServer, step: Callable[[], Any]) -> Callable[[], int]:
    """A tracked function that logs a metric, and does a step in a thread."""

    @track(host=comet.url)
    def train() -> int:
        comet_ml.get_running_experiment().log_metric("ours", 1)
        in_a_thread(step)
        return 7

    return train


@pytest.mark.parametrize("opening", [comet_ml.start, comet_ml.Experiment], ids=["start", "Experiment"])
def test_an_experiment_that_a_thread_opens_is_the_call_s(
    comet: CometServer, in_pod: InPod, opening: Callable[[], Any]
) -> None:
    with in_pod():
        tracked(comet, lambda: opening().log_metric("theirs", 1))()
    assert {"ours", "theirs"} <= set(comet.only_experiment.metrics)


def test_another_experiment_that_a_thread_opens_loses_nothing_of_either(comet: CometServer, in_pod: InPod) -> None:
    with in_pod():
        tracked(comet, lambda: comet_ml.Experiment(project_name="other").log_metric("theirs", 1))()
    metrics = {experiment.project: set(experiment.metrics) for experiment in comet.experiments.values()}
    assert metrics == {"digits": {"ours"}, "other": {"theirs"}}


def test_in_a_rank_that_is_not_primary_a_thread_opens_nothing_either(comet: CometServer, in_pod: InPod) -> None:
    with in_pod(RANK="1", WORLD_SIZE="2"):
        tracked(comet, lambda: comet_ml.Experiment("k", experiment_key="f" * 32).log_metric("theirs", 1))()
        tracked(comet, lambda: comet_ml.start(api_key="k", experiment_key="f" * 32).log_metric("theirs", 1))()
    assert comet.requests == []


def test_a_process_that_can_start_no_more_threads_has_its_result_all_the_same_and_everything_is_kept(
    comet: CometServer, in_pod: InPod, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_more() -> None:
        def start(self: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", start)

    with in_pod():
        assert tracked(comet, no_more)() == 7
    monkeypatch.undo()
    archives = [read_archive(path) for path in tmp_path.rglob("*.zip")]
    kept = {name for archive in archives for name, _ in archive.metrics} | set(comet.only_experiment.metrics)
    assert "ours" in kept


@pytest.mark.by_default("0")
@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_process_that_can_start_few_threads_begins_its_body_at_once(
    comet: CometServer, in_pod: InPod, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    left, start = iter(range(number)), threading.Thread.start

    def start_some(self: threading.Thread) -> None:
        if self.name.startswith(("process_request", "Thread")) or next(left, None) is not None:
            start(self)
        else:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start_some)
    with in_pod():
        assert track(host=comet.url)(lambda: 7)() == 7
    monkeypatch.undo()
    assert "can't start new thread" in caplog.text


@pytest.mark.newest
def test_the_start_does_not_wait_for_the_services_of_clouds(
    comet: CometServer, in_pod: InPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, body_is_over = threading.Event(), threading.Event()

    def details() -> None:
        asked.set()
        body_is_over.wait(60)

    monkeypatch.setattr("comet_ml.experiment.get_env_cloud_details", details)
    monkeypatch.setenv("COMET_AUTO_LOG_ENV_DETAILS", "1")

    def body() -> None:
        assert asked.wait(60)
        body_is_over.set()

    with in_pod():
        track(host=comet.url)(body)()
    assert not comet.only_experiment.alive


@pytest.mark.newest
def test_no_upload_worker_keeps_the_process_alive_however_slow_it_is_when_they_are_made(
    laptop: CometServer, mocker: MockerFixture
) -> None:
    # The SDK has each worker sleep for a moment, so that another one is made. On a busy machine they wake too early.
    mocker.patch("comet_ml.thread_pool.time", SimpleNamespace(sleep=lambda seconds: None))
    found: list[tuple[int, list[threading.Thread]]] = []

    @track()
    def body() -> None:
        pool = comet_ml.get_running_experiment().streamer.online_streamer._file_upload_manager._executor
        found.append((pool.max_workers, list(pool._executor._threads)))

    body()
    ((number, workers),) = found
    assert len(workers) == number
    assert all(worker.daemon for worker in workers)
    assert not set(workers) & set(concurrent.futures.thread._threads_queues)
