"""The Comet deck's page, read as a browser does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser


class Page(HTMLParser):
    """A page, read as a browser does.

    Attributes:
        tags: Names of the elements.
        attributes: Names of their attributes.
        links: Pairs of an address and a text.
        text: What is to be read.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self._open.append(tag)
        if tag == "a":
            self.links.append((dict(attrs)["href"] or "", ""))

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            return
        self.text += data
        if self._open and self._open[-1] == "a":
            self.links[-1] = (self.links[-1][0], self.links[-1][1] + data)


def comet_part(html: str) -> str:
    start = html.index('<div class="comet-deck">')
    return html[start : html.index("</section></div>", start) + len("</section></div>")]


def numbers_in(svg: str) -> list[float]:
    """All coordinates of a picture. Of a path's distances, the places that they lead to."""
    found = [float(text) for text in re.findall(r' (?:x|y|cx|cy)="([^"]*)"', svg)]
    for path in re.findall(r' d="([^"]*)"', svg):
        x = y = 0.0
        for command, text in re.findall("([A-Za-z])([^A-Za-z]*)", path):
            values = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]
            if command in "Hh":
                x = values[0] + (x if command == "h" else 0)
                found.append(x)
                continue
            for dx, dy in zip(values[::2], values[1::2], strict=True):
                x, y = (x + dx, y + dy) if command in "lm" else (dx, dy)
                found += [x, y]
    return found
