"""Source with the API key in it: neither the session nor the SDK logs it, and the git patch is source, too."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import ModuleType

import comet_ml
import pytest

from tests.support.comet_server import CometServer
from tests.support.told import warnings_in
from tests.support.tracked import track

# In two parts: this file is source, too.
KEY = "writtenInto" + "TheFile0123456"


@pytest.fixture(autouse=True)
def _a_key_that_stands_in_files(laptop: CometServer, monkeypatch: pytest.MonkeyPatch) -> None:
    laptop.accepted_keys = {KEY}
    monkeypatch.setenv("COMET_API_KEY", KEY)
    # The SDK asks Python's list of modules for the file of a function.
    monkeypatch.setitem(sys.modules, "training", ModuleType("training"))


OPENINGS = {
    "start": "comet_ml.start()",
    "start of a second": "comet_ml.start(mode='create')",
    "Experiment": "comet_ml.Experiment(project_name='other')",
    "offline": "comet_ml.OfflineExperiment()",
    "explicit": "comet_ml.start().log_code(file_name=__file__)",
}


def written(directory: Path, opening: str) -> ModuleType:
    """A module of somebody's who has written the key into it."""
    file = directory / "training.py"
    file.write_text(f"import comet_ml\nKEY = '{KEY}'\ndef train():\n    {opening}\n")
    specification = importlib.util.spec_from_file_location("training", file)
    assert specification is not None
    assert specification.loader is not None
    module = sys.modules["training"] = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.by_default("start-True", "start-False", "offline-True", "explicit-True")
@pytest.mark.parametrize("start", [True, False])
@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_a_file_with_the_key_in_it_is_logged_by_none(
    laptop: CometServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, opening: str, start: bool
) -> None:
    track(start=start)(written(tmp_path, opening).train)()
    assert KEY not in str([request.body for request in laptop.requests if "upload" in request.path])
    for archive in Path(".cometml-runs").glob("*.zip"):
        content = zipfile.ZipFile(archive)
        assert all(KEY.encode() not in content.read(name) for name in content.namelist())
    assert any(text.startswith("The source is not logged of files") for text in warnings_in(caplog))


def test_a_file_without_it_is(laptop: CometServer, tmp_path: Path) -> None:
    module = written(tmp_path, "comet_ml.start()")
    (tmp_path / "training.py").write_text("the key is gone")
    track(start=False)(module.train)()
    assert [each for each in laptop.requests if each.query.get("type") == "source_code"]


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A repository in the working directory, whose one file has changed to a text since the commit."""
    monkeypatch.setenv("COMET_AUTO_LOG_GIT_PATCH", "1")
    # The SDK loads it when it looks for a repository.
    monkeypatch.delitem(sys.modules, "comet_ml.git_logging", raising=False)

    def changed_to(text: str) -> None:
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
        Path("file.py").write_text("before\n")
        for command in (["init", "-q"], ["add", "file.py"], ["commit", "-q", "-m", "first"]):
            subprocess.run([*git, *command], check=True)
        Path("file.py").write_text(f"{text}\n")

    return changed_to


def patches(comet: CometServer) -> list[str]:
    sent = [request.body for request in comet.requests if "git-patch" in request.path]
    archives = [zipfile.ZipFile(BytesIO(body[body.index(b"PK") :])) for body in sent]
    return [archive.read(archive.namelist()[0]).decode() for archive in archives]


@pytest.mark.parametrize("start", [True, False])
def test_the_git_patch_is_logged_as_it_is_without_us(
    laptop: CometServer, repository: Callable[[str], None], start: bool
) -> None:
    repository("after")
    track(start=start)(lambda: comet_ml.start())()
    (patch,) = patches(laptop)
    assert "+after" in patch


def test_with_log_code_switched_off_there_is_no_git_patch(
    laptop: CometServer, repository: Callable[[str], None]
) -> None:
    repository("after")
    track(log_code=False)(lambda: None)()
    assert patches(laptop) == []


@pytest.mark.parametrize("start", [True, False])
def test_a_git_patch_with_the_key_in_it_is_not(
    laptop: CometServer, repository: Callable[[str], None], caplog: pytest.LogCaptureFixture, start: bool
) -> None:
    repository(KEY)
    track(start=start)(lambda: comet_ml.start())()
    assert patches(laptop) == []
    assert any("the changes since the last commit" in text for text in warnings_in(caplog))
