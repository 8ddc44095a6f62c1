"""The commands where there is no flytekit: `doctor` and `upload` know Flyte 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flyte2.conftest import CANARY
from tests.support.action import Actions
from tests.support.comet_server import CometServer

MODULE = """
import comet_ml
import flyte
from flytekitplugins.comet_ml import comet_ml_login

env = flyte.TaskEnvironment("tasks")
login = comet_ml_login(
    project_name="digits",
    workspace="my-team",
    secret=flyte.Secret("comet-api-key", as_env_var="COMET_API_KEY_SECRET"),
)

@login
@env.task(report=True)
def above(epochs: int) -> float:
    comet_ml.get_running_experiment().log_metric("loss", 0.5)
    return 0.5

@env.task(cache="auto")
@login
def below(epochs: int) -> float:
    return 0.5

@env.task
def untracked(epochs: int) -> float:
    return 0.5

@login
def left(epochs: int) -> float:
    return 0.5
"""


def command(*arguments: str | Path, directory: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "flytekitplugins.comet_ml", *map(str, arguments)]
    return subprocess.run(
        words, capture_output=True, text=True, timeout=180, check=False, cwd=directory, env={**os.environ}
    )


@pytest.fixture
def module(tmp_path: Path) -> Path:
    (tmp_path / "work" / "tasks.py").write_text(MODULE)
    return tmp_path / "work"


def test_doctor_describes_tasks_of_flyte_2(module: Path) -> None:
    done = command("doctor", "tasks.py", directory=module)
    assert done.returncode == 0, done.stderr
    assert "tasks.above\n" in done.stdout
    assert "tasks.below\n" in done.stdout
    assert "tasks.untracked" not in done.stdout
    assert "<runName><actionName>A<taskRetryAttempt>" in done.stdout
    assert "key 'comet-api-key', as environment variable COMET_API_KEY_SECRET" in done.stdout
    assert "comes from the cache has no experiment" in done.stdout
    assert "tasks.left is decorated, but no task is made of it" in done.stdout
    assert "2 tasks, no problems." in done.stdout


LOST = """
import flyte
from flytekitplugins.comet_ml import comet_ml_login

env, other = flyte.TaskEnvironment("tasks"), flyte.TaskEnvironment("other")
login = comet_ml_login(project_name="digits", workspace="my-team", secret=flyte.Secret("comet-api-key"))

@login
@env.task
def renamed(epochs: int) -> float:
    return 0.5

another_name = renamed
del renamed

class Tasks:
    @login
    @env.task
    def in_class(epochs: int) -> float:
        return 0.5

def make():
    @login
    @env.task
    def in_function(epochs: int) -> float:
        return 0.5

make()

@login
def shared(epochs: int) -> float:
    return 0.5

in_list = [env.task(shared)]

@login
@env.task
def twice(epochs: int) -> float:
    return 0.5

@login
@other.task
def twice(epochs: int) -> float:
    return 0.5

nameless = login(env.task(lambda: None))
more_memory = twice.override(retries=3)
"""


def test_doctor_finds_tasks_of_flyte_2_that_no_pod_finds(tmp_path: Path) -> None:
    (tmp_path / "work" / "lost.py").write_text(LOST)
    done = command("doctor", "--json", "lost.py", directory=tmp_path / "work")
    problems = {task["name"]: task["problems"] for task in json.loads(done.stdout)["tasks"]}
    nothing, else_ = "is no name of the module 'lost'", "finds something else"
    for name, said in {"renamed": nothing, "in_class": nothing, "in_function": nothing, "shared": else_}.items():
        [problem] = problems[f"tasks.{name}"]
        assert said in problem
    [problem] = problems["tasks.twice"]
    assert else_ in problem
    assert problems["other.twice"] == problems["tasks.<lambda>"] == []


def test_doctor_names_the_resolver_page_of_the_environment(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_FLYTE_RESOLVER", "https://pages.example.com/resolver.html")
    done = command("doctor", "tasks.py:above", directory=module)
    assert "https://pages.example.com/resolver.html#scope=flyte2-attempt" in done.stdout


def test_doctor_s_json_says_which_generation_a_task_is_of(module: Path) -> None:
    done = command("doctor", "--json", "tasks.py", directory=module)
    tasks = json.loads(done.stdout)["tasks"]
    assert [(task["name"], task["generation"]) for task in tasks] == [
        ("tasks.above", "flyte2"),
        ("tasks.below", "flyte2"),
    ]


def test_an_archive_of_an_action_is_sent(actions: Actions, comet: CometServer, monkeypatch: pytest.MonkeyPatch) -> None:
    comet.stop()
    run = actions.run(actions.module(MODULE), "above", inputs={"epochs": 1})
    (archive,) = run.archives
    comet.start()
    monkeypatch.setenv("COMET_API_KEY", CANARY)
    done = command("upload", "--host", comet.url, archive.parent, directory=actions.directory)
    assert done.returncode == 0, done.stderr
    experiment = comet.only_experiment
    assert archive.name.startswith(experiment.key)
    assert [value for _, value in experiment.metrics["loss"]] == [0.5]
