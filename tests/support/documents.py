"""The documentation as data: its pages, their code blocks, headings and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT

DOCS = ROOT / "docs"
PACKAGE = ROOT / "flytekitplugins" / "comet_ml"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted(DOCS.rglob("*.md")),
]


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        page: The page's path from the root of the repository.
        line: Number of its first line.
        language: What stands behind the fence; empty if nothing does.
        text: What is in it.
    """

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Every block of all pages, or those in some languages."""
    found = [block for page in PAGES for block in _blocks(page)]
    return [block for block in found if not languages or block.language in languages]


def is_excerpt(block: Block) -> bool:
    """Whether a block is a part of an example, which is run where the examples are."""
    return any(block.text in example.read_text(encoding="utf-8") for example in (ROOT / "examples").glob("*.py"))


def is_line_of_a_body(block: Block) -> bool:
    """Whether a block is what the body of a tracked task logs, which test_what_you_can_log.py runs."""
    return block.page == "docs/what-you-can-log.md" and "comet_ml_login" not in block.text


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in re.finditer(r"^( *)```(\w*)([^\n]*)\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE):
        line = text[: match.start()].count("\n") + 2
        yield Block(str(page.relative_to(ROOT)), line, match[2], match[4])


def page(name: str) -> str:
    """The text of a page of docs/."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def headings(page: Path) -> list[str]:
    """The headings of a page, without their marks."""
    return re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs make them where they agree."""
    found: set[str] = set()
    for heading in headings(page):
        text = re.sub(r"[^\w\s-]", "", heading.lower()).strip()
        found.add(re.sub(r"\s+", "-", text))
    return found


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    return [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'(?:src|href)="([^"]+)"', text)]


# tests/flyte2/test_docs.py runs what is about Flyte 2: it is not installed with the other tests.
FLYTE_1 = [block for block in blocks("python") if "import flyte\n" not in block.text]
