"""Requests that need not wait for each other do not: no test measures time, each holds one request for another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import comet_ml
import pytest
from pytest_mock import MockerFixture

from tests.support.comet_http import Request
from tests.support.comet_server import CometServer
from tests.support.pod_environment import InPod
from tests.support.told import warnings_in
from tests.support.tracked import track, tracked

LONG_ENOUGH = 30.0


def is_system_details(request: Request) -> bool:
    return request.path.endswith("/write/experiment/system-details")


def holding(server: CometServer, held: Callable[[Request], bool], until: Callable[[Request], bool]) -> list[bool]:
    """Hold some requests until another one has come, and say of each whether it has."""
    has_come, found = threading.Event(), list[bool]()

    def hold(request: Request) -> None:
        if until(request):
            has_come.set()
        elif held(request):
            found.append(has_come.wait(LONG_ENOUGH))

    server.faults.append(hold)
    return found


@pytest.mark.newest
def test_the_system_details_hold_up_nothing_else_that_is_logged(
    laptop: CometServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMET_AUTO_LOG_ENV_DETAILS", "1")
    found = holding(laptop, is_system_details, until=lambda request: request.path.endswith("/experiment/metric"))

    @track()
    def train() -> None:
        comet_ml.get_running_experiment().log_metric("loss", 1)

    train()
    assert found
    assert all(found)
    assert laptop.only_experiment.metrics["loss"] == [(None, 1)]


@pytest.mark.newest
def test_the_parts_of_the_system_details_come_one_after_the_other(
    laptop: CometServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMET_AUTO_LOG_ENV_DETAILS", "1")
    at_once, most = [0], [0]

    def count(request: Request) -> None:
        if is_system_details(request):
            at_once[0] += 1
            most.append(at_once[0])
            time.sleep(0.1)
            at_once[0] -= 1

    laptop.faults.append(count)
    track()(lambda: None)()
    assert len(most) > 2
    assert max(most) == 1


@pytest.mark.newest
def test_the_client_for_the_end_is_made_while_the_login_is_answered(comet: CometServer, in_pod: InPod) -> None:
    versions: list[Request] = []

    def is_second_question_about_the_version(request: Request) -> bool:
        if not request.path.endswith("/isAlive/ver"):
            return False
        versions.append(request)
        return len(versions) == 2

    found = holding(
        comet, lambda request: "account-details" in request.path, until=is_second_question_about_the_version
    )
    with in_pod():
        tracked(comet)()
    assert found == [True]


def test_a_client_for_the_end_that_comes_to_nothing_holds_up_no_body_beyond_the_start_s_time(
    laptop: CometServer, mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    mocker.patch("flytekitplugins.comet_ml.session.opening.SECONDS_TO_START", 2)
    mocker.patch("comet_ml.API", side_effect=lambda **arguments: threading.Event().wait(60))
    ran: list[bool] = []
    track()(lambda: ran.append(True))()
    assert ran
    assert laptop.only_experiment.states[-1] == "ended"
    (warning,) = warnings_in(caplog)
    assert warning.startswith("The end asks the server that the settings name then")


@pytest.mark.slow
def test_the_client_for_the_end_waits_as_long_as_the_settings_say(
    laptop: CometServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Longer than the start, which gives up after three seconds."""
    laptop.faults.append(lambda request: time.sleep(4) if request.path.endswith("/update-status") else None)

    @track()
    def train() -> None:
        raise ValueError("no luck")

    with pytest.raises(ValueError, match="no luck"):
        train()
    assert laptop.only_experiment.states[-1] == "crashed"
    assert warnings_in(caplog) == []
