"""How much of the disk tracking takes, with the real SDK. What a disk has left is said by a test's own disk."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections import namedtuple
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml.sdk import disk_room
from pytest_mock import MockerFixture

from tests.support.comet_server import CometServer
from tests.support.offline_runs import wait_until
from tests.support.tracked import track

Usage = namedtuple("Usage", ["total", "used", "free"])

MB = 2**20


class Disk:
    """A disk of which the home's files take what they take, and something else the rest.

    Attributes:
        size: Its size in bytes.
        taken: What something else takes.
        least: The least that was free when it was looked at.
    """

    def __init__(self, home: Path, size: int) -> None:
        self.size = size
        self.taken = 0
        self._home = home

    @property
    def free(self) -> int:
        files = (file for file in self._home.rglob("*") if file.is_file())
        return max(0, self.size - self.taken - sum(file.stat().st_size for file in files))

    def usage(self, path: Any) -> Usage:
        return Usage(self.size, self.size - self.free, self.free)


@pytest.fixture
def disk(tmp_path: Path, mocker: MockerFixture) -> Disk:
    disk = Disk(tmp_path / "home", 4 * MB)
    mocker.patch.object(shutil, "disk_usage", side_effect=disk.usage)
    return disk


def archived(work: Path) -> list[str]:
    (path,) = (work / ".cometml-runs").glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        return archive.read("messages.json").decode().splitlines()


def test_of_many_metrics_offline_those_are_kept_that_leave_room_for_the_task(
    disk: Disk, canary: object, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    least = []

    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        for step in range(20_000):
            experiment.log_metric("loss", 1 / (step + 1), step=step)
        wait_until(experiment.streamer.messages.empty)
        least.append(disk.free)

    body()
    metrics = [line for line in archived(tmp_path / "work") if '"loss"' in line]
    assert 1000 < len(metrics) < 20_000
    # The reserve of a small disk is one half of it, and the archive needs as much again as there is.
    assert least[0] > disk.size // 2 + (disk.size - least[0]) - 200_000
    assert caplog.text.count("There is no room on the disk") == 1
    assert "x metric_msg" in caplog.text


def test_an_asset_that_is_too_large_is_left_out_and_what_is_small_is_kept(
    disk: Disk, canary: object, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(os.urandom(3 * MB))

    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        experiment.log_asset(str(tmp_path / "large"))
        experiment.log_asset_data("x" * 3 * MB, name="text")
        experiment.log_metric("loss", 0.5)

    body()
    lines = archived(tmp_path / "work")
    assert any('"loss"' in line for line in lines)
    uploads = [line for line in lines if '"file_upload"' in line]
    assert not any('"large"' in line or '"text"' in line for line in uploads)
    assert "There is no room on the disk" in caplog.text


def test_a_disk_without_room_costs_an_online_run_nothing(disk: Disk, laptop: CometServer, tmp_path: Path) -> None:
    disk.taken = disk.size

    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        for step in range(200):
            experiment.log_metric("loss", step, step=step)
        experiment.log_asset_data("x" * MB, name="text")

    body()
    assert len(laptop.only_experiment.metrics["loss"]) == 200
    assert laptop.only_experiment.states[-1] in ("ended", "finished")


def test_what_the_task_takes_of_the_disk_meanwhile_counts(disk: Disk, canary: object, tmp_path: Path) -> None:
    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        experiment.log_other("before", 1)
        wait_until(experiment.streamer.messages.empty)
        disk.taken = disk.size
        experiment.log_html("<b>after</b>" * 10)

    body()
    lines = archived(tmp_path / "work")
    assert any('"before"' in line for line in lines)
    assert not any("<b>after" in line for line in lines)


def test_a_large_disk_has_a_reserve_of_a_fixed_size(disk: Disk) -> None:
    disk.size = 2**40
    assert disk_room.reserve("/") == disk_room.RESERVE
