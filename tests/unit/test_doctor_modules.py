"""The modules that `doctor` looks into: by name, file, package or directory, and those that it cannot import."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from flytekitplugins.comet_ml.cli import main

from tests.support.doctor import HEADER, PLAIN, doctor, examined, options

pytestmark = pytest.mark.usefixtures("_no_other_tasks")


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


def test_of_a_package_a_module_that_cannot_be_imported_is_a_problem_beside_the_others() -> None:
    Path("my_project").mkdir()
    Path("my_project/__init__.py").write_text("")
    Path("my_project/broken.py").write_text("1 / 0\n")
    Path("my_project/training.py").write_text(HEADER + PLAIN)
    result = doctor("my_project")
    assert "my_project.training.train" in result.output
    assert "The module 'my_project.broken' cannot be imported" in result.output
    assert "1 task, 1 problem." in result.output
    assert result.exit_code == 1


def test_of_a_module_that_fails_half_way_only_the_failure_is_told() -> None:
    Path("src").mkdir()
    Path("src/half.py").write_text(HEADER + PLAIN + "1 / 0\n")
    Path("src/training.py").write_text(HEADER + PLAIN)
    result = doctor("src")
    assert "The module 'half' cannot be imported" in result.output
    assert "half.train" not in result.output
    assert "1 task, 1 problem." in result.output


def test_of_a_directory_the_files_with_tasks_are_checked_and_no_script_is_run() -> None:
    for place in ("src/my_project", "src/.hidden", "src/env/lib"):
        Path(place).mkdir(parents=True)
    Path("src/env/pyvenv.cfg").write_text("")
    Path("src/my_project/__init__.py").write_text("")
    Path("src/my_project/training.py").write_text(HEADER + PLAIN)
    Path("src/train.py").write_text(HEADER + "from my_project.training import train as other\n" + PLAIN)
    for script in ("src/setup.py", "src/.hidden/train2.py", "src/env/lib/train3.py"):
        Path(script).write_text(f"import sys\nprint({script!r}, 'was run')\n")
    for hidden in ("src/.hidden/train2.py", "src/env/lib/train3.py"):
        Path(hidden).write_text("import flytekit\n1 / 0\n")
    result = doctor("src")
    assert "my_project.training.train\n" in result.output
    assert "train.train\n" in result.output
    assert "was run" not in result.output
    assert "2 tasks, no problems." in result.output
    assert result.exit_code == 0


def test_the_current_directory_can_be_checked() -> None:
    Path("train.py").write_text(HEADER + PLAIN)
    assert "1 task, no problems." in doctor(".").output


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
    Path("notes/notes.txt").write_text("")
    assert "notes/notes.txt is no Python file" in doctor("notes/notes.txt").output


def test_a_directory_without_tasks_is_an_error() -> None:
    Path("notes").mkdir()
    assert "notes has no Python file that imports Flyte" in doctor("notes/").output


def test_no_module_at_all_is_a_wrong_command_line() -> None:
    assert doctor(":train").exit_code == 2
    assert CliRunner().invoke(main, ["doctor"]).exit_code == 2
