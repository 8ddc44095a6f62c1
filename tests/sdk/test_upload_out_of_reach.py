"""`upload` where somebody does not answer: the Comet server, or the blob store that the archives are in."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from click.testing import CliRunner, Result
from flytekitplugins.comet_ml.cli import main
from flytekitplugins.comet_ml.deadline import left_behind, within
from fsspec import AbstractFileSystem
from pytest_mock import MockerFixture

from tests.support.comet_server import CometServer
from tests.support.offline_runs import points_of
from tests.support.written_archives import metric, write


def upload(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["upload", *map(str, arguments)])


# The server


def test_a_server_is_given_up_by_the_clock_whatever_the_timeouts_are(
    laptop: CometServer, tmp_path: Path, mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    mocker.patch("flytekitplugins.comet_ml.archives.upload._FIRST_ANSWER_SECONDS", 0.2)
    for name in ("COMET_TIMEOUT_HTTP", "COMET_TIMEOUT_API"):
        monkeypatch.setenv(name, "600")
    path = write(tmp_path / "a.zip", [metric("loss", 1)])
    with laptop.fault(laptop.hang):
        result = upload(path)
        laptop.stop()
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"{path}: not sent: Comet at {laptop.url} cannot be reached (no answer within 0.2 seconds).")


# Blob stores


class SilentStore(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A blob store that does not answer, and whose client complains of that in its log."""

    protocol = "silent"
    released = threading.Event()

    def isdir(self, path: str) -> bool:
        logging.getLogger("silent").warning("Traceback (most recent call last)")
        self.released.wait(60)
        return False


@pytest.fixture
def _silent_store(mocker: MockerFixture) -> Iterator[None]:
    fsspec.register_implementation("silent", SilentStore, clobber=True)
    mocker.patch("flytekitplugins.comet_ml.cli.places.PATIENCE", 0.2)
    SilentStore.released.clear()
    yield
    SilentStore.released.set()
    while left_behind():
        time.sleep(0.01)


@pytest.mark.usefixtures("_silent_store")
def test_a_blob_store_that_does_not_answer_is_one_line_and_its_log_is_not_shown(
    laptop: CometServer, capfd: pytest.CaptureFixture[str], mocker: MockerFixture
) -> None:
    asked = mocker.spy(SilentStore, "isdir")
    result = upload("silent://bucket/a", "silent://bucket/b")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"silent://bucket/{name}: not sent: the blob store does not answer (no answer within 0.2 seconds). Check the "
        "address, the network, and the credentials for silent:// here."
        for name in "ab"
    ]
    assert asked.call_count == 1
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.usefixtures("_silent_store")
def test_show_of_a_blob_store_that_does_not_answer_is_one_line() -> None:
    result = CliRunner().invoke(main, ["show", "silent://bucket/a"])
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("silent://bucket/a: the blob store does not answer")


def test_a_blob_store_whose_package_is_missing_is_a_line_that_says_what_to_install(laptop: CometServer) -> None:
    result = upload("dropbox://bucket/a.zip")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "dropbox:// needs the package dropboxdrivefs, which is not installed here" in line
    assert line.endswith(f"run `{sys.executable} -m pip install dropboxdrivefs`.")


@pytest.mark.parametrize("error", [PermissionError("no credentials\nand a second line"), OSError(), ValueError("no")])
def test_whatever_a_blob_store_raises_is_one_line(laptop: CometServer, mocker: MockerFixture, error: Exception) -> None:
    mocker.patch("flytekitplugins.comet_ml.cli.places._filesystem", side_effect=error)
    result = upload("s3://bucket/a.zip")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"s3://bucket/a.zip: not sent: the blob store did not give it ({type(error).__name__}")
    assert "credentials for s3:// here" in line


def test_what_a_blob_store_says_at_length_is_cut(laptop: CometServer, mocker: MockerFixture) -> None:
    mocker.patch("flytekitplugins.comet_ml.cli.places._filesystem", side_effect=ValueError("long " * 1000))
    assert len(upload("s3://bucket/a.zip").stderr) < 600


def test_archives_in_a_blob_store_are_sent_and_shown(laptop: CometServer, tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    path = write(tmp_path / "a.zip", [metric("loss", 1)])
    store.pipe("/bucket/comet-ml/a.zip", path.read_bytes())
    store.pipe("/bucket/comet-ml/notes.txt", b"no archive")
    result = upload("memory://bucket/comet-ml")
    assert result.exit_code == 0, result.output
    assert points_of(laptop.only_experiment) == {(0, 1): 1}
    assert (
        "upload memory:///bucket/comet-ml/a.zip"
        in CliRunner().invoke(main, ["show", "memory://bucket/comet-ml"]).output
    )


# The clock


def test_what_comes_in_time_is_what_the_function_returns_or_raises() -> None:
    def fail() -> None:
        raise KeyError("x")

    assert within(60, lambda: 3) == 3
    assert within(60, lambda: None) is None
    with pytest.raises(KeyError):
        within(60, fail)


def test_what_does_not_come_in_time_is_a_timeout_and_goes_on_behind() -> None:
    released = threading.Event()
    with pytest.raises(TimeoutError, match="no answer within"):
        within(0.01, released.wait)
    assert left_behind()
    released.set()
    while left_behind():
        time.sleep(0.01)
