"""The Others are sent beside the body and beside each other, and nothing else about them changes."""

from __future__ import annotations

import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekit import Secret
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.comet_ml.sdk.ahead import _Sender

from tests.support.comet_server import CometServer, Request
from tests.support.pod_environment import InPod

SECRET = Secret(group="comet-ml", key="comet-ml-api-key")


def name_of(request: Request) -> str:
    return str(request.body["key"]) if request.path.endswith("/log-other") else ""


def tracked(comet: CometServer, body: Any = lambda: None) -> Any:
    return comet_ml_login(project_name="digits", workspace="my-team", secret=SECRET, host=comet.url)(body)


def test_others_are_sent_beside_each_other(comet: CometServer, in_pod: InPod) -> None:
    two = threading.Barrier(2, timeout=60)
    first = ["flyte_execution", "flyte_project"]

    def wait_for_the_other(request: Request) -> None:
        if name_of(request) in first:
            two.wait()

    with in_pod(), comet.fault(wait_for_the_other):
        tracked(comet)()
    assert not two.broken
    assert comet.only_experiment.others["flyte_execution"] == "ahq8bl2jkbsf7wxd4mzn"


def test_the_body_runs_while_they_are_sent_and_the_end_waits_for_them(comet: CometServer, in_pod: InPod) -> None:
    body_ran = threading.Event()

    def wait_for_the_body(request: Request) -> None:
        if name_of(request).startswith("flyte_"):
            assert body_ran.wait(60)

    with in_pod(), comet.fault(wait_for_the_body):
        tracked(comet, body_ran.set)()
    assert len([name for name in comet.only_experiment.others if name.startswith("flyte_")]) == 9


def test_what_the_body_logs_under_the_same_name_wins(comet: CometServer, in_pod: InPod) -> None:
    def slowly(request: Request) -> None:
        if name_of(request) == "Created from" and request.body["value"] == "flyte":
            time.sleep(1)

    def body() -> None:
        comet_ml.get_running_experiment().log_other("Created from", "mine")

    with in_pod(), comet.fault(slowly):
        tracked(comet, body)()
    assert comet.only_experiment.others["Created from"] == "mine"


def test_the_body_sees_them(comet: CometServer, in_pod: InPod) -> None:
    with in_pod():
        assert tracked(comet, lambda: comet_ml.get_running_experiment().get_other("flyte_attempt"))() == "0"


@pytest.mark.newest
def test_the_archive_of_a_server_that_is_lost_holds_them_all(
    comet: CometServer, in_pod: InPod, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COMET_HTTP_SESSION_RETRY_TOTAL", "0")
    lost: list[Request] = []

    def lose_the_connection(request: Request) -> None:
        if name_of(request) or lost:
            lost.append(request)
            raise ConnectionResetError

    with in_pod(), comet.fault(lose_the_connection):
        tracked(comet)()
    assert lost
    (archive,) = tmp_path.rglob("*.zip")
    with zipfile.ZipFile(archive) as content:
        messages = content.read("messages.json").decode()
    for name in ("flyte_execution", "flyte_workflow", "Created from"):
        assert f'"key":"{name}"' in messages


class Network:
    """Sends nothing, and keeps what it is asked to send."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.open = threading.Event()
        self.error: Exception | None = None

    def send(self, *, experiment_key: str, key: str, value: str) -> str:
        self.open.wait(60)
        self.sent.append((key, value))
        if self.error is not None:
            raise self.error
        return f"answer to {key}"


@pytest.fixture
def network() -> Network:
    return Network()


def call(sender: _Sender, key: str, value: str = "1") -> Any:
    return sender(experiment_key="k", key=key, value=value)


def test_the_queue_gets_the_answer_and_nothing_is_sent_twice(network: Network) -> None:
    sender = _Sender(network.send, "k", {"a": "1", "b": "1"})
    network.open.set()
    assert [call(sender, "a"), call(sender, "b")] == ["answer to a", "answer to b"]
    assert sorted(network.sent) == [("a", "1"), ("b", "1")]


def test_the_queue_gets_the_exception(network: Network) -> None:
    network.error = ConnectionError("lost")
    network.open.set()
    sender = _Sender(network.send, "k", {"a": "1"})
    with pytest.raises(ConnectionError, match="lost"):
        call(sender, "a")


def test_what_the_queue_sends_again_is_sent_again(network: Network) -> None:
    network.open.set()
    sender = _Sender(network.send, "k", {"a": "1"})
    call(sender, "a")
    call(sender, "a")
    assert network.sent == [("a", "1"), ("a", "1")]


def test_another_value_is_sent_by_the_queue(network: Network) -> None:
    network.open.set()
    sender = _Sender(network.send, "k", {"a": "1"})
    call(sender, "a")
    call(sender, "a", "2")
    assert network.sent == [("a", "1"), ("a", "2")]


def test_without_threads_the_queue_sends_all(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    network.open.set()
    sender = _Sender(network.send, "k", {"a": "1", "b": "1"})
    assert [call(sender, "b"), call(sender, "a")] == ["answer to b", "answer to a"]
    assert network.sent == [("b", "1"), ("a", "1")]
