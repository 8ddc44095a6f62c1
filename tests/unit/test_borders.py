"""The borders between the rooms of the package, by the syntax trees of its modules."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support.source_tree import NAME, PACKAGE, foreign_private_names, imports_of, module_of

FILES = sorted(PACKAGE.rglob("*.py"))


def rooms_that_import(imported: Callable[[str], bool]) -> set[str]:
    return {module_of(file).partition(".")[0] for file in FILES if any(imported(name) for name in imports_of(file))}


def test_only_the_front_end_and_the_commands_know_flytekit() -> None:
    assert rooms_that_import(lambda name: name.partition(".")[0] == "flytekit") <= {"flyte1", "cli"}


def test_only_the_front_end_for_it_knows_flyte_2() -> None:
    assert rooms_that_import(lambda name: name.partition(".")[0] == "flyte") <= {"flyte2"}


def test_only_the_sdk_s_room_imports_comet_ml() -> None:
    # What type checkers see under the name that people's tests patch is `tracking.comet_ml`.
    assert rooms_that_import(lambda name: name.partition(".")[0] == "comet_ml") <= {"sdk", "tracking"}


def test_only_the_sdk_s_room_and_the_front_ends_read_private_names_of_others() -> None:
    read = {module_of(file): foreign_private_names(file) for file in FILES}
    outside = {
        name: names
        for name, names in read.items()
        if names and name.partition(".")[0] not in ("sdk", "flyte1", "flyte2")
    }
    assert outside == {}


def test_the_session_knows_no_front_end_and_no_deck() -> None:
    known = {name for file in (PACKAGE / "session").glob("*.py") for name in imports_of(file)}
    assert not [
        name
        for name in known
        if name.startswith(
            tuple(
                f"{NAME}.{room}"
                for room in ("flyte1", "flyte2", "front_end", "generation", "deck", "testing", "cli", "tracking")
            )
        )
    ]


@pytest.mark.parametrize("room", ["keys", "names"])
def test_names_and_keys_import_nothing_of_ours(room: str) -> None:
    files = [file for file in FILES if module_of(file).partition(".")[0] == room]
    imported = {name for file in files for name in imports_of(file) if name.startswith(NAME)}
    assert files
    assert not [name for name in imported if not name.startswith(f"{NAME}.{room}")]


def test_there_is_no_circle_of_imports_not_even_for_types() -> None:
    graph = {f"{NAME}.{module_of(file)}".rstrip("."): set(imports_of(file)) for file in FILES}
    graph = {
        name: {each for each in imported if each in graph and each not in (name, NAME)}
        for name, imported in graph.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(reversed(error.args[1]))}")


def test_no_module_is_longer_than_300_lines() -> None:
    assert {str(f.relative_to(PACKAGE)): n for f in FILES if (n := len(f.read_text().splitlines())) > 300} == {}


def test_the_session_can_be_imported_without_flytekit(tmp_path: Path) -> None:
    source = f"""
import sys
sys.modules["flytekit"] = sys.modules["flyte"] = None
import {NAME}, {NAME}.session.session, {NAME}.options, {NAME}.tracking
assert not [name for name in sys.modules if name.startswith(("flytekit.", "comet_ml."))], "something was loaded"
"""
    subprocess.run([sys.executable, "-c", source], check=True, cwd=tmp_path)
