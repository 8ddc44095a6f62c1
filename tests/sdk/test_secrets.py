"""The API key is in nothing that is shown: objects, exceptions, tracebacks with variables, loggers at DEBUG."""

from __future__ import annotations

import gc
import http.client
import logging
import os
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml import APIKeyRejectedError, CometTrackingError, WorkspaceAccessError

from tests.support.canary import CANARY, Canary
from tests.support.comet_http import Request
from tests.support.comet_server import CometServer
from tests.support.pod_environment import InPod
from tests.support.tracked import tracked


def refused(comet: CometServer, in_pod: InPod, how: str) -> CometTrackingError:
    """The error of a task that must not start."""
    options: dict[str, Any] = {}
    if how == "rejected key":
        comet.accepted_keys = {"another"}
    elif how == "closed workspace":
        comet.forbidden_workspaces.add("my-team")
    elif how == "refused by a server that repeats what it was sent":
        comet.faults.append(lambda request: (400, {"msg": f"{request.api_key}?", "sdk_error_code": 1}))
    else:
        comet.faults.append(lambda request: (500, {"msg": f"{request.api_key}?"}))
        options["on_unavailable"] = "raise"
    with in_pod(), pytest.raises(CometTrackingError) as raised:
        tracked(comet, **options)()
    return raised.value


WAYS = ["rejected key", "closed workspace", "refused by a server that repeats what it was sent", "unavailable"]


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and those that it came from, suppressed or not."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("how", WAYS)
def test_no_exception_has_the_key_in_it(comet: CometServer, in_pod: InPod, how: str) -> None:
    for error in chain(refused(comet, in_pod, how)):
        assert CANARY not in f"{error} {error!r} {error.args!r} {vars(error)!r}"


@pytest.mark.parametrize("how", WAYS)
def test_no_traceback_with_local_variables_has_the_key_in_it(comet: CometServer, in_pod: InPod, how: str) -> None:
    error = refused(comet, in_pod, how)
    text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert CANARY not in text


def test_a_traceback_of_the_body_with_local_variables_has_no_key_in_it(comet: CometServer, in_pod: InPod) -> None:
    def fail() -> None:
        raise ValueError("no luck")

    with in_pod(), pytest.raises(ValueError, match="no luck") as raised:
        tracked(comet, fail)()
    text = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert CANARY not in text


@pytest.mark.newest
@pytest.mark.parametrize(
    "giving",
    [
        lambda key: comet_ml.Experiment(api_key=key, project_name="other"),
        lambda key: comet_ml.start(api_key=key, project_name="other"),
        lambda key: comet_ml.login(api_key=key),
        lambda key: comet_ml.API(api_key=key).get_workspaces(),
    ],
    ids=["constructor", "start", "login", "API"],
)
def test_a_key_that_the_body_gives_is_in_no_log_and_no_error_when_the_server_rejects_it(
    comet: CometServer, in_pod: InPod, caplog: pytest.LogCaptureFixture, giving: Callable[[str], Any]
) -> None:
    theirs = "another" + "z" * 18

    def body() -> None:
        giving(theirs)

    caplog.set_level(logging.DEBUG)
    told = "no error"
    with in_pod():
        try:
            tracked(comet, body)()
        except Exception as raised:
            told = "".join(traceback.format_exception(raised))
    assert [request for request in comet.requests if theirs in (request.api_key or "")]
    assert theirs not in caplog.text + told + str(list(comet.experiments.values()))


def test_no_object_of_ours_shows_the_key(comet: CometServer, in_pod: InPod) -> None:
    def look() -> list[str]:
        ours = [
            thing for thing in gc.get_objects() if str(type(thing).__module__).startswith("flytekitplugins.comet_ml")
        ]
        assert {"Session", "SettingsLayer", "SDKLogFilter"} <= {type(thing).__name__ for thing in ours}
        return [f"{type(thing).__name__}: {text}" for thing in ours if CANARY in (text := f"{thing!r} {thing}")]

    # What other tests have left is not looked at: a frozen object is in no list.
    gc.freeze()
    try:
        with in_pod():
            train = tracked(comet, look)
            assert train() == []
    finally:
        gc.unfreeze()
    assert CANARY not in f"{train!r} {train.get_extra_config()!r} {vars(train)!r}"


def test_a_root_logger_at_debug_sees_no_key(comet: CometServer, in_pod: InPod, canary: Canary) -> None:
    root, level = logging.getLogger(), logging.getLogger().level
    seen: list[str] = []
    handler = logging.Handler()
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    handler.emit = lambda record: seen.append(handler.format(record))  # type: ignore[method-assign]
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    # The SDK's own logger keeps its records to itself.
    sdk_logger = logging.getLogger("comet_ml")
    propagate, sdk_logger.propagate = sdk_logger.propagate, True
    try:
        with in_pod():
            tracked(comet, lambda: comet_ml.get_running_experiment().log_metric("loss", 1))()
        comet.accepted_keys = {"another"}
        with in_pod(), pytest.raises(APIKeyRejectedError):
            tracked(comet)()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        sdk_logger.propagate = propagate
    assert any(line.startswith("urllib3") for line in seen)
    assert [line for line in seen if CANARY in line] == []


def test_the_body_finds_the_sdk_s_error_telemetry_as_the_user_has_it(comet: CometServer, in_pod: InPod) -> None:
    for value in ("0", None):
        if value is None:
            del os.environ["COMET_ERROR_TRACKING_ENABLE"]
        with in_pod():
            assert tracked(comet, lambda: os.environ.get("COMET_ERROR_TRACKING_ENABLE"))() == value


def test_a_refused_workspace_is_one_request_more_and_no_body(comet: CometServer, in_pod: InPod) -> None:
    comet.forbidden_workspaces.add("my-team")
    asked: list[Request] = []
    comet.faults.append(lambda request: asked.append(request))
    with in_pod(), pytest.raises(WorkspaceAccessError):
        tracked(comet, lambda: pytest.fail("the body ran"))()
    assert len([request for request in asked if request.path.endswith("add/run")]) == 1


def test_a_connection_that_is_told_to_print_what_it_sends_prints_no_key(
    laptop: CometServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)

    def body() -> None:
        comet_ml.get_running_experiment().log_metric("m", 1)

    tracked(laptop, body)()
    assert laptop.only_experiment.metrics["m"]
    assert CANARY not in "".join(capfd.readouterr())
