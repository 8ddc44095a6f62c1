"""docs/frameworks.md shows nothing but what stands in the examples, which are run, and names all of them."""

from __future__ import annotations

import re

import pytest

from tests.support import ROOT

PAGE = (ROOT / "docs" / "frameworks.md").read_text()
# Those of Flyte 2 are on a page of their own.
EXAMPLES = {
    file.name: file.read_text()
    for file in sorted((ROOT / "examples").glob("*.py"))
    if not file.name.startswith("flyte2_")
}
NOT_OF_A_FRAMEWORK = {"artifact.py", "configs.py", "digits.py", "read_archive.py"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", blocks("python"))
def test_every_block_of_code_is_part_of_an_example(block: str) -> None:
    assert [name for name, source in EXAMPLES.items() if block in source]


@pytest.mark.parametrize("command", "".join(blocks("bash")).splitlines())
def test_every_command_is_one_that_an_example_names(command: str) -> None:
    assert [name for name, source in EXAMPLES.items() if command in source]


def test_every_example_is_linked() -> None:
    assert set(re.findall(r"\(\.\./examples/(\w+\.py)\)", PAGE)) == set(EXAMPLES) - NOT_OF_A_FRAMEWORK


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - NOT_OF_A_FRAMEWORK))
def test_every_example_says_how_to_run_it_locally_and_in_a_cluster(name: str) -> None:
    (text,) = re.findall(r'\A"""(.*?)"""', EXAMPLES[name], re.DOTALL)
    workflows = re.findall(r"^@workflow\ndef (\w+)", EXAMPLES[name], re.MULTILINE)
    commands = re.findall(rf"pyflyte run (--remote )?examples/{name} (\w+)", text)
    assert {workflow for _, workflow in commands} == set(workflows)
    assert {bool(remote) for remote, _ in commands} == {True, False}
