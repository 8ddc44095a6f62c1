"""What the handler of a signal raises while a session starts or ends: it goes on once the session is in order."""

from __future__ import annotations

import os
import pkgutil
import signal
import threading
from collections.abc import Iterator
from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml.signal_handlers import raised_by_a_signal
from pytest_mock import MockerFixture

from tests.support.comet_http import Answer, Request
from tests.support.comet_server import CometServer
from tests.support.tracked import track


@pytest.fixture
def raises() -> Iterator[None]:
    """SIGUSR1 raises, as the alarms of decorators that give a function so many seconds do."""

    def handler(number: int, frame: Any) -> None:
        raise TimeoutError("took too long")

    before = signal.signal(signal.SIGUSR1, handler)
    yield
    signal.signal(signal.SIGUSR1, before)


def once_after(comet: CometServer, begun: threading.Event, part: str) -> None:
    """Send the signal when the server is asked for something, once it has begun."""
    sent = threading.Event()

    def fault(request: Request) -> Answer | None:
        if begun.is_set() and part in request.path and not sent.is_set():
            sent.set()
            os.kill(os.getpid(), signal.SIGUSR1)
        return None

    comet.faults.append(fault)


def assert_crashed_by_it(comet: CometServer) -> None:
    """The experiment has what was logged, and shows what the handler has raised."""
    experiment = comet.only_experiment
    assert "loss" in experiment.metrics
    assert experiment.states[-1] == "crashed"
    assert experiment.others["flyte_error_type"] == "TimeoutError"


@pytest.mark.usefixtures("raises")
def test_the_end_is_done_before_it_goes_on(laptop: CometServer) -> None:
    ending = threading.Event()
    once_after(laptop, ending, "/")

    @track()
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("loss", 1)
        ending.set()

    with pytest.raises(TimeoutError, match="took too long"):
        body()
    assert_crashed_by_it(laptop)


@pytest.mark.usefixtures("raises")
@pytest.mark.parametrize("step", ["termination.Termination.explains", "session.log_outputs"])
def test_what_only_warns_of_its_own_failure_does_not_take_it_for_one(
    laptop: CometServer, mocker: MockerFixture, step: str
) -> None:
    mocker.patch(
        f"flytekitplugins.comet_ml.session.{step}", side_effect=lambda *args: signal.raise_signal(signal.SIGUSR1)
    )

    @track()
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("loss", 1)

    with pytest.raises(TimeoutError, match="took too long"):
        body()
    assert_crashed_by_it(laptop)


@pytest.mark.usefixtures("raises")
@pytest.mark.parametrize("step", ["uninterrupted", "Session._leave", "Session.__exit__"])
def test_a_session_is_left_though_it_comes_on_the_way_out(
    laptop: CometServer, mocker: MockerFixture, step: str
) -> None:
    *owner, name = f"flytekitplugins.comet_ml.session.session.{step}".split(".")
    place = pkgutil.resolve_name(".".join(owner))
    original, sent = getattr(place, name), list[int]()

    def interrupted(*args: Any) -> Any:
        if not sent:
            sent.append(1)
            signal.raise_signal(signal.SIGUSR1)
        return original(*args)

    mocker.patch.object(place, name, interrupted)

    @track()
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("loss", 1)

    variables = dict(os.environ)
    with pytest.raises(TimeoutError, match="took too long"):
        body()
    experiment = laptop.only_experiment
    assert "loss" in experiment.metrics
    assert experiment.states[-1] == "crashed"
    assert comet_ml.get_running_experiment() is None
    assert dict(os.environ) == variables


@pytest.mark.usefixtures("raises")
def test_a_session_is_left_though_it_comes_on_the_way_in(laptop: CometServer, mocker: MockerFixture) -> None:
    mocker.patch(
        "flytekitplugins.comet_ml.front_end.nesting.NotedSession._note",
        side_effect=lambda: signal.raise_signal(signal.SIGUSR1),
    )
    variables = dict(os.environ)
    with pytest.raises(TimeoutError, match="took too long"):
        track()(lambda: None)()
    assert laptop.only_experiment.states[-1] == "crashed"
    assert comet_ml.get_running_experiment() is None
    assert dict(os.environ) == variables


@pytest.mark.usefixtures("raises")
def test_it_is_known_though_something_else_took_its_place() -> None:
    # As `threading.Event.wait` does now and then.
    def wait() -> None:
        try:
            signal.raise_signal(signal.SIGUSR1)
        finally:
            [0].remove(1)

    with pytest.raises(ValueError, match="not in list") as raised:
        wait()
    assert isinstance(raised_by_a_signal(raised.value), TimeoutError)
    assert raised_by_a_signal(ValueError()) is None


@pytest.mark.usefixtures("raises")
def test_an_experiment_that_is_just_being_started_is_ended(laptop: CometServer) -> None:
    starting, ran = threading.Event(), list[int]()
    starting.set()
    once_after(laptop, starting, "add/run")

    @track()
    def body() -> None:
        ran.append(1)

    with pytest.raises(TimeoutError, match="took too long"):
        body()
    assert ran == []
    assert laptop.only_experiment.states[-1] == "crashed"


def test_an_experiment_is_ended_though_the_user_interrupts_its_start_twice(laptop: CometServer) -> None:
    raised, ran = [threading.Event(), threading.Event()], list[int]()

    def handler(number: int, frame: Any) -> None:
        next(event for event in raised if not event.is_set()).set()
        raise TimeoutError("took too long")

    def fault(request: Request) -> Answer | None:
        if "add/run" in request.path:
            for event in raised:
                os.kill(os.getpid(), signal.SIGUSR1)
                event.wait(60)
        return None

    @track()
    def body() -> None:
        ran.append(1)

    laptop.faults.append(fault)
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(TimeoutError, match="took too long"):
            body()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert all(event.is_set() for event in raised)
    assert ran == []
    assert not laptop.only_experiment.alive


@pytest.mark.usefixtures("raises")
def test_what_is_raised_has_no_frames_of_the_plugin_with_the_api_key(laptop: CometServer) -> None:
    starting = threading.Event()
    starting.set()
    once_after(laptop, starting, "add/run")
    with pytest.raises(TimeoutError) as raised:
        track()(lambda: None)()
    trace, files = raised.value.__traceback__, list[str]()
    while trace is not None:
        files.append(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    assert [file for file in files if file.endswith(("opening.py", "start.py", "login.py"))] == []
