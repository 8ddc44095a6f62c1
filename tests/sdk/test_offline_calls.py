"""What a body may call on an experiment that is offline."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import comet_ml
import pytest
from flytekitplugins.comet_ml.errors import OfflineCallError

from tests.support.comet_server import CometServer
from tests.support.tracked import track


def archive_of(work: Path) -> zipfile.ZipFile:
    (path,) = (work / ".cometml-runs").glob("*.zip")
    return zipfile.ZipFile(path)


def artifact(directory: Path) -> comet_ml.Artifact:
    (directory / "model.bin").write_text("weights")
    made = comet_ml.Artifact("digits-model", "model", version="1.2.3", aliases=["best"], metadata={"loss": 0.5})
    made.add(str(directory / "model.bin"), logical_path="model.bin")
    return made


def test_an_artifact_that_is_logged_offline_is_in_the_archive(canary: object, tmp_path: Path) -> None:
    @track()
    def body() -> str:
        logged = comet_ml.get_running_experiment().log_artifact(artifact(tmp_path))
        return f"{logged.name} {logged.version} {logged.aliases[0]}"

    assert body() == "digits-model 1.2.3 best"
    with archive_of(tmp_path / "work") as archive:
        contents = [archive.read(name) for name in archive.namelist()]
        messages = archive.read("messages.json").decode()
    assert b"weights" in contents
    assert "artifacts/digits-model/model.bin" in messages
    (description,) = [json.loads(text) for text in contents if text.startswith(b'{"name": "digits-model"')]
    assert description["aliases"] == ["best"]
    assert description["metadata"] == {"loss": 0.5}


@pytest.mark.newest
def test_an_artifact_whose_server_has_gone_does_not_fail_the_task(laptop: CometServer, tmp_path: Path) -> None:
    @track()
    def body() -> str:
        laptop.faults.append(lambda request: (500, {}) if "artifacts" in request.path else None)
        return str(comet_ml.get_running_experiment().log_artifact(artifact(tmp_path)).name)

    assert body() == "digits-model"
    assert "artifacts/digits-model/model.bin" in str(laptop.only_experiment.assets)


def test_what_needs_an_answer_says_so_with_the_remedy(canary: object) -> None:
    @track()
    def body() -> None:
        comet_ml.get_running_experiment().get_artifact("digits-model")

    with pytest.raises(OfflineCallError, match="on_unavailable='raise'") as raised:
        body()
    assert isinstance(raised.value, NotImplementedError)


@pytest.mark.newest
@pytest.mark.parametrize(
    ("name", "arguments"),
    [("display", ()), ("display_project", ()), ("create_symlink", ("other",)), ("register_callback", (print,))],
)
def test_what_only_shows_something_does_nothing_offline(
    canary: object, name: str, arguments: tuple[object, ...]
) -> None:
    @track()
    def body() -> None:
        assert getattr(comet_ml.get_running_experiment(), name)(*arguments) is None

    body()
