"""`python -m flytekitplugins.comet_ml upload`: with the real SDK, as a process of its own, against the Comet server."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flytekitplugins.comet_ml.cli import main

from tests.support.canary import CANARY
from tests.support.comet_http import Answer, Request
from tests.support.comet_server import CometServer
from tests.support.offline_runs import (
    KEY,
    Sender,
    archived,
    log_everything,
    losses,
    once,
    partly_delivered,
    points_of,
    wait_until,
)
from tests.support.written_archives import metric, write

OTHER_KEY = "fedcba9876543210fedcba9876543210"


@pytest.mark.slow
def test_an_archive_is_sent_to_an_experiment_of_its_own_key(sender: Sender, comet: CometServer, tmp_path: Path) -> None:
    archive = archived(tmp_path / "raw", log_everything)
    before = archive.read_bytes()
    upload = sender.send(archive)
    experiment = comet.only_experiment
    assert upload.status == 0
    assert experiment.key == KEY
    assert (experiment.workspace, experiment.project) == ("my-team", "digits")
    assert points_of(experiment) == once(range(100))
    assert experiment.parameters["rate"] == 0.1
    assert experiment.others["flyte_task"] == "train"
    assert experiment.tags == ["nightly"]
    assert b"content" in next(a["content"] for a in experiment.assets.values() if a["fileName"] == "notes.txt")
    assert experiment.states[-1] == "finished"
    assert len(upload.out) == 1
    assert upload.out[0].startswith(f"{archive}: ")
    assert f"{comet.url}/my-team/digits/{KEY} (finished)" in upload.out[0]
    assert upload.out[0].endswith("The archive can be deleted.")
    assert upload.err == []
    assert archive.read_bytes() == before


def test_an_archive_that_is_sent_twice_is_there_once(
    sender: Sender, other_machine: Sender, comet: CometServer, tmp_path: Path
) -> None:
    archive = archived(tmp_path / "raw", log_everything)
    assert sender.send(archive).status == 0
    requests = len(comet.requests)
    copy = shutil.copy(archive, tmp_path / "renamed.zip")
    again = other_machine.send(copy)
    assert again.status == 0
    assert "was sent before" in again.out[0]
    assert f"{comet.url}/my-team/digits/{KEY}" in again.out[0]
    assert not [request for request in comet.requests[requests:] if request.method != "GET"]
    assert points_of(comet.only_experiment) == once(range(100))


def test_an_upload_that_is_killed_half_way_is_completed_by_the_next(
    sender: Sender, other_machine: Sender, comet: CometServer, tmp_path: Path
) -> None:
    archive = archived(tmp_path / "raw", log_everything)

    def second_batch_hangs(request: Request) -> Answer | None:
        batch = request.path.endswith("/experiment/metric")
        return comet.hang(request) if batch and len(comet.only_experiment.points) >= 30 else None

    with comet.fault(second_batch_hangs):
        process = sender.start(archive, COMET_MESSAGE_BATCH_METRIC_MAX_SIZE="30")
        wait_until(lambda: any(comet.experiments.values()) and len(comet.only_experiment.points) >= 30)
        wait_until(lambda: comet.paths()[-1].endswith("/experiment/metric"))
        process.kill()
        process.communicate()
    arrived = len(comet.only_experiment.points)
    assert 30 <= arrived < 102
    upload = other_machine.send(archive)
    experiment = comet.only_experiment
    assert upload.status == 0
    assert points_of(experiment) == once(range(100))
    assert len(experiment.points) == 102 + len([p for p in experiment.points if p["metricName"] == "process duration"])
    assert sorted(experiment.uploads) == sorted(set(experiment.uploads))
    assert experiment.html == "<b>html</b>"
    assert experiment.states[-1] == "finished"
    assert experiment.times["start"] == json.loads(zipfile.ZipFile(archive).read("experiment.json"))["start_time"]
    assert "was sent before" in sender_again(other_machine, archive)


def sender_again(sender: Sender, archive: Path) -> str:
    (line,) = sender.send(archive).out
    return line


@pytest.mark.slow
def test_an_archive_of_a_run_that_was_partly_delivered_adds_what_is_missing(
    sender: Sender, laptop: CometServer, tmp_path: Path
) -> None:
    archive = partly_delivered(tmp_path / "raw", laptop, steps=300, delivered=101)
    experiment = laptop.only_experiment
    assert points_of(experiment) == once(range(101))
    assert experiment.states[-1] != "crashed"
    upload = sender.send(archive)
    assert upload.status == 0
    assert list(laptop.experiments) == [KEY]
    assert points_of(experiment) == once(range(300))
    assert [asset["fileName"] for asset in experiment.assets.values()] == ["before.txt"]
    assert len(experiment.uploads) == 1
    assert experiment.output.count("printed before\n") == 1
    assert experiment.output.count("printed after\n") == 1
    assert experiment.html == "<b>before</b>"
    assert experiment.states[-1] == "crashed"
    assert "(crashed)" in upload.out[0]


def test_the_experiment_shows_how_the_run_ended(sender: Sender, comet: CometServer, tmp_path: Path) -> None:
    runs = {
        "well": ([], "finished"),
        "failed": (["failed"], "crashed"),
        "terminated": (["terminated"], "crashed"),
        "resumed": (["failed", "finished"], "finished"),
    }
    for name, (statuses, _) in runs.items():

        def log(experiment: Any, statuses: list[str] = statuses) -> None:
            for status in statuses:
                experiment.log_other("flyte_status", status)
            experiment.log_metric("loss", 1)

        archived(tmp_path / "raw", log, key=name.ljust(32, "0"))
    assert sender.send(tmp_path / "raw").status == 0
    assert {key.rstrip("0"): experiment.states[-1] for key, experiment in comet.experiments.items()} == {
        name: state for name, (_, state) in runs.items()
    }


# What is left out


def test_an_archive_with_damaged_messages_is_sent_but_for_these_and_must_be_kept(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.zip", [metric("loss", 1), "{", metric("loss", 2, step=1)])
    for _ in range(2):
        upload = sender.send(path)
        assert (upload.status, upload.out) == (1, [])
        (line,) = upload.err
        assert line.startswith(f"{path}: not sent whole: 1 of its messages are cut off or without their file.")
        assert "Keep the archive" in line
        assert f"{comet.url}/my-team/digits/{KEY}" in line
    assert points_of(comet.only_experiment) == {(0, 1): 1, (1, 2): 1}


@pytest.mark.slow
def test_a_whole_copy_of_an_archive_that_lacked_a_file_brings_the_file(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    whole = archived(tmp_path / "raw", lambda experiment: experiment.log_asset_data("content", name="notes.txt"))
    lacking = tmp_path / "lacking.zip"
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(lacking, "w") as copy:
        for name in ("experiment.json", "messages.json"):
            copy.writestr(name, archive.read(name))
    assert sender.send(lacking).status == 1
    assert comet.only_experiment.assets == {}
    upload = sender.send(whole)
    assert upload.status == 0
    assert [asset["fileName"] for asset in comet.only_experiment.assets.values()] == ["notes.txt"]
    assert upload.out[0].endswith("The archive can be deleted.")


@pytest.mark.slow
def test_an_archive_of_which_only_a_sample_is_sent_must_be_kept(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    archive = archived(tmp_path / "raw", losses(range(100)))
    upload = sender.send(archive, COMET_OFFLINE_SAMPLING_SIZE="10")
    assert (upload.status, upload.out) == (1, [])
    assert "COMET_OFFLINE_SAMPLING_SIZE keeps 90 values of its metrics from being sent. Keep" in upload.err[0]
    assert sender.send(archive).status == 0
    assert points_of(comet.only_experiment) == once(range(100))


@pytest.mark.slow
def test_a_setting_that_leaves_nothing_out_is_no_failure(sender: Sender, comet: CometServer, tmp_path: Path) -> None:
    archive = archived(tmp_path / "raw", losses(range(3)))
    assert sender.send(archive, COMET_OFFLINE_SAMPLING_SIZE="10").status == 0


@pytest.mark.slow
def test_every_value_of_a_metric_is_sent_however_many_there_are(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    assert sender.send(archived(tmp_path / "raw", losses(range(15_100)))).status == 0
    assert points_of(comet.only_experiment) == once(range(15_100))


# Several archives, and where they belong


@pytest.mark.slow
def test_a_directory_stands_for_the_archives_in_it(sender: Sender, comet: CometServer, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    archived(raw, losses(range(3)))
    archived(raw, losses(range(4)), key=OTHER_KEY)
    (raw / "something else.txt").write_text("no archive")
    upload = sender.send(f"file://{raw}/")
    assert upload.status == 0
    assert len(upload.out) == 2
    assert points_of(comet.experiments[KEY]) == once(range(3))
    assert points_of(comet.experiments[OTHER_KEY]) == once(range(4))


@pytest.mark.slow
def test_the_archive_says_which_workspace_and_project_not_the_environment(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    archive = archived(tmp_path / "raw", losses(range(3)))
    sender.send(archive, COMET_WORKSPACE="elsewhere", COMET_PROJECT_NAME="other", COMET_EXPERIMENT_KEY=OTHER_KEY)
    assert (comet.only_experiment.workspace, comet.only_experiment.project) == ("my-team", "digits")
    assert comet.only_experiment.key == KEY


def test_the_api_key_comes_from_the_configuration_file_and_the_server_from_the_command_line(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    archive = archived(tmp_path / "raw", losses(range(3)))
    (sender.directory / "home" / ".comet.config").write_text(f"[comet]\napi_key = {CANARY}\n")
    upload = sender.send("--host", comet.url, archive, COMET_API_KEY=None, COMET_URL_OVERRIDE=None)
    (sender.directory / "home" / ".comet.config").unlink()  # the only place where the key may be
    assert upload.status == 0
    assert points_of(comet.only_experiment) == once(range(3))


def test_the_archive_of_an_earlier_attempt_changes_nothing_that_a_later_one_has_said(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    def attempt(number: int, status: str | None) -> Path:
        def log(experiment: Any) -> None:
            experiment.log_others({"flyte_execution": "e", "flyte_task": "t", "flyte_node": f"e-n0-{number}"})
            experiment.log_other("flyte_attempt", str(number))
            experiment.log_other(f"only in {number}", "yes")
            experiment.log_parameter("rate", number)
            experiment.log_metric("loss", number, step=number)
            if status:
                experiment.log_other("flyte_status", status)

        return archived(tmp_path / "raw", log)

    first, second = attempt(0, "failed"), attempt(1, None)
    assert sender.send(second, first).status == 0
    experiment = comet.only_experiment
    assert experiment.others["flyte_attempt"] == "1"
    assert experiment.parameters["rate"] == 1
    assert {"only in 0", "only in 1"} <= set(experiment.others)
    assert experiment.states[-1] == "finished"
    assert points_of(experiment) == {(0, 0): 1, (1, 1): 1}


@pytest.mark.slow
def test_archives_of_nodes_that_share_an_experiment_leave_it_crashed_if_one_has_failed(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    def node(name: str, attempt: int, status: str) -> Path:
        def log(experiment: Any) -> None:
            experiment.log_other("flyte_execution", "e")
            experiment.log_others({f"{name}/flyte_task": "t", f"{name}/flyte_node": f"e-{name}-{attempt}"})
            experiment.log_others({f"{name}/flyte_attempt": str(attempt), f"{name}/flyte_status": status})
            experiment.log_metric("loss", attempt, step=int(name[1:]))

        return archived(tmp_path / "raw", log)

    failed, other, again = node("n0", 0, "failed"), node("n1", 0, "finished"), node("n0", 1, "finished")
    assert sender.send(failed, other).status == 0
    experiment = comet.only_experiment
    assert experiment.states[-1] == "crashed"
    assert experiment.others["n1/flyte_status"] == "finished"
    assert sender.send(again).status == 0
    assert experiment.states[-1] == "finished"
    assert points_of(experiment) == {(0, 0): 1, (1, 0): 1, (0, 1): 1}


def test_nothing_of_the_process_is_changed_when_the_command_runs_in_it(laptop: CometServer, tmp_path: Path) -> None:
    import logging
    import tempfile

    from click.testing import CliRunner
    from flytekitplugins.comet_ml.cli import main

    archive = archived(tmp_path / "raw", losses(range(3)))
    before = dict(os.environ)
    filters = [list(handler.filters) for handler in logging.getLogger("comet_ml").handlers]
    directory = tempfile.tempdir
    result = CliRunner().invoke(main, ["upload", "--host", laptop.url, str(archive)])
    assert result.exit_code == 0, result.output
    assert dict(os.environ) == before
    assert [list(handler.filters) for handler in logging.getLogger("comet_ml").handlers] == filters
    assert tempfile.tempdir == directory


def test_the_help_has_examples() -> None:
    text = CliRunner().invoke(main, ["upload", "--help"]).output
    assert "\n    python -m flytekitplugins.comet_ml upload .cometml-runs\n" in text
