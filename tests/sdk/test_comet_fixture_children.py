"""The fixture `comet` and processes that a test starts: they reach nobody else, and what they log is there."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import comet_ml
import pytest
from flytekitplugins.comet_ml.sdk import stand_in
from flytekitplugins.comet_ml.testing import Comet
from flytekitplugins.comet_ml.testing.fixture import comet_in_memory

from tests.support.tracked import track


@pytest.fixture
def comet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Comet]:
    """What the plugin's fixture does, where a proxy would lead to nobody."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with comet_in_memory(monkeypatch.setenv, monkeypatch.delenv, tmp_path / "comet") as comet:
        yield comet


SOURCE = """
import os
import comet_ml
key = os.environ.get("COMET_EXPERIMENT_KEY")
if key:
    experiment = comet_ml.ExistingExperiment(previous_experiment=key)
else:
    experiment = comet_ml.start(workspace="my-team")
experiment.log_metric("of the child", 1)
experiment.log_asset_data("content", name="notes.txt")
experiment.end()
"""


def log() -> None:
    exec(SOURCE)


def by_subprocess() -> None:
    subprocess.run([sys.executable, "-c", SOURCE], check=True, timeout=60)


def by_multiprocessing(method: str) -> Callable[[], None]:
    def run() -> None:
        child = multiprocessing.get_context(method).Process(target=log)
        child.start()
        child.join(60)
        assert child.exitcode == 0

    return run


def by_os_fork() -> None:
    child = os.fork()
    if not child:
        try:
            log()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


WAYS = [by_subprocess, by_multiprocessing("spawn"), by_multiprocessing("fork"), by_os_fork]


@pytest.mark.by_default("subprocess", "fork")
@pytest.mark.parametrize("way", WAYS, ids=["subprocess", "spawn", "fork", "os.fork"])
def test_what_a_child_of_the_test_logs_is_there(comet: Comet, way: Callable[[], None]) -> None:
    way()
    [experiment] = comet.experiments
    assert (experiment.metrics, experiment.assets["notes.txt"]) == ({"of the child": [1]}, b"content")
    assert experiment.url.startswith("https://www.comet.com/my-team/")
    assert experiment.state == "finished"


@pytest.mark.by_default("options0-spawn", "options1-fork", "options2-os.fork")
@pytest.mark.newest
@pytest.mark.parametrize("way", WAYS, ids=["subprocess", "spawn", "fork", "os.fork"])
@pytest.mark.parametrize(
    "options", [{}, {"host": "https://comet.invalid"}, {"url_override": "https://comet.invalid/clientlib/"}]
)
def test_a_child_of_a_task_logs_to_the_task_s_experiment(
    comet: Comet, way: Callable[[], None], options: dict[str, str]
) -> None:
    @track(**options)
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("m", 1)
        way()

    body()
    [experiment] = comet.experiments
    assert experiment.metrics == {"m": [1], "of the child": [1]}
    assert experiment.url.startswith("https://comet.invalid/" if options else "https://www.comet.com/")


def test_where_a_test_forbids_sockets_a_child_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*arguments: object) -> None:
        raise RuntimeError("no sockets")

    monkeypatch.setattr(stand_in, "ThreadingTCPServer", refuse)
    with comet_in_memory(monkeypatch.setenv, monkeypatch.delenv, tmp_path / "comet") as comet:
        port = urlsplit(os.environ["COMET_URL_OVERRIDE"]).port
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        track()(lambda: comet_ml.get_running_experiment().log_metric("m", 1))()
        assert [each.metrics for each in comet.experiments] == [{"m": [1]}]
