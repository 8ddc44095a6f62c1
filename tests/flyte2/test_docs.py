"""What the page on Flyte 2 shows, works; and so do the examples."""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import flyte
import pytest
from flyte.extend import AsyncFunctionTaskTemplate
from flytekitplugins.comet_ml import CometActionLink

from tests.support import ROOT
from tests.support.action import Actions, links_of
from tests.support.comet_server import CometServer
from tests.support.documents import blocks

PYTHON = [block for block in blocks("python") if "import flyte\n" in block.text]
COMMANDS = [
    (block, line) for block in blocks("bash") for line in block.text.splitlines() if line.startswith(("flyte ",))
]
EXAMPLES = {"flyte2_digits": ("train", {"epochs": 2}), "flyte2_search": ("trial", {"cost": 1.0, "gamma": 0.001})}


def loaded(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_a_block_of_python_runs(block: Any, laptop: CometServer, tmp_path: Path) -> None:
    file = tmp_path / f"block{block.line}.py"
    file.write_text(block.text)
    module = loaded(file)
    (task,) = [value for value in vars(module).values() if isinstance(value, AsyncFunctionTaskTemplate)]
    assert [type(link) for link in task.links] == [CometActionLink]
    result = flyte.with_runcontext(mode="local").run(task, epochs=4)
    assert result.outputs()[0] == {True: 1 / 16, False: 1 / 4}["loss /= 2" in block.text]
    assert laptop.only_experiment.states == ["alive", "ended"]


@pytest.mark.parametrize(("block", "line"), COMMANDS, ids=[line for _, line in COMMANDS])
def test_a_command_has_the_options_that_are_shown(block: Any, line: str) -> None:
    words = shlex.split(line)
    subcommand = words[1:3] if words[1] in ("create", "get") else words[1:2]
    program = Path(sys.executable).with_name("flyte")
    done = subprocess.run([program, *subcommand, "--help"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    options = {word for word in words if word.startswith("--")} - {"--epochs", "--costs"}
    assert all(option in done.stdout for option in options)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_as_an_action(actions: Actions, comet: CometServer, name: str) -> None:
    actions.environment = {**actions.environment, "COMET_API_KEY": actions.environment["COMET_API_KEY_SECRET"]}
    task, inputs = EXAMPLES[name]
    run = actions.run(loaded(ROOT / "examples" / f"{name}.py"), task, inputs=inputs)
    assert run.status == 0, run.log
    experiment = comet.only_experiment
    assert links_of(run.wire)[0].endswith(f"/{experiment.key}")
    assert experiment.metrics["accuracy"][-1][1] > 0.8


def test_the_search_has_an_experiment_a_trial(laptop: CometServer) -> None:
    search = loaded(ROOT / "examples" / "flyte2_search.py").search
    flyte.with_runcontext(mode="local").run(search, costs=[0.1, 1.0])
    assert len(laptop.experiments) == 2
    assert len({experiment.others["flyte_run"] for experiment in laptop.experiments.values()}) == 1
