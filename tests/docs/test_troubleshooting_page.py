"""The headings of Troubleshooting: each is a text of the source, and every error and warning has one."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from typing import Any

import pytest
from flytekitplugins.comet_ml import errors

from tests.support.documents import DOCS, PACKAGE, headings


def text_of(node: ast.expr) -> str | None:
    """A text of the source, with {} where a name or value is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"%[.\d]*[srdfi]", "{}", node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def nodes(kind: type) -> list[Any]:
    trees = [ast.parse(file.read_text()) for file in sorted(PACKAGE.rglob("*.py"))]
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, kind)]


@functools.cache
def texts() -> list[str]:
    """All texts of the source."""
    return [text_of(node) or "" for node in [*nodes(ast.Constant), *nodes(ast.JoinedStr)]]


@functools.cache
def matcher(heading: str) -> re.Pattern[str]:
    """What finds a heading in a text: <...> in it stands for anything."""
    # What stands at its beginning is anywhere in the text: asking for it takes seconds.
    parts = re.split(r"<[^>]*>", re.sub(r"^<[^>]*>", "", heading))
    return re.compile(r"[\s\S]+?".join(re.escape(part) for part in parts))


HEADINGS = [heading.strip("` ") for heading in headings(DOCS / "troubleshooting.md") if heading.startswith("``")]


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_heading_of_troubleshooting_is_a_text_of_the_source(heading: str) -> None:
    assert any(matcher(heading).search(text) for text in texts())


def test_every_error_and_warning_of_the_source_has_a_heading_in_troubleshooting() -> None:
    ours = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    said = [
        text
        for node in nodes(ast.Call)
        if ast.unparse(node.func) in {*ours, "logger.warning", "logger.error"} and node.args
        for text in [text_of(node.args[0])]
        # What the guard logs is told by who calls it.
        if text is not None and re.search("[a-z]", text)
    ]
    assert len(said) > 50
    assert [text for text in said if not any(matcher(heading).search(text) for heading in HEADINGS)] == []
