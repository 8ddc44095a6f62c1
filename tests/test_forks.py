"""Processes that are forked while tracked calls run."""

from __future__ import annotations

import os
import signal
import threading
import time

from comet_server import CometServer, Request
from flytekitplugins.comet_ml import comet_ml_login


def test_a_process_that_is_forked_while_another_thread_starts_a_call_can_start_one(laptop: CometServer) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def hold(request: Request) -> None:
        asked.set()
        go_on.wait(20)

    @comet_ml_login(project_name="digits", workspace="my-team", secret=lambda: "unused")
    def in_a_thread() -> None: ...

    @comet_ml_login(project_name="digits", workspace="my-team", secret=lambda: "unused", disabled=True)
    def in_a_child() -> None: ...

    laptop.faults.append(hold)
    thread = threading.Thread(target=in_a_thread)
    thread.start()
    assert asked.wait(20)
    child = os.fork()
    if child == 0:
        try:
            in_a_child()
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
