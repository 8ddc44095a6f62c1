"""Which files are a task's source: those of its package, and no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flytekitplugins.comet_ml.source import MAX_FILE_SIZE, MAX_FILES, package_files


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A project with a package of three files, `my_pkg/train/task.py` among them."""
    root = tmp_path / "project" / "my_pkg"
    (root / "train").mkdir(parents=True)
    for name in ("__init__.py", "model.py", "train/__init__.py", "train/task.py"):
        (root / name).write_text(f"# {name}\n")
    return root


def names(package: Path, module: str = "my_pkg.train.task") -> list[str]:
    return list(package_files(str(package / "train" / "task.py"), module))


def test_the_other_files_of_the_package_the_nearest_first(package: Path) -> None:
    files = package_files(str(package / "train" / "task.py"), "my_pkg.train.task")
    assert list(files) == ["my_pkg/train/__init__.py", "my_pkg/__init__.py", "my_pkg/model.py"]
    assert files["my_pkg/model.py"] == str(package / "model.py")


def test_a_package_without_init_files_is_told_by_the_module_s_name(package: Path) -> None:
    for file in package.rglob("__init__.py"):
        file.unlink()
    assert names(package) == ["my_pkg/model.py"]


def test_a_package_is_told_by_its_init_files_where_the_module_is_main(package: Path) -> None:
    assert "my_pkg/model.py" in names(package, "__main__")


def test_a_package_without_init_files_is_told_by_the_name_that_python_m_was_given(package: Path) -> None:
    for file in package.rglob("__init__.py"):
        file.unlink()
    (package / "train" / "task.py").write_text(
        "from flytekitplugins.comet_ml.source import package_files\nprint(*package_files(__file__, __name__))\n"
    )
    command = [sys.executable, "-m", "my_pkg.train.task"]
    done = subprocess.run(command, cwd=package.parent, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["my_pkg/model.py"]


def test_a_script_is_in_no_package(tmp_path: Path) -> None:
    for name in ("task.py", "other.py"):
        (tmp_path / name).write_text("x = 1\n")
    assert package_files(str(tmp_path / "task.py"), "task") == {}
    assert package_files(str(tmp_path / "task.py"), "__main__") == {}
    assert package_files(None, "__main__") == {}


def test_what_is_no_python_hidden_empty_or_a_link_is_left_out(package: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.py").write_text("x = 1\n")
    (package / "link.py").symlink_to(tmp_path / "elsewhere.py")
    (package / "empty.py").touch()
    (package / "notes.txt").write_text("x")
    (package / ".hidden.py").write_text("x = 1\n")
    for name in (".git", "__pycache__", "node_modules", ".venv", "env"):
        (package / name).mkdir()
        (package / name / "inner.py").write_text("x = 1\n")
    (package / "env" / "pyvenv.cfg").touch()
    assert names(package) == ["my_pkg/train/__init__.py", "my_pkg/__init__.py", "my_pkg/model.py"]


@pytest.mark.parametrize("place", ["site-packages", "dist-packages"])
def test_nothing_that_is_installed_is_logged(package: Path, place: str) -> None:
    (package / place).mkdir()
    (package / place / "library.py").write_text("x = 1\n")
    assert f"my_pkg/{place}/library.py" not in names(package)
    installed = package.parent / place
    installed.mkdir()
    os.rename(package, installed / "my_pkg")
    assert package_files(str(installed / "my_pkg" / "train" / "task.py"), "my_pkg.train.task") == {}


def test_nothing_that_git_ignores_is_logged(package: Path) -> None:
    subprocess.run(["git", "init", "-q", str(package.parent)], check=True)
    (package.parent / ".gitignore").write_text("local_*.py\n/my_pkg/generated/\n!local_kept.py\n")
    (package.parent / ".git" / "info" / "exclude").write_text("excluded.py\n")
    (package / "train" / ".gitignore").write_text("scratch.py\n")
    (package / "generated").mkdir()
    for name in ("local_keys.py", "local_kept.py", "generated/a.py", "excluded.py", "train/scratch.py", "scratch.py"):
        (package / name).write_text("x = 1\n")
    assert set(names(package)) == {
        "my_pkg/train/__init__.py",
        "my_pkg/__init__.py",
        "my_pkg/model.py",
        "my_pkg/local_kept.py",
        "my_pkg/scratch.py",
    }


def test_what_git_tracks_it_does_not_ignore(package: Path) -> None:
    project = package.parent
    (package / "generated").mkdir()
    (package / "generated" / "tracked.py").write_text("x = 1\n")
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    subprocess.run(["git", "-C", str(project), "add", "-A"], check=True)
    (project / ".gitignore").write_text("model.py\ngenerated/\nother.py\n")
    for name in ("other.py", "generated/untracked.py"):
        (package / name).write_text("x = 1\n")
    assert {name for name in names(package) if "__init__" not in name} == {
        "my_pkg/model.py",
        "my_pkg/generated/tracked.py",
    }


def test_a_package_that_git_ignores_is_left_out_whole(package: Path) -> None:
    subprocess.run(["git", "init", "-q", str(package.parent)], check=True)
    (package.parent / ".gitignore").write_text("my_pkg/\n")
    assert names(package) == []


def test_the_ignore_files_count_in_an_image_without_git(package: Path) -> None:
    (package.parent / ".gitignore").write_text("model.py\n")
    assert names(package) == ["my_pkg/train/__init__.py", "my_pkg/__init__.py"]


def test_a_broken_repository_does_not_keep_the_ignore_files_from_counting(package: Path) -> None:
    (package.parent / ".git").write_text("gitdir: /nowhere\n")
    (package.parent / ".gitignore").write_text("model.py\n")
    assert names(package) == ["my_pkg/train/__init__.py", "my_pkg/__init__.py"]


def test_number_and_size_are_bounded(package: Path) -> None:
    (package / "large.py").write_text("#" * (MAX_FILE_SIZE + 1))
    for number in range(MAX_FILES + 10):
        (package / f"m{number}.py").write_text("x = 1\n")
    found = names(package)
    assert len(found) == MAX_FILES
    assert "my_pkg/large.py" not in found
    assert found[0] == "my_pkg/train/__init__.py"
