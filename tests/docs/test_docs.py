"""The Python that README.md and the pages of docs/ show: it runs, and does what they say."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import comet_ml
import pytest
from flytekit.core.workflow import WorkflowBase
from flytekit.image_spec.image_spec import ImageBuildEngine
from flytekitplugins.comet_ml.testing.fixture import comet_in_memory

from tests.support import ROOT
from tests.support.canary import CANARY
from tests.support.comet_server import CometServer
from tests.support.documents import DOCS, FLYTE_1, Block, blocks, is_excerpt, is_line_of_a_body, prose
from tests.support.pod import template_of

PYTHON = [block for block in FLYTE_1 if not is_excerpt(block) and not is_line_of_a_body(block)]


def of_page(name: str, language: str) -> list[str]:
    return [block.text for block in blocks(language) if block.page == f"docs/{name}.md"]


# Code


def test_every_block_is_of_a_language_that_is_checked_here() -> None:
    strange = [str(block) for block in blocks() if block.language not in ("python", "bash", "yaml", "text")]
    assert strange == []


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_a_block_of_python_runs(
    block: Block, laptop: CometServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Serializing would look for the image in its registry, and build it.
    monkeypatch.setattr(ImageBuildEngine, "build", lambda spec: None)
    # The loopback server has no queries.
    monkeypatch.setattr(comet_ml.API, "query", lambda *args, **kwargs: [])
    modules = re.findall(r"^(?:import|from) (\w+(?:\.\w+)*)", block.text, re.MULTILINE)
    for name in modules:
        if importlib.util.find_spec(name.split(".")[0]) is None or importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    module = loaded(block, tmp_path)
    for entity in list(vars(module).values()):
        if hasattr(entity, "task_function") and hasattr(entity, "get_extra_config"):
            assert entity.get_extra_config().items() <= template_of(entity).config.items()
        if isinstance(entity, WorkflowBase):
            # All inputs of the workflows that are shown have defaults.
            entity()
            assert laptop.experiments
    for name, function in list(vars(module).items()):
        if name.startswith("test_"):
            with monkeypatch.context() as patch:
                if "comet" not in inspect.signature(function).parameters:
                    function()
                    continue
                with comet_in_memory(patch.setenv, patch.delenv, tmp_path / "comet") as comet:
                    function(comet)


def loaded(block: Block, directory: Path) -> Any:
    name = re.sub(r"\W", "_", str(block))
    file = directory / f"{name}.py"
    file.write_text(block.text)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _is_of_a_module_that_is_not_installed(message: str) -> bool:
    module = re.match(r'Import "(\w+)', message)
    return module is not None and importlib.util.find_spec(module[1]) is None


@pytest.mark.slow
@pytest.mark.newest
def test_a_type_checker_has_nothing_to_say_about_the_python(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    lines = [block for block in FLYTE_1 if is_line_of_a_body(block)]
    for block in [*PYTHON, *lines]:
        experiment = "import comet_ml\nexperiment = comet_ml.start()\n" if block in lines else ""
        (tmp_path / (re.sub(r"\W", "_", str(block)) + ".py")).write_text(experiment + block.text)
    # get_running_experiment() is None only where no experiment runs, which the body of a tracked task is not.
    # In a workflow, a task's result is a promise to flytekit, and what the task returns to everybody else.
    lenient = (
        "reportOptionalMemberAccess",
        "reportOptionalIterable",
        "reportReturnType",
        "reportArgumentType",
        "reportGeneralTypeIssues",
    )
    settings = {"typeCheckingMode": "standard", "extraPaths": [str(ROOT)], **dict.fromkeys(lenient, False)}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = ["-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(tmp_path)]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(PYTHON) + len(lines)
    found = [
        entry
        for entry in report["generalDiagnostics"]
        if entry["severity"] == "error" and not _is_of_a_module_that_is_not_installed(entry["message"])
    ]
    assert [(Path(entry["file"]).name, entry["message"]) for entry in found] == []


# What a newcomer sees


def pattern(text: str) -> str:
    """A regular expression for what is printed: <...> stands for anything in a line."""
    return re.sub(r"<[^>\n]*>", ".+", re.escape(text.rstrip("\n")).replace(r"\ ", " "))


@pytest.mark.slow
@pytest.mark.newest
def test_getting_started_prints_what_the_page_says(tmp_path: Path, comet: CometServer) -> None:
    (tmp_path / "work" / "train.py").write_text(of_page("getting-started", "python")[0])
    result, offline, online, doctor = of_page("getting-started", "text")
    run = next(text for text in of_page("getting-started", "bash") if text.startswith("pyflyte run"))
    upload, check = (text for text in of_page("getting-started", "bash") if text.startswith("python -m"))

    def execute(command: str, **environment: str) -> str:
        words = shlex.split(command)
        words[0] = str(Path(sys.executable).with_name(words[0]))
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "200", **environment}
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return click.unstyle(done.stdout + done.stderr)

    account = {"COMET_API_KEY": CANARY, "COMET_URL_OVERRIDE": f"{comet.url}/clientlib/"}
    said = execute(run)
    assert re.search(pattern(result), said), said
    assert re.search(pattern(offline), said), said
    said = execute(run, **account)
    assert re.search(pattern(online).replace(re.escape("https://www.comet.com"), ".+"), said), said
    assert len(comet.experiments) == 1
    said = execute(upload, **account)
    assert len(comet.experiments) == 2, said
    said = execute(check)
    assert re.search(pattern(doctor), said), said


def test_the_inputs_that_the_page_says_are_logged_and_no_others(laptop: CometServer, tmp_path: Path) -> None:
    (block,) = (block for block in blocks("python") if block.page == "docs/experiment.md")
    module = loaded(block, tmp_path)
    module.train(optimizer=module.Optimizer(), max_tokens=512, hub_token="hf_0123456789")
    said = re.search(r"logs (.*?), and not (.*?)\.\n", prose(DOCS / "experiment.md"))
    assert said is not None
    logged, left_out = (set(re.findall(r"`(\S+)`", part)) for part in said.groups())
    assert logged <= set(laptop.only_experiment.parameters)
    assert left_out
    assert left_out.isdisjoint(laptop.only_experiment.parameters)


@pytest.mark.parametrize("number", [0, 1])
def test_code_for_the_earlier_plugin_gives_what_the_shorter_one_gives(
    number: int, laptop: CometServer, tmp_path: Path
) -> None:
    block = [block for block in blocks("python") if block.page == "docs/migrating.md"][number]
    assert loaded(block, tmp_path).train(epochs=4) == 4
    experiment = laptop.only_experiment
    assert [value for _, value in experiment.metrics["loss"]] == [0.25]
    assert str(experiment.parameters["epochs"]) == "4"
    assert not experiment.alive
