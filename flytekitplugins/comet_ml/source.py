"""The source of a task: the Python files of the package that its file is in."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from .log import logger

MAX_FILES = 50
"""Files of a package that are logged: each is an upload of its own."""
MAX_FILE_SIZE = 200_000
"""Bytes of the largest file that is logged."""
MAX_SIZE = 1_000_000
"""Bytes of all files together."""
_MAX_ENTRIES = 5_000
_INSTALLED = {"site-packages", "dist-packages"}
_SKIPPED = {"__pycache__", "node_modules", "build", "dist"}


def package_files(file: str | None, module: str) -> Mapping[str, str]:
    """The other Python files of the package that a file is in.

    Files near to the file come first. Left out are files over the bounds, hidden files, links, what git ignores, and
    everything that is installed.

    Args:
        file: A file; None for a function that stands in none.
        module: Dotted name of the module that is in the file.

    Returns:
        Paths by the names that they have in the package (`train/model.py`); empty for a file that is in no package.
    """
    if file is None:
        return {}
    path = Path(file)
    root = _package_root(path, module)
    if root is None or _is_installed(path):
        return {}
    ignored = _ignored_by_git(root)
    found = [other for other in _python_files(root, ignored) if other != path]
    found.sort(key=lambda other: (_distance(path, other), str(other)))
    chosen: dict[str, str] = {}
    size = 0
    for other in found:
        length = other.stat().st_size
        if 0 < length <= MAX_FILE_SIZE and size + length <= MAX_SIZE and len(chosen) < MAX_FILES:
            chosen[other.relative_to(root.parent).as_posix()] = str(other)
            size += length
    return chosen


def _package_root(file: Path, module: str) -> Path | None:
    """The outermost directory of the package: the module's name tells it, or else the `__init__.py` files do."""
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    if module == "__main__" and main is not None and main.origin == str(file):
        # `python -m` knows the name.
        module = main.name
    parts = module.split(".")[:-1]
    directory = file.parent
    if parts and list(directory.parts[-len(parts) :]) == parts:
        return directory.parents[len(parts) - 2] if len(parts) > 1 else directory
    root = None
    while (directory / "__init__.py").is_file() and directory.parent != directory:
        root, directory = directory, directory.parent
    return root


def _is_installed(path: Path) -> bool:
    places = {sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")}
    return not _INSTALLED.isdisjoint(path.parts) or any(path.is_relative_to(place) for place in places if place)


def _python_files(root: Path, ignored: Callable[[Path], bool]) -> Iterator[Path]:
    seen = 0
    for place, directories, files in os.walk(root):
        directory = Path(place)
        directories[:] = [
            name
            for name in sorted(directories)
            if not name.startswith(".")
            and name not in _SKIPPED | _INSTALLED
            and not (directory / name / "pyvenv.cfg").exists()
            and not ignored(directory / name)
        ]
        for name in sorted(files):
            seen += 1
            if seen > _MAX_ENTRIES:
                return
            path = directory / name
            if name.endswith(".py") and not name.startswith(".") and not path.is_symlink() and not ignored(path):
                yield path


def _distance(file: Path, other: Path) -> int:
    """Steps between the directories of two files."""
    common = len(os.path.commonpath([file.parent, other.parent]).split(os.sep))
    return len(file.parent.parts) + len(other.parent.parts) - 2 * common


def _ignored_by_git(root: Path) -> Callable[[Path], bool]:
    """Whether git ignores a path: by the `.gitignore` files around the package, which an image may have without git.

    What git tracks, it does not ignore.
    """
    around = [directory for directory in (root, *root.parents) if (directory / ".gitignore").is_file()]
    work_tree = next((directory for directory in (root, *root.parents) if (directory / ".git").exists()), None)
    # Without a repository, nobody says where the project begins: the next directories around the package count.
    near = [directory for directory in around if directory in (root, *list(root.parents)[:2])]
    top = work_tree or (near[-1] if near else root)
    try:
        # Comet's SDK needs it for git, too.
        from dulwich.ignore import IgnoreFilterManager
        from dulwich.repo import Repo
    except ImportError:
        logger.debug("Without dulwich nobody can tell what git ignores: only the file of the task is logged.")
        return lambda path: True
    manager, tracked = IgnoreFilterManager(str(top), [], False), set()
    if work_tree:
        try:
            with Repo(str(top)) as repository:
                manager = IgnoreFilterManager.from_repo(repository)
                files = [PurePosixPath(os.fsdecode(name)) for name in repository.open_index()]
                tracked = {str(each) for file in files for each in (file, *file.parents)}
        except Exception as problem:
            # A work tree whose repository is elsewhere, and is not in this image.
            logger.debug("The repository %s cannot be read: %s", top, problem)

    def ignored(path: Path) -> bool:
        name = path.relative_to(top).as_posix()
        return name not in tracked and bool(manager.is_ignored(f"{name}/" if path.is_dir() else name))

    return ignored
