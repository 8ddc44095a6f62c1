"""The commands that README.md and the pages of docs/ show: each is one that there is, with its options."""

from __future__ import annotations

import functools
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import comet_ml
import pytest
from flytekitplugins.comet_ml.cli import main
from flytekitplugins.comet_ml.cli.charts import CHARTS
from flytekitplugins.comet_ml.cli.config import platform_config

from tests.support import ROOT
from tests.support.documents import FLYTE_1, Block, blocks, page

COMMAND_LINES = [
    (block, line)
    for block in blocks("bash")
    for line in block.text.replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]


@pytest.mark.parametrize(("block", "line"), COMMAND_LINES, ids=[f"{block} {line}" for block, line in COMMAND_LINES])
def test_a_command_is_one_with_the_options_that_it_has(block: Block, line: str) -> None:
    words = shlex.split(line, comments=True)
    if words[:3] == ["python", "-m", "flytekitplugins.comet_ml"]:
        parse(words[3:])
    elif words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:]) <= set(targets)
    elif words[:2] == ["pip", "install"]:
        check_pip(words[2:])
    elif words[:2] == ["pyflyte", "run"]:
        check_run(block, words[2:])
    elif words[0] == "flyte":
        pytest.skip("tests/flyte2/test_docs.py knows it")
    elif words[0] == "pytest":
        check_options([sys.executable, "-m", "pytest"], words[1:])
    elif words[0] == "export":
        assert re.fullmatch(r"COMET_[A-Z_]+=\S+", words[1])
    elif words[0] == "comet":
        if words[1] == "login" and not hasattr(comet_ml, "login"):
            pytest.skip("the oldest SDK has it as `comet init`")
        check_options([str(Path(sys.executable).with_name("comet")), words[1]], words[2:])
    elif words[0] in ("docker", "kubectl"):
        if shutil.which(words[0]) is None:
            pytest.skip(f"{words[0]} is not installed")
        subcommand = [word for word in words[1:4] if re.fullmatch(r"build|create|secret|secrets|generic|get", word)]
        check_options([words[0], *subcommand], words[1 + len(subcommand) :])
    else:
        pytest.fail(f"{words[0]} is no command that is known here")


def test_contributing_names_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^\| `make ([\w-]+)` \|", page("contributing"), re.MULTILINE))
    assert {"demo", "test", "docs"} <= named <= targets


def parse(words: list[str]) -> None:
    """Have click read a command line of ours, without running it."""
    if words == ["--help"]:
        return
    name, *rest = words
    command = main.get_command(click.Context(main), name)
    assert command is not None, name
    if rest != ["--help"]:
        command.make_context(name, rest).close()


def check_pip(words: list[str]) -> None:
    from packaging.requirements import Requirement

    check_options([sys.executable, "-m", "pip", "install"], words)
    names = {"flytekitplugins-comet-ml", "comet-ml"}
    for before, word in zip(["", *words], words, strict=False):
        if before == "-r":
            assert (ROOT / word).is_file()
        elif before == "-e" or word == ".":
            assert (ROOT / word / "setup.py").is_file()
        elif not word.startswith("-"):
            assert Requirement(word).name in names


def check_run(block: Block, words: list[str]) -> None:
    options = [word for word in words if word.startswith("-")]
    positional = [word for word in words if word.endswith(".py")]
    own = options if not positional else [word for word in words[: words.index(positional[0])] if word.startswith("-")]
    check_options([str(Path(sys.executable).with_name("pyflyte")), "run"], own)
    file, workflow = words[words.index(positional[0]) : words.index(positional[0]) + 2]
    sources = [other.text for other in blocks("python")] if not (ROOT / file).is_file() else [(ROOT / file).read_text()]
    inputs = [option.removeprefix("--") for option in options if option not in own]
    assert any(re.search(rf"def {workflow}\(.*{'.*'.join(inputs)}", source) for source in sources)


def check_options(command: list[str], words: list[str]) -> None:
    said = help_of((*command, "--help"))
    if command[0] == "kubectl":
        said += help_of(("kubectl", "options"))
    for word in words:
        if word.startswith("-"):
            option = re.escape(word.partition("=")[0])
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", said), f"{command} has no {word}"


@functools.cache
def help_of(command: tuple[str, ...]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return click.unstyle(done.stdout + done.stderr)


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_is_what_the_command_prints(block: Block) -> None:
    assert block.text in (platform_config(), platform_config(helm=True, within=CHARTS["flyte-binary"].path))


def test_the_secret_that_is_made_is_the_one_that_the_tasks_ask_for() -> None:
    made = [line for _, line in COMMAND_LINES if line.startswith("kubectl create secret")]
    assert made
    for line in made:
        group, key = re.search(r"generic (\S+) .*--from-literal=([^=]+)=", line).groups()  # type: ignore[union-attr]
        for block in FLYTE_1:
            for secret in re.findall(r"Secret\(([^)]*)\)", block.text):
                assert secret == f'group="{group}", key="{key}"', str(block)
