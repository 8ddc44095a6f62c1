"""The benchmarks still run: the parts that take no time; the figures are `make bench`'s."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import environments, keys, processes
from benchmarks.pods import Pods
from benchmarks.server import Server
from tests.support import ROOT

HERE = environments.Environment(Path(sys.prefix))


@pytest.mark.slow
@pytest.mark.newest
def test_a_measured_pod_is_tracked_and_its_requests_are_counted(tmp_path: Path) -> None:
    pods = Pods(HERE, HERE, tmp_path / "pods")
    pods.prepare()
    with Server() as server:
        finished = processes.succeeded(pods.run("tracked", server.url, index=3, timeout=600))
        assert [metrics["loss"] for metrics in server.metrics().values()] == [50]
        asked = server.requests()
        assert server.requests() == []
    assert finished.printed("SECONDS") > 0
    assert finished.printed("MEMORY") > 10
    assert "POST /api/rest/v2/write/experiment/log-other flyte_execution" in asked
    assert "GET /api/rest/v2/account-details" in asked


def test_a_measured_process_that_fails_is_no_measurement(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    run = processes.run(command, binaries=HERE.binaries, directory=tmp_path / "room", environment={})
    with pytest.raises(RuntimeError, match="ended with 3"):
        processes.succeeded(run)


def test_keys_of_a_benchmark_are_distinct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "NUMBER", 1000)
    assert any("| 1,000 | 1,000 |" in line for line in keys.measure())


def test_the_page_has_a_section_for_everything_that_is_measured() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()
    assert "`make bench`" in page
    assert "not explained" not in page
    sections = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    assert sections == [
        "Import",
        "A call, without Comet's own time",
        "Serialization of 500 tasks",
        "A tracked task",
        "The event loop of async tasks",
        "100,000 metrics in a loop",
        "Outages",
        "A map task of 500 nodes",
        "Experiment keys",
    ]
