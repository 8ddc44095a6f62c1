"""Where the SDK keeps what is not in Comet yet: a body that cleans up does not find it."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import comet_ml
import pytest
from flytekitplugins.comet_ml.archives import own_directory

from tests.support.comet_server import CometServer
from tests.support.tracked import track


def clean_up() -> None:
    """What bodies do at their end."""
    for path in Path(tempfile.gettempdir()).iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def archived(work: Path) -> str:
    (path,) = (work / ".cometml-runs").glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        return archive.read("messages.json").decode()


def state(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".local" / "state" / "flytekitplugins-comet-ml"


def test_a_body_that_removes_its_working_directory_is_told_where_its_archive_is_instead(
    canary: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @track()
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("loss", 1)
        shutil.rmtree(tmp_path / "work")

    with caplog.at_level(logging.INFO):
        body()
    (archive,) = state(tmp_path).rglob("*.zip")
    assert '"loss"' in zipfile.ZipFile(archive).read("messages.json").decode()
    assert any(f"Comet archive: {archive}; send it" in record.getMessage() for record in caplog.records)


def test_a_body_that_closes_all_files_gets_no_error_of_the_lock() -> None:
    own = own_directory.make()
    assert own is not None
    assert own._lock is not None
    os.close(own._lock.fileno())
    own.close(keep=False)
    assert not own.path.exists()


def test_a_body_that_removes_its_temporary_files_loses_nothing_offline(canary: object, tmp_path: Path) -> None:
    (tmp_path / "asset.txt").write_text("content")

    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        experiment.log_metric("before", 1)
        experiment.log_asset(str(tmp_path / "asset.txt"))
        clean_up()
        experiment.log_metric("after", 2)

    body()
    messages = archived(tmp_path / "work")
    assert '"before"' in messages
    assert '"after"' in messages
    assert "asset.txt" in messages


@pytest.mark.slow
def test_nor_does_it_when_the_server_goes_away(laptop: CometServer, tmp_path: Path) -> None:
    @track()
    def body() -> None:
        laptop.stop()
        experiment = comet_ml.get_running_experiment()
        experiment.log_metric("before", 1)
        clean_up()
        experiment.log_metric("after", 2)

    body()
    messages = archived(tmp_path / "work")
    assert '"before"' in messages
    assert '"after"' in messages


def test_files_that_somebody_has_removed_are_missed(canary: object, caplog: pytest.LogCaptureFixture) -> None:
    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        experiment.log_metric("before", 1)
        # The SDK writes there meanwhile.
        shutil.rmtree(experiment.tmpdir, ignore_errors=True)

    body()
    assert caplog.text.count("Something has removed the files of the Comet experiment") == 1


def test_nothing_is_left_in_the_home(laptop: CometServer, tmp_path: Path) -> None:
    @track()
    def body() -> None:
        assert list(state(tmp_path).glob("comet-offline-*"))
        comet_ml.get_running_experiment().log_metric("loss", 1)

    body()
    assert list((tmp_path / "home").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_home_that_cannot_be_written_to_is_passed_over(canary: object, tmp_path: Path) -> None:
    (tmp_path / "home").chmod(0o555)
    directory = own_directory.make()
    assert directory is not None
    assert directory.path.parent == tmp_path / "work" / ".cometml-runs"
    directory.close(keep=False)


def test_a_home_in_the_directory_of_temporary_files_is_passed_over(canary: object, tmp_path: Path) -> None:
    os.environ["HOME"] = str(tmp_path / "tmp" / "home")
    directory = own_directory.make()
    assert directory is not None
    assert directory.path.parent == tmp_path / "work" / ".cometml-runs"
    directory.close(keep=False)


KILLED = """
import os, signal
from flytekitplugins.comet_ml.archives import own_directory
directory = own_directory.make()
print(directory.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_has_left_is_removed_by_the_next(canary: object, tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, check=False)
    left = Path(killed.stdout.strip())
    assert left.is_dir()
    first, second = own_directory.make(), own_directory.make()
    assert first is not None
    assert second is not None
    assert not left.exists()
    assert first.path.exists(), "that of a process that runs stays"
    first.close(keep=False)
    second.close(keep=False)


def test_an_archive_that_could_not_be_stored_stays(canary: object) -> None:
    directory = own_directory.make()
    assert directory is not None
    (directory.path / "key.zip").write_text("")
    (directory.path / "tmp").mkdir()
    directory.close(keep=True)
    assert [path.name for path in directory.path.iterdir()] == ["key.zip"]
    another = own_directory.make()
    assert another is not None
    another.close(keep=False)
    assert (directory.path / "key.zip").exists()
