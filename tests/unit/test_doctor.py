"""The command `doctor`: what it says of decorated tasks, and when it fails."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flytekitplugins.comet_ml.cli import main

from tests.support.canary import CANARY
from tests.support.doctor import HEADER, NODES, PLAIN, examined, options

pytestmark = pytest.mark.usefixtures("_no_other_tasks")


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


def test_it_works_where_flytekit_is_not_installed(tmp_path: Path) -> None:
    # tests/flyte2/test_commands.py has what it says of tasks of Flyte 2.
    (tmp_path / "empty.py").write_text("")
    script = (
        "import sys; sys.modules['flytekit'] = None\n"
        "from flytekitplugins.comet_ml.cli import main; main(['doctor', 'empty.py'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
    )
    assert "empty.py has no task with @comet_ml_login." in done.stdout, done.stderr


def test_the_help_shows_how() -> None:
    text = CliRunner().invoke(main, ["doctor", "--help"]).output
    assert "python -m flytekitplugins.comet_ml doctor train.py\n" in text


# What it says


def test_the_nodes_are_told_apart_by_what_their_link_can_be() -> None:
    output = examined(NODES).output
    assert "train.part n0: direct link" in output
    assert "train.pipeline my-train: needs the resolver page" in output
    assert "train.pipeline n1-0-n<index> (map task): needs the resolver page" in output
    assert "train.pipeline n2-0-n0: needs the resolver page" in output
    assert "train.pipeline n3: direct link" in output


def test_nodes_in_conditionals_are_seen_in_every_case() -> None:
    branches = """
@workflow
def chosen(n: int) -> int:
    return (
        conditional("size")
        .if_(n > 3).then(train(n=n))
        .elif_(n > 2).then(part(n=n))
        .elif_(n > 1).then(train(n=n))
        .else_().fail("too small")
    )
"""
    output = examined("from flytekit import conditional\n" + NODES + branches).output
    assert "train.chosen n0-0-n0 (conditional): needs the resolver page" in output
    assert "train.chosen n0-0-n1-0-n0 (conditional): needs the resolver page" in output
    assert "train.chosen n0-0-n2 (conditional): needs the resolver page" in output


@pytest.mark.newest
def test_the_handler_of_a_workflow_s_failure_is_a_node() -> None:
    handler = """
@task
@track
def clean_up(n: int) -> None: ...

@workflow(on_failure=clean_up)
def careful(n: int) -> int:
    return train(n=n)
"""
    result = examined(PLAIN + handler)
    assert re.search(r"train\.careful \w+ \(failure node\): direct link", result.output)


def test_a_map_task_in_a_conditional_in_a_sub_workflow_is_seen() -> None:
    source = """
from flytekit import conditional

@workflow
def inner(n: int) -> List[int]:
    return conditional("size").if_(n > 3).then(map_task(train)(n=[1, 2])).else_().fail("too small")

@workflow
def outer(n: int) -> List[int]:
    return inner(n=n)
"""
    output = examined(PLAIN + source).output
    assert "train.outer n0-0-n0-0-n0-0-n<index> (conditional, map task): needs the resolver page" in output


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


def test_a_task_that_stands_only_in_a_class_body_cannot_run_in_a_pod() -> None:
    result = examined(PLAIN + "class Steps:\n" + textwrap.indent(PLAIN.replace("def train", "def hidden"), "    "))
    assert "train.hidden\n" in result.output
    assert "It cannot run in a pod: 'hidden' is no name of the module 'train'" in result.output
    assert "2 tasks, 1 problem." in result.output
    assert result.exit_code == 1


def test_a_task_that_is_also_at_the_top_level_can_run_in_a_pod() -> None:
    source = "class Steps:\n" + textwrap.indent(PLAIN, "    ") + "train = Steps.train\n"
    assert examined(source).exit_code == 0


def test_a_task_that_is_made_in_a_function_cannot_run_in_a_pod() -> None:
    source = "def work(n: int) -> int: return n\ndef make(): return task(track(work))\nsteps = [make()]\n"
    result = examined(source)
    assert "the pod looks for the name 'work' in the module 'train', and finds something else" in result.output
    assert result.exit_code == 1


def test_of_two_tasks_with_one_name_the_one_that_is_hidden_is_a_problem() -> None:
    result = examined(PLAIN + PLAIN)
    assert result.output.count("It cannot run in a pod") == 1
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


# Many tasks


def many(number: int) -> str:
    return "".join(PLAIN.replace("train", f"train_{i}") for i in range(number)) + options("experiment_key='x'", "bad")


def test_many_tasks_are_a_line_each_with_details_of_the_problems() -> None:
    output = examined(many(300)).output
    rows = [line for line in output.splitlines() if line.startswith("train.")]
    assert len(rows) == 302  # the one with the problem has a row and its details
    assert re.search(r"^train\.train_7 +my-team/digits +attempt +in no workflow +good$", output, re.MULTILINE)
    assert "Comet refuses experiment_key='x'" in output
    assert len(output.splitlines()) < 330
    assert "301 tasks, 1 problem." in output


def test_verbose_describes_every_task() -> None:
    Path("train.py").write_text(HEADER + many(10))
    output = CliRunner().invoke(main, ["doctor", "--verbose", "train"]).output
    assert output.count("an experiment for every attempt of every node") == 10
    assert "in no workflow         good" not in output


# For scripts


def as_json(source: str, target: str = "train") -> tuple[int, Any]:
    Path("train.py").write_text(HEADER + source)
    result = CliRunner().invoke(main, ["doctor", "--json", target])
    return result.exit_code, json.loads(result.stdout)


def test_json_has_everything_that_ci_needs_and_nothing_else_is_printed() -> None:
    code, found = as_json("print('imported')\n" + NODES)
    (train,) = found["tasks"]
    assert (code, found["good"], found["failures"]) == (0, True, [])
    assert (train["name"], train["scope"], train["problems"]) == ("train.train", "attempt", [])
    assert {"workflow": "train.part", "node_id": "n0", "kind": "plain", "direct_link": True} in train["nodes"]
    kinds = {(node["node_id"], node["kind"], node["direct_link"]) for node in train["nodes"]}
    assert ("n1-0-n<index>", "map task", False) in kinds
    assert found["versions"]["flytekitplugins-comet-ml"] == version("flytekitplugins-comet-ml")


@pytest.mark.parametrize(
    ("source", "target"),
    [(options("experiment_key='x'"), "train"), ("1 / 0\n", "train"), (PLAIN, "train:trian"), ("", "train")],
)
def test_json_of_what_is_wrong_is_json_too(source: str, target: str) -> None:
    code, found = as_json(source, target)
    assert (code, found["good"]) == (1, False)
