"""What a tracked call must not leave in the process."""

from __future__ import annotations

import os
import threading
import time

import comet_ml
import pytest
from flytekitplugins.comet_ml.sdk.sending import let_go

from tests.support.canary import CANARY
from tests.support.comet_server import CometServer
from tests.support.tracked import track


@pytest.mark.newest
def test_the_threads_that_the_sdk_leaves_after_an_end_without_a_server_are_stopped(laptop: CometServer) -> None:
    def left() -> list[str]:
        return [t.name for t in threading.enumerate() if t not in before and "process_request" not in t.name]

    before = set(threading.enumerate())
    os.environ["COMET_HTTP_SESSION_RETRY_TOTAL"] = "0"
    experiment = comet_ml.start(project_name="digits")
    experiment.streamer.server_connection_monitor.connection_failed("for the test")
    laptop.stop()
    experiment.end()
    assert [name for name in left() if name.startswith("OnlineStreamer")], "the SDK does it by itself now"
    let_go(experiment)
    deadline = time.monotonic() + 10
    while left() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left() == []


def test_an_upload_that_fails_late_is_reported_to_nobody_else(
    laptop: CometServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    track()(lambda: None)()
    reports = {"event_name": "file_uploaded_failed", "api_key": CANARY, "config": comet_ml.get_config()}
    with CometServer() as other:
        monkeypatch.setenv("COMET_URL_OVERRIDE", f"{other.url}/clientlib/")
        monkeypatch.setenv("COMET_INTERNAL_REPORTING", "1")
        comet_ml.connection.Reporting.report(**reports, experiment_key="k" * 32)
        assert [request.path for request in other.requests if "notify" in request.path] == []
