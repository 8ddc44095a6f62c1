"""The command `doctor`: what it says of decorated tasks, and when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flytekit.core.context_manager import FlyteEntities
from flytekitplugins.comet_ml.cli import main

from tests.support.canary import CANARY

HEADER = """
from typing import List
from flytekit import Secret, dynamic, map_task, task, workflow
from flytekitplugins.comet_ml import comet_ml_login

SECRET = Secret(group="comet-ml", key="comet-ml-api-key")
OPTIONS = dict(project_name="digits", workspace="my-team", secret=SECRET)
track = comet_ml_login(**OPTIONS)

"""

PLAIN = "@task\n@track\ndef train(n: int) -> int:\n    return n\n"

NODES = (
    PLAIN
    + """
@workflow
def part(n: int) -> int:
    return train(n=n)

@workflow
def pipeline(n: int) -> int:
    train(n=n).with_overrides(node_name="my-train")
    map_task(train)(n=[1, 2])
    part(n=n)
    return train(n=n)
"""
)


def options(text: str, name: str = "train") -> str:
    """A task whose decorator has further options."""
    return f"@task\n@comet_ml_login(**{{**OPTIONS, **dict({text})}})\ndef {name}(n: int) -> int:\n    return n\n"


@pytest.fixture(autouse=True)
def _no_other_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of its own: no tasks, modules or paths of other tests."""
    monkeypatch.setattr(FlyteEntities, "entities", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in sys.modules if name.split(".")[0] in ("train", "my_project")]:
        del sys.modules[name]


def doctor(target: str) -> Result:
    return CliRunner().invoke(main, ["doctor", target])


def examined(source: str, target: str = "train") -> Result:
    """What it says of a module in the working directory."""
    Path("train.py").write_text(HEADER + source)
    return doctor(target)


