"""What is printed while a tracked call runs."""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml.archives.store import local_upload_command

from tests.support.comet_server import CometServer
from tests.support.tracked import track

Read = Callable[[], str]


@pytest.fixture
def printed(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Read:
    """What was printed so far by the SDK's console handler, which holds the stream that there was at its import."""
    for handler in logging.getLogger("comet_ml").handlers:
        if type(handler) is logging.StreamHandler:
            monkeypatch.setattr(handler, "stream", sys.stderr)
    return lambda: "".join(capfd.readouterr())


def logs_a_metric(**options: Any) -> None:
    @track(**options)
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("loss", 1)

    body()


def test_an_online_call_prints_none_of_the_sdk_s_lines(laptop: CometServer, printed: Read) -> None:
    logs_a_metric()
    assert "COMET" not in printed()


def test_an_offline_call_prints_none_of_the_sdk_s_lines(canary: object, printed: Read) -> None:
    logs_a_metric()
    assert "COMET INFO" not in printed()


def test_comet_logging_console_shows_everything(laptop: CometServer, printed: Read) -> None:
    os.environ["COMET_LOGGING_CONSOLE"] = "info"
    logs_a_metric()
    assert "Comet.ml Experiment Summary" in printed()


def test_a_summary_that_was_asked_for_is_printed_alone(laptop: CometServer, printed: Read) -> None:
    logs_a_metric(display_summary_level=1)
    text = printed()
    assert "Comet.ml Experiment Summary" in text
    assert "Experiment is live" not in text


def test_warnings_are_printed(laptop: CometServer, printed: Read) -> None:
    @track()
    def body() -> None:
        logging.getLogger("comet_ml").warning("something is so")

    body()
    assert "something is so" in printed()


@pytest.mark.newest
@pytest.mark.parametrize("name", ["JUPYTER_NEEDS_END", "PYDEV_NEEDS_END", "AWS_LAMBDA_NEEDS_END"])
def test_nobody_is_told_to_end_the_experiment(laptop: CometServer, printed: Read, name: str) -> None:
    text = vars(comet_ml.logging_messages)[name]

    @track()
    def body() -> None:
        logging.getLogger("comet_ml.experiment").warning(text)

    body()
    assert "experiment.end()" not in printed()


@pytest.mark.newest
def test_of_an_archive_only_our_command_is_printed(laptop: CometServer, printed: Read) -> None:
    text = comet_ml.logging_messages.FALLBACK_STREAMER_ONLINE_FAILED_ARCHIVE_UPLOAD_MESSAGE

    @track()
    def body() -> None:
        logging.getLogger("comet_ml.streamer.fallback").warning(text, "/tmp/of-the-pod/abc.zip")

    body()
    assert "comet upload" not in printed()


def test_outside_of_a_tracked_call_the_sdk_prints_what_it_prints(laptop: CometServer, printed: Read) -> None:
    logs_a_metric()
    printed()
    logging.getLogger("comet_ml").info("somebody else's line")
    assert "somebody else's line" in printed()


def test_other_handlers_have_everything(laptop: CometServer, mocker: Any) -> None:
    lines: list[str] = []
    handler = mocker.Mock(level=logging.INFO, handle=lambda record: lines.append(record.getMessage()))
    logging.getLogger("comet_ml").addHandler(handler)
    try:
        logs_a_metric()
    finally:
        logging.getLogger("comet_ml").removeHandler(handler)
    assert any("Summary" in line for line in lines)


def test_the_command_that_sends_an_archive_works_when_it_is_pasted(tmp_path: Path) -> None:
    directory = tmp_path / "with a space"
    directory.mkdir()
    (directory / "abc-x.zip").touch()
    command = local_upload_command(str(directory / "abc*.zip"))
    python, *rest = shlex.split(command)
    assert python == sys.executable
    assert rest[:3] == ["-m", "flytekitplugins.comet_ml", "upload"]
    shell = ["bash", "-c", f"ls {command.split(' upload ')[1]}"]
    listed = subprocess.run(shell, capture_output=True, text=True, check=True)
    assert listed.stdout.strip() == str(directory / "abc-x.zip")
