"""The pieces of the page: texts, links, headings, lists and tables, escaped and of bounded length."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from urllib.parse import urlsplit

MAX_TEXT = 300
"""Characters of a text that are shown."""

_MAX_URL = 1000

# What a file in UTF-8 cannot hold, control characters, and those that turn the direction of the text around them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def text(content: str, length: int = MAX_TEXT) -> str:
    """A text that can stand anywhere in the page, also in an attribute. What is too long is cut off at its end."""
    return escape(clean(content if len(content) <= length else f"{content[: length - 1]}…"))


def text_with_ends(content: str, length: int) -> str:
    """A text with its beginning and its end. What is too long is cut out of its middle."""
    if len(content) <= length:
        return text(content, length)
    half = length // 2
    return escape(clean(f"{content[:half]}\n…\n{content[-half:]}"))


def clean(content: str) -> str:
    """A text without characters that cannot stand in a page."""
    return _UNPRINTABLE.sub("\ufffd", content)


def size(html: str) -> int:
    """Bytes of a piece of the page."""
    return len(html.encode())


def heading(level: int, content: str, count: int) -> str:
    """The heading of a part that has so many things.

    Args:
        level: From 2 on.
        content: Its text.
        count: How many things.
    """
    return f"<h{level}>{text(content)} <span>{count:,}</span></h{level}>"


def foldable(summary: str, content: str, *, is_open: bool) -> str:
    """A part that readers open and close, without any script.

    Args:
        summary: HTML that always shows.
        content: HTML that shows while it is open.
        is_open: Whether it is at first.
    """
    return f"<details{' open' if is_open else ''}><summary>{summary}</summary>{content}</details>"


def as_many(pieces: Iterable[str], room: int) -> tuple[str, int]:
    """As many pieces of HTML as there is room for, and their number.

    Args:
        pieces: HTML.
        room: Bytes.
    """
    shown: list[str] = []
    for piece in pieces:
        room -= size(piece)
        if room < 0:
            break
        shown.append(piece)
    return "".join(shown), len(shown)


def more(count: int) -> str:
    """What stands in the place of things for which there was no room; empty if there are none."""
    return f'<p class="more">and {count:,} more, in Comet</p>' if count > 0 else ""


def link(url: str, content: str, css_class: str = "", title: str = "") -> str:
    """A link, if the address is one of a web server; else the text alone."""
    shown = text(content, _MAX_URL)
    try:
        parts = urlsplit(url)
        leads = parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) <= _MAX_URL
    except ValueError:
        leads = False
    if not leads:
        return shown
    attributes = (f' class="{css_class}"' if css_class else "") + (f' title="{text(title)}"' if title else "")
    return f'<a href="{text(url, _MAX_URL)}" target="_blank" rel="noopener noreferrer"{attributes}>{shown}</a>'
