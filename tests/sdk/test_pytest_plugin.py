"""The pytest plugin as somebody has it who has installed the package: in a pytest run of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.canary import CANARY
from tests.support.comet_server import CometServer

TASK = """
import comet_ml
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login


@task
@comet_ml_login(project_name="digits", workspace="my-team", secret=Secret(group="g", key="k"){options})
def train(epochs: int) -> int:
    comet_ml.start().log_metric("loss", 0.5, step=epochs)
    return epochs
"""

WITH_FIXTURE = """
from train import train


def test_train(comet):
    assert train(epochs=3) == 3
    assert comet.experiments[0].metrics["loss"] == [0.5]
    assert comet.experiments[0].parameters == {"epochs": 3}
"""

WITHOUT_FIXTURE = """
import comet_ml
from train import train


def test_train():
    assert train(epochs=3) == 3
"""

WITHOUT_ENVIRONMENT = """
import os, subprocess, sys
from train import train

KEPT = {name: os.environ[name] for name in ("HOME", "PATH")}


def test_here(monkeypatch):
    for name in list(os.environ):
        monkeypatch.delenv(name)
    os.environ.update(KEPT)
    assert train(epochs=3) == 3


def test_in_a_child():
    source = "import logging; logging.basicConfig(level='INFO'); from train import train; train(epochs=3)"
    subprocess.run([sys.executable, "-B", "-c", source], env=KEPT, check=True)
"""

WITH_A_MOCK = WITH_FIXTURE.replace("comet)", "comet, mocker)").replace(
    "    assert train", "    mocker.patch('time.time', return_value=1e9)\n    assert train", 1
)


class Project:
    """Somebody's package of a task and its test, and a home with an API key in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "project"
        self.home = directory / "home"
        self.directory.mkdir()

    def has(self, test: str, options: str = "") -> None:
        (self.directory / "train.py").write_text(TASK.replace("{options}", options))
        (self.directory / "test_train.py").write_text(test)

    def has_logged_in_to(self, server: str) -> None:
        text = f"[comet]\napi_key = of-somebody\nurl_override = {server}/clientlib/\n"
        (self.home / ".comet.config").write_text(text)

    def tested(self, *arguments: str, **variables: str) -> str:
        """What pytest printed; its exit code was 0."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no", *arguments],
            cwd=self.directory,
            env={**environment, "PYTHONDONTWRITEBYTECODE": "1", **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def files(self) -> set[str]:
        return {path.name for path in self.directory.rglob("*")}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.mark.by_default("test0-arguments0")
@pytest.mark.parametrize(("test", "arguments"), [(WITH_FIXTURE, ("-p", "no:pytest_mock")), (WITH_A_MOCK, ())])
def test_a_task_is_tested_without_account_and_files(
    project: Project, comet: CometServer, test: str, arguments: tuple[str, ...]
) -> None:
    project.has_logged_in_to(comet.url)
    project.has(test)
    assert "1 passed" in project.tested(*arguments)
    assert comet.requests == []
    assert project.files() == {"train.py", "test_train.py"}


@pytest.mark.by_default("")
@pytest.mark.parametrize("options", ["", ", start=False"])
def test_a_key_in_the_home_directory_sends_nothing_from_a_test_that_did_not_ask(project: Project, options: str) -> None:
    # Whoever would ask for its address would fail.
    project.has_logged_in_to("https://comet.invalid")
    project.has(WITHOUT_FIXTURE, options)
    assert "set COMET_API_KEY in the environment" in project.tested("-rP", "--log-level=INFO")
    assert project.files() == {"train.py", "test_train.py"}


@pytest.mark.by_default("")
@pytest.mark.parametrize(("options", "arguments"), [("", ()), (", start=False", ()), ("", ("-p", "no:comet_ml_flyte"))])
def test_a_test_and_its_child_without_pytest_s_environment_send_nothing_either(
    project: Project, options: str, arguments: tuple[str, ...]
) -> None:
    project.has_logged_in_to("https://comet.invalid")
    project.has(WITHOUT_ENVIRONMENT, options)
    printed = project.tested("-rP", "--log-level=INFO", *arguments)
    assert printed.count("set COMET_API_KEY in the environment") == 2
    assert project.files() == {"train.py", "test_train.py"}


def test_a_test_that_asks_by_the_environment_is_sent(project: Project, comet: CometServer) -> None:
    project.has(WITHOUT_FIXTURE, options=f', host="{comet.url}"')
    project.tested(COMET_API_KEY=CANARY)
    assert comet.only_experiment.metrics["loss"] == [(3, 0.5)]


def test_pytest_starts_without_flytekit_and_the_sdk(project: Project) -> None:
    (project.directory / "test_nothing.py").write_text(
        "import sys\n\ndef test_nothing():\n"
        "    assert 'flytekitplugins.comet_ml.testing' in sys.modules\n"
        "    assert not [name for name in sys.modules if name.partition('.')[0] in ('flytekit', 'comet_ml')]\n"
    )
    assert "1 passed" in project.tested()


def test_without_pytest_the_module_can_be_imported(tmp_path: Path) -> None:
    source = "import sys; sys.modules['pytest'] = None; import flytekitplugins.comet_ml.testing"
    subprocess.run([sys.executable, "-c", source], check=True, cwd=tmp_path)
