"""What the README promises, a newcomer gets; test_docs.py and its like have what is checked in all pages."""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flytekitplugins.comet_ml import comet_ml_login

from tests.support import DATA, ROOT
from tests.support.comet_server import CometServer

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def module(source: str, name: str, directory: Path) -> Any:
    file = directory / f"{name}.py"
    file.write_text(source)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def test_the_first_example_runs_and_is_tracked(laptop: CometServer, tmp_path: Path) -> None:
    example = module(blocks("python")[0], "readme_first", tmp_path)
    assert example.training(epochs=2) == pytest.approx(0.81)
    experiment = laptop.only_experiment
    assert [step for step, _ in experiment.metrics["loss"]] == [0, 1]
    assert {"epochs": 2, "learning_rate": 0.1}.items() <= experiment.parameters.items()


def test_the_command_for_local_runs_works_without_an_account(tmp_path: Path) -> None:
    (tmp_path / "work" / "train.py").write_text(blocks("python")[0])
    command = next(block for block in blocks("bash") if block.startswith("pyflyte run")).split()
    command[0] = str(Path(sys.executable).with_name("pyflyte"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "To go online, set COMET_API_KEY" in done.stderr
    assert len(list((tmp_path / "work" / ".cometml-runs").glob("*.zip"))) == 1


def test_every_option_is_in_the_table() -> None:
    table = README.split("## Options")[1].split("##")[0]
    parameters = inspect.signature(comet_ml_login.__init__).parameters.values()
    for parameter in parameters:
        if parameter.kind is not parameter.VAR_KEYWORD and parameter.name != "self":
            assert f"`{parameter.name}`" in table


def test_the_vectors_in_the_documentation_are_those_of_the_tests() -> None:
    page = (ROOT / "docs" / "experiment-keys.md").read_text()
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in page.split("## Test vectors")[1].splitlines()]
    vectors = json.loads((DATA / "key_vectors.json").read_text())
    names = (
        "scope",
        "flyte_project",
        "flyte_domain",
        "execution",
        "generated_name",
        "workspace",
        "project_name",
        "key",
    )
    expected = [{"generated_name": vector.get("node_id", ""), **vector} for vector in vectors]
    assert [row for row in rows if len(row) == 8][2:] == [[vector[name] for name in names] for vector in expected]


def test_on_pypi_no_link_leads_into_the_repository() -> None:
    code = (ROOT / "setup.py").read_text().split("setup(")[0].replace("__file__", repr(str(ROOT / "setup.py")))
    names: dict[str, Any] = {}
    exec(code, names)
    shown = names["description"]()
    assert "Getting started goes through it" in shown
    assert re.findall(r"\]\((?!https?:)", shown) == []
    assert re.findall(r"\]\(https?:", shown) == re.findall(r"\]\(https?:", README)
