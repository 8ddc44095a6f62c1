"""What the documentation shows, works: its code is run, its tables and templates are compared with the code."""

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
from comet_server import CometServer
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.comet_ml.cli.config import platform_config
from pod import template_of

ROOT = Path(__file__).parents[1]
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


@pytest.mark.parametrize("number", range(1, len(blocks("python"))))
def test_the_other_examples_load_and_serialize(number: int, tmp_path: Path) -> None:
    example = module(blocks("python")[number], f"readme_{number}", tmp_path)
    tasks = [value for value in vars(example).values() if hasattr(value, "task_function")]
    assert tasks
    for entity in tasks:
        if hasattr(entity, "get_extra_config"):
            assert template_of(entity).config == entity.get_extra_config()


def test_the_platform_s_configuration_is_what_the_command_prints() -> None:
    (block,) = blocks("yaml")
    assert block == platform_config()


def test_every_option_is_in_the_table() -> None:
    table = README.split("## Options")[1].split("##")[0]
    parameters = inspect.signature(comet_ml_login.__init__).parameters.values()
    for parameter in parameters:
        if parameter.kind is not parameter.VAR_KEYWORD and parameter.name != "self":
            assert f"`{parameter.name}`" in table


def test_the_vectors_in_the_documentation_are_those_of_the_tests() -> None:
    page = (ROOT / "docs" / "experiment-keys.md").read_text()
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in page.split("## Test vectors")[1].splitlines()]
    vectors = json.loads((Path(__file__).parent / "data" / "key_vectors.json").read_text())
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


def test_links_to_files_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_commands_of_the_quick_start_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\S+)", "\n".join(blocks("bash")), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
