"""The card about an experiment in a notebook: where it is, in one look."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

_STYLE = (
    "display:inline-block;border:1px solid #8888;border-radius:6px;padding:.5em .9em;font-family:sans-serif;"
    "overflow-wrap:anywhere"
)


def card(url: str | None, name: str, key: str, workspace: str, project: str) -> str:
    """The card, as HTML that needs nothing else: every text is escaped, and a link leads to http or https only.

    Args:
        url: The experiment's address; None for one that is offline.
        name: Its name.
        key: Its key.
        workspace: Comet workspace.
        project: Comet project.
    """
    title = escape(name or key)
    if url is not None and urlsplit(url).scheme in ("http", "https"):
        # The text's colour can be read on any background. A browser's own colour for links cannot, on a dark one.
        link = 'style="color:inherit;text-decoration:underline" target="_blank" rel="noopener noreferrer"'
        title = f'<a href="{escape(url)}" {link}>{title}</a>'
    else:
        title += " (offline)"
    place = f"{escape(workspace)} / {escape(project)}"
    return f'<div style="{_STYLE}"><b>Comet: {title}</b><br>{place}<br><code>{escape(key)}</code></div>'
