"""The documentation as a site: every link leads somewhere, every page is in the navigation, and it builds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support import ROOT
from tests.support.documents import DOCS, PAGES, anchors, links, prose
from tests.support.options import OPTIONS


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in links(document):
        target, _, anchor = link.partition("#")
        if target.startswith(("https:", "http:")):
            continue
        file = document if not target else document.parent / target
        assert file.exists(), link
        if anchor:
            assert anchor in anchors(file), link


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    named = set(re.findall(r": ([\w-]+\.md)$", text, re.MULTILINE))
    assert named == {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    assert yaml.safe_load(text)["strict"] is True


@pytest.mark.newest
def test_the_site_builds_and_asks_nobody_else_for_anything(tmp_path: Path) -> None:
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    sites = list((tmp_path / "site").rglob("*.html"))
    assert len(sites) > len(list(DOCS.rglob("*.md")))
    for site in sites:
        html = site.read_text(encoding="utf-8")
        fetched = re.findall(r"<(?:script|img|iframe|source)[^>]+src=\"?([^\" >]+)", html)
        fetched += re.findall(r"<link[^>]+rel=\"?(?:stylesheet|preconnect|icon)\"?[^>]*href=\"?([^\" >]+)", html)
        assert [address for address in fetched if "//" in address] == [], site
    reference = (tmp_path / "site" / "reference" / "index.html").read_text(encoding="utf-8")
    for option in OPTIONS:
        assert f">{option}</" in reference


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_a_page_has_one_title_and_ends_its_blocks(document: Path) -> None:
    text = prose(document)
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1
    assert "```" not in text
