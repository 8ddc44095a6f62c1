"""The pages about options, errors, commands and modules: they have all of them, and no others."""

from __future__ import annotations

import ast
import inspect
import re
import xml.etree.ElementTree as ElementTree

import click
import pytest
from flytekitplugins.comet_ml import errors
from flytekitplugins.comet_ml.cli import COMMANDS, main

from tests.support.documents import DOCS, PACKAGE, page
from tests.support.options import OPTIONS

# Options, errors and commands


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_has_a_section_with_its_default(option: str) -> None:
    sections = dict(re.findall(r"^### `(\w+)`\n\n(.*?)(?=^##|\Z)", page("options"), re.DOTALL | re.MULTILINE))
    default = OPTIONS[option].default
    if default is inspect.Parameter.empty:
        assert sections[option].startswith("Required.")
    else:
        shown = re.match(r"Default: `(.*?)`\.", sections[option])
        assert shown is not None
        assert ast.literal_eval(shown[1]) == default


def test_no_section_is_about_an_option_that_there_is_not() -> None:
    assert set(re.findall(r"^### `(\w+)`$", page("options"), re.MULTILINE)) == set(OPTIONS)


@pytest.mark.parametrize("name", [name for name, value in vars(errors).items() if inspect.isclass(value)])
def test_every_error_is_in_the_reference_and_in_troubleshooting(name: str) -> None:
    assert re.search(rf"^\| `{name}` \|", page("reference"), re.MULTILINE)
    assert f"`{name}`" in page("troubleshooting")


def test_every_command_is_in_the_reference_with_its_options() -> None:
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        row = re.search(rf"^\| `{name}` \|(.*)\|$", page("reference"), re.MULTILINE)
        assert row is not None
        options = {max(parameter.opts, key=len) for parameter in command.params if isinstance(parameter, click.Option)}
        assert set(re.findall(r"`(--[\w-]+)`", row[1])) == options


# The modules


def modules_of_package() -> set[str]:
    """Paths of the modules from the package's directory."""
    paths = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return {path.as_posix() for path in paths if not path.name.startswith("__")}


def test_the_drawing_has_only_modules_that_there_are() -> None:
    drawing = ElementTree.parse(DOCS / "images" / "call.svg")
    texts = [element.text or "" for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    drawn = {name for text in texts for name in re.findall(r"[\w/]+\.py", text)}
    assert drawn <= modules_of_package()
    assert len(drawn) > 20


def test_the_tables_of_modules_have_each_of_them() -> None:
    tables = page("how-it-works").split("## The modules")[1]
    first_cells = [row.split("|")[1] for row in tables.splitlines() if row.startswith("| `")]
    named = set(re.findall(r"`([^`]+)`", " ".join(first_cells)))
    # One row is for all commands.
    assert named == {name for name in modules_of_package() if not name.startswith("cli/")} | {"cli/"}