# As a command


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process that ends if anything connects to anywhere."""
    Path("guard").mkdir()
    Path("guard/sitecustomize.py").write_text(
        "import os, socket\n"
        "def refuse(*args, **kwargs):\n    print('CONNECTED', args, flush=True)\n    os._exit(77)\n"
        "socket.socket.connect = socket.socket.connect_ex = refuse\nsocket.getaddrinfo = refuse\n"
    )
    return subprocess.run(
        [sys.executable, "-m", "flytekitplugins.comet_ml", "doctor", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": "guard", **environment},
    )


def test_a_good_module_is_described_without_a_connection_and_without_the_key() -> None:
    Path("train.py").write_text(HEADER + "def no(): raise SystemExit('the secret was read')\n" + options("secret=no"))
    done = run("train.py", COMET_API_KEY=CANARY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "train.train" in done.stdout
    assert "my-team/digits: an experiment for every attempt of every node" in done.stdout
    assert "https://www.comet.com/my-team/digits/<execution><node><attempt>9bdb190441" in done.stdout
    assert "'no' is called in the pod" in done.stdout
    assert f"flytekitplugins-comet-ml {version('flytekitplugins-comet-ml')}, flytekit" in done.stdout
    assert "Local runs: online" in done.stdout
    assert done.stdout.endswith("1 task, no problems.\n")
    assert CANARY not in done.stdout + done.stderr


def test_a_problem_is_an_exit_code_for_ci() -> None:
    Path("train.py").write_text(HEADER + options("experiment_key='short'"))
    done = run("train")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Comet refuses experiment_key='short'" in done.stdout
    assert done.stdout.endswith("1 task, 1 problem.\n")


# What it says


def test_the_nodes_are_told_apart_by_what_their_link_can_be() -> None:
    output = examined(NODES).output
    assert "train.part n0: direct link" in output
    assert "train.pipeline my-train: needs the resolver page" in output
    assert "train.pipeline n1-0-n<index> (map task): needs the resolver page" in output
    assert "train.pipeline n2-0-n0: needs the resolver page" in output
    assert "train.pipeline n3: direct link" in output


def test_with_scope_execution_every_node_has_the_direct_link() -> None:
    output = examined(NODES.replace("@track", "@comet_ml_login(**OPTIONS, scope='execution')")).output
    assert "one experiment for the whole execution" in output
    assert "comet-ml-whole-execution-id: https://www.comet.com/my-team/digits/<execution>195b11b24e18fe3fb1" in output
    assert output.count(": direct link") == 5
    assert "Child launch plans are executions of their own" in output


def test_a_given_key_s_link_is_right_everywhere() -> None:
    output = examined(NODES.replace("@track", "@comet_ml_login(**OPTIONS, experiment_key='k' * 32)")).output
    assert f"comet-ml-custom-id: https://www.comet.com/my-team/digits/{'k' * 32}" in output
    assert output.count(": direct link") == 5
    assert "All nodes, attempts and executions log to this one experiment" in output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("scope='node'", "an experiment for every node, over all its attempts"),
        ("host='https://comet.example.com/'", "server      https://comet.example.com\n"),
        ("host='http://comet.example.com'", "plain http: the API key crosses the network as it is"),
        ("workspace='my team'", "Quoted in the link: my%20team/digits."),
        ("start=False", "which the body starts itself"),
        ("start=False", "start=False: unless the body starts an experiment, there is none"),
        ("online=False", "the experiment is an archive until it is uploaded"),
        ("disabled=True", "disabled=True: nothing is tracked."),
        ("", "group 'comet-ml', key 'comet-ml-api-key'; the decorator requests it"),
    ],
)
def test_what_one_should_know_is_no_problem(text: str, said: str) -> None:
    result = examined(options(text))
    assert said in result.output
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("experiment_key='ä' * 32", "Comet refuses experiment_key='ää"),
        (f"api_key='{CANARY}'", "api_key= puts the API key into your code and image"),
        ("url_override='https://other.invalid/clientlib/'", "but the data goes to url_override='https://other.invalid"),
    ],
)
def test_what_is_wrong_is_a_problem(text: str, said: str) -> None:
    result = examined(options(text))
    assert said in result.output
    assert CANARY not in result.output
    assert result.exit_code == 1


@pytest.mark.parametrize("host", ["http://localhost:8080", "http://127.0.0.1"])
def test_plain_http_to_oneself_is_not_worth_a_note(host: str) -> None:
    assert "plain http" not in examined(options(f"host={host!r}")).output


@pytest.mark.newest
def test_a_conflict_with_another_decorator_is_a_problem() -> None:
    wandb = (
        "from flytekitplugins.wandb import wandb_init\n"
        "@task\n@wandb_init(project='other', entity='me', secret=SECRET, host='https://wandb.ai')\n@track\n"
        "def train(n: int) -> int:\n    return n\n"
    )
    result = examined(wandb)
    assert "wandb_init wants 'host' to be 'https://wandb.ai' in the task's template" in result.output
    assert result.exit_code == 1


def test_a_lambda_cannot_be_registered() -> None:
    result = examined("train = task(track(lambda: None))\n")
    assert "It cannot be registered: @comet_ml_login is on a lambda" in result.output
    assert result.exit_code == 1


@pytest.mark.parametrize("kind", ["task", "dynamic"])
def test_both_orders_are_seen(kind: str) -> None:
    below = f"@{kind}\n@track\ndef train(n: int) -> int:\n    return n\n"
    above = f"@track\n@{kind}\ndef other(n: int) -> int:\n    return n\n"
    result = examined(below + above)
    assert "train.train\n" in result.output
    assert "train.other\n" in result.output
    assert "2 tasks, no problems." in result.output


@pytest.mark.newest
def test_an_eager_task_is_seen() -> None:
    source = "from flytekit import eager\n@eager\n@track\nasync def train(n: int) -> int:\n    return n\n"
    assert "1 task, no problems." in examined(source).output


def test_a_decorated_function_without_a_task_is_named() -> None:
    output = examined(PLAIN + "@track\ndef alone(n: int) -> int:\n    return n\n").output
    assert "train.alone is decorated, but no task is made of it" in output
    assert "train.train is decorated, but" not in output


# Which module


def test_one_task_can_be_chosen() -> None:
    result = examined(PLAIN + options("experiment_key='short'", "wrong"), "train:train")
    assert "1 task, no problems." in result.output
    assert "wrong" not in result.output


def test_a_task_that_there_is_not_is_an_error_with_those_that_there_are() -> None:
    result = examined(PLAIN, "train:trian")
    assert "train has no task 'trian' with @comet_ml_login. Those that it has: train.train." in result.output
    assert result.exit_code == 1


def test_of_a_package_all_modules_are_checked() -> None:
    for place in ("my_project", "my_project/steps"):
        Path(place).mkdir()
        (Path(place) / "__init__.py").write_text("")
        (Path(place) / "training.py").write_text(HEADER + PLAIN)
    result = doctor("my_project")
    assert "my_project.training.train" in result.output
    assert "my_project.steps.training.train" in result.output


def test_a_file_in_a_package_has_its_dotted_name() -> None:
    Path("my_project/steps").mkdir(parents=True)
    for name in ("__init__.py", "steps/__init__.py"):
        (Path("my_project") / name).write_text("")
    Path("my_project/steps/training.py").write_text(HEADER + "from my_project import steps\n" + PLAIN)
    result = doctor("my_project/steps/training.py")
    assert "my_project.steps.training.train" in result.output
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("comet_ml_login(project_name='', workspace='w', secret=SECRET)\n", "`project_name` must not be empty"),
        ("import no_such_module_anywhere\n", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("def f(:\n", "SyntaxError"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
    ],
)
def test_a_module_that_cannot_be_imported_is_an_error_with_the_place(source: str, said: str) -> None:
    result = examined(source)
    line = len(HEADER.splitlines()) + 1
    assert f"{Path.cwd() / 'train.py'}, line {line}:" in result.output
    assert said in result.output
    assert result.exit_code == 1


def test_a_module_without_decorated_tasks_is_an_error() -> None:
    result = examined("@task\ndef train(n: int) -> int:\n    return n\n")
    assert "train has no task with @comet_ml_login." in result.output
    assert "no problems" not in result.output
    assert result.exit_code == 1


@pytest.mark.parametrize("target", ["no_such_module", "no.such.module", "nowhere/train.py", "train.py"])
def test_a_module_that_there_is_not_is_an_error(target: str) -> None:
    result = doctor(target)
    assert result.exit_code == 1
    assert ("does not exist" if target.endswith(".py") else "There is no module") in result.output


def test_a_file_that_is_no_python_file_is_an_error() -> None:
    Path("notes").mkdir()
    assert "notes/ is no Python file" in doctor("notes/").output


def test_no_module_at_all_is_a_wrong_command_line() -> None:
    assert doctor(":train").exit_code == 2
    assert CliRunner().invoke(main, ["doctor"]).exit_code == 2


def test_the_help_shows_how() -> None:
    text = CliRunner().invoke(main, ["doctor", "--help"]).output
    assert "python -m flytekitplugins.comet_ml doctor train.py\n" in text
