"""`upload` that fails: what the Comet server refuses, and files that are no archives; one line says why."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.support.comet_http import Answer, Request
from tests.support.comet_server import CometServer
from tests.support.offline_runs import Sender, archived, log_everything, losses, once, points_of


def test_metrics_that_the_server_refuses_are_a_failure_although_the_sdk_reports_success(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    archive = archived(tmp_path / "raw", log_everything)

    def refuse(request: Request) -> Answer | None:
        return (500, {"msg": "no"}) if request.path.endswith("/experiment/metric") else None

    with comet.fault(refuse):
        upload = sender.send(archive, COMET_HTTP_SESSION_RETRY_TOTAL="0")
    assert upload.status == 1
    assert len(upload.err) == 1
    assert upload.err[0].startswith(f"{archive}: not sent: was not taken whole")
    assert "500" in upload.err[0]
    assert "Keep the archive, and send it again" in upload.err[0]
    assert sender.send(archive).status == 0
    assert points_of(comet.only_experiment) == once(range(100))
    assert len(comet.only_experiment.uploads) == 1


@pytest.mark.slow
def test_an_asset_that_the_server_refuses_is_a_failure(sender: Sender, comet: CometServer, tmp_path: Path) -> None:
    archive = archived(tmp_path / "raw", log_everything)

    def refuse(request: Request) -> Answer | None:
        return (400, {"msg": "no"}) if request.path.endswith("/asset/upload") else None

    with comet.fault(refuse):
        assert sender.send(archive).status == 1
    assert sender.send(archive).status == 0
    assert len(comet.only_experiment.uploads) == 1
    assert points_of(comet.only_experiment) == once(range(100))


def test_metrics_that_the_sdk_leaves_out_are_a_failure(sender: Sender, comet: CometServer, tmp_path: Path) -> None:
    whole = archived(tmp_path / "raw", losses(range(3)))
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(path, "w") as copy:
        copy.writestr("experiment.json", archive.read("experiment.json"))
        copy.writestr(
            "messages.json", archive.read("messages.json").replace(b'"metricValue":0.25', b'"metricValue":[1]')
        )
    upload = sender.send(path)
    assert upload.status == 1
    assert "was not taken whole: An invalid metric message has been detected" in upload.err[0]


def test_what_fails_does_not_keep_the_others_from_being_sent(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    archive = archived(tmp_path / "raw", losses(range(3)))
    upload = sender.send(tmp_path / "missing.zip", archive)
    assert upload.status == 1
    assert upload.err == [f"{tmp_path}/missing.zip: not sent: there is no such file."]
    assert len(upload.out) == 1
    assert points_of(comet.only_experiment) == once(range(3))


def test_without_an_api_key_it_says_where_it_is_looked_for(sender: Sender, tmp_path: Path) -> None:
    archive = archived(tmp_path / "raw", losses(range(3)))
    upload = sender.send(archive, COMET_API_KEY=None)
    assert (upload.status, upload.out) == (1, [])
    (line,) = upload.err
    assert line.startswith(f"{archive}: not sent: there is no Comet API key: set COMET_API_KEY, or run `comet login`")


def test_a_rejected_api_key_is_said_once_an_archive(sender: Sender, comet: CometServer, tmp_path: Path) -> None:
    archive = archived(tmp_path / "raw", losses(range(3)))
    rejected = "rejected0123456789canary"
    upload = sender.send(archive, COMET_API_KEY=rejected)
    assert (upload.status, upload.out) == (1, [])
    (line,) = upload.err
    assert line.startswith(f"{archive}: not sent: Comet at {comet.url} rejected the API key: set COMET_API_KEY")
    assert rejected not in line
    assert comet.experiments == {}


def test_a_workspace_that_the_key_may_not_write_to_is_named(sender: Sender, comet: CometServer, tmp_path: Path) -> None:
    archive = archived(tmp_path / "raw", losses(range(3)))
    comet.forbidden_workspaces.add("my-team")
    upload = sender.send(archive)
    assert upload.status == 1
    (line,) = upload.err
    assert "does not let this API key write to workspace 'my-team', project 'digits'" in line


@pytest.mark.by_default("refused")
@pytest.mark.parametrize("how", ["refused", "hanging", "no such name"])
def test_a_server_that_cannot_be_reached_is_named(sender: Sender, comet: CometServer, tmp_path: Path, how: str) -> None:
    archive = archived(tmp_path / "raw", losses(range(3)))
    address = comet.url
    if how == "refused":
        comet.stop()
    elif how == "hanging":
        comet.faults.append(comet.hang)
    else:
        address = "https://comet.invalid"
    upload = sender.send("--host", address, archive)
    assert upload.status == 1
    (line,) = upload.err
    assert line.startswith(f"{archive}: not sent: Comet at {address} cannot be reached (")
    assert "(--host)" in line


def no_zip(path: Path) -> None:
    path.write_text("something else")


def other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("something.txt", "else")


def empty_zip(path: Path) -> None:
    zipfile.ZipFile(path, "w").close()
    assert path.stat().st_size == 22


def cut_off(path: Path) -> None:
    whole = archived(path.parent / "raw", losses(range(3)))
    path.write_bytes(whole.read_bytes()[:-200])


def of_a_newer_sdk(path: Path) -> None:
    whole = archived(path.parent / "raw", losses(range(3)))
    shutil.copy(whole, path)
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(path, "w") as copy:
        copy.writestr("experiment.json", archive.read("experiment.json"))
        hologram = json.dumps({"type": "hologram_msg", "payload": {}}) + "\n"
        copy.writestr("messages.json", archive.read("messages.json").decode() + hologram)


def test_files_that_cannot_be_sent_are_refused_with_the_reason_in_one_line_each(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    reasons = {
        no_zip: "is no offline archive: it is no zip file",
        other_zip: "is a zip file, but no offline archive of the Comet SDK",
        empty_zip: "is an empty archive",
        cut_off: "is damaged",
        of_a_newer_sdk: "holds what comet-ml",
    }
    paths = [tmp_path / f"{make.__name__}.zip" for make in reasons]
    for make, path in zip(reasons, paths, strict=True):
        make(path)
    upload = sender.send(*paths)
    assert (upload.status, upload.out) == (1, [])
    assert len(upload.err) == len(paths)
    for line, path, reason in zip(upload.err, paths, reasons.values(), strict=True):
        assert line.startswith(f"{path}: not sent: {reason}")
    assert comet.experiments == {}


def test_an_empty_directory_is_a_failure(sender: Sender, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    upload = sender.send(tmp_path / "raw")
    assert upload.status == 1
    assert upload.err == [f"{tmp_path}/raw: not sent: is a directory without archives (*.zip)."]


def test_an_address_that_is_none_is_refused_before_anything_is_done(sender: Sender, comet: CometServer) -> None:
    upload = sender.send("--host", "http://", "x.zip")
    assert upload.status == 2
    assert "'http://' is no address of a Comet service" in "".join(upload.err)
    assert comet.requests == []
