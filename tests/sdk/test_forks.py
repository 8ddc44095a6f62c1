"""Processes that are forked while tracked calls run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time

import comet_ml
import pytest
from flytekitplugins.comet_ml import comet_ml_login

from tests.support.comet_http import Request
from tests.support.comet_server import CometServer
from tests.support.pod_environment import InPod
from tests.support.tracked import track


def test_a_process_that_is_forked_while_another_thread_starts_a_call_can_start_one(laptop: CometServer) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def hold(request: Request) -> None:
        asked.set()
        go_on.wait(20)

    @comet_ml_login(project_name="digits", workspace="my-team", secret=lambda: "unused")
    def in_a_thread() -> None: ...

    @comet_ml_login(project_name="digits", workspace="my-team", secret=lambda: "unused", disabled=True)
    def in_the_child() -> None: ...

    laptop.faults.append(hold)
    thread = threading.Thread(target=in_a_thread)
    thread.start()
    assert asked.wait(20)
    child = os.fork()
    if child == 0:
        try:
            in_the_child()
            os._exit(7)
        finally:
            os._exit(1)
    deadline, ended = time.monotonic() + 2, (0, 0)
    while ended[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
        ended = os.waitpid(child, os.WNOHANG)
    if ended[0] == 0:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    go_on.set()
    thread.join()
    assert ended[0] == child, "the child hangs"
    assert os.waitstatus_to_exitcode(ended[1]) == 7


def in_a_child(project_name: str) -> None:
    experiment = comet_ml.Experiment(project_name=project_name)
    experiment.log_metric("theirs", 1)
    experiment.end()


@pytest.mark.newest
@pytest.mark.parametrize("project_name", ["digits", "other"])
def test_an_experiment_that_a_forked_child_of_the_body_opens_is_its_own_to_log_to(
    comet: CometServer, in_pod: InPod, project_name: str
) -> None:
    @track(host=comet.url)
    def train() -> int | None:
        comet_ml.get_running_experiment().log_metric("ours", 1)
        child = multiprocessing.get_context("fork").Process(target=in_a_child, args=(project_name,))
        child.start()
        child.join(120)
        child.kill()
        return child.exitcode

    with in_pod():
        assert train() == 0
    metrics = {experiment.project: set(experiment.metrics) for experiment in comet.experiments.values()}
    same = project_name == "digits"
    assert metrics == ({"digits": {"ours", "theirs"}} if same else {"digits": {"ours"}, "other": {"theirs"}})
