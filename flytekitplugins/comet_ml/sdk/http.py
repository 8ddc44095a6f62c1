"""The SDK's HTTP sessions: what counts as an answer of Comet, and where a request may go.

All requests of the SDK go through sessions that one function makes. Each gets a hook on its answers (`requests`' public
`hooks`), which sees every answer before the SDK does.
"""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

import requests

from . import in_memory, redirects
from .protocols import Arguments, Keywords, Wrapped

_PATHS = ("/clientlib/", "/api/rest/")
_DOWNLOADS = ("asset", "artifact", "download", "model", "image", "output", "code", "symlink")
"""Parts of the paths whose answers are people's own files."""


class NotCometError(requests.ConnectionError):
    """Something between us and Comet has answered in its place. For the SDK, the connection is lost."""


def checked_session(wrapped: Wrapped, instance: None, args: Arguments, kwargs: Keywords) -> requests.Session:
    """Make a session that takes no answer for Comet's that is none, and follows no redirect to another server."""
    session: requests.Session = wrapped(*args, **kwargs)
    in_memory.mount(session)
    redirects.stay(session)
    session.hooks["response"].append(check_answer)
    return session


def check_answer(response: requests.Response, *args: object, **kwargs: object) -> None:
    """Refuse an answer that cannot be Comet's.

    A proxy or a captive portal answers 200 with a page of its own; the SDK would take that for delivered.

    Raises:
        NotCometError: With the server that has answered.
    """
    request = response.request
    asked = urlsplit(request.url or "")
    fetches = request.method == "GET" and any(part in asked.path for part in _DOWNLOADS)
    if not response.ok or response.is_redirect or fetches or not any(path in asked.path for path in _PATHS):
        return
    try:
        if response.content:
            response.json()
    except ValueError:
        raise NotCometError(
            f"{asked.scheme}://{asked.netloc} has answered with something that is not Comet's: a page of a proxy?",
            request=request,
        ) from None


def report(wrapped: Wrapped, instance: object, args: Arguments, kwargs: Keywords) -> None:
    """Let the SDK report its failures to Comet, unless an experiment of this process is on a server of the user's.

    The SDK does not while the settings name that server. But an upload can fail later, when they are again those of
    the process: the report, with the API key in it, would go to Comet's own service.
    """
    if not _own_server.is_set():
        wrapped(*args, **kwargs)


def keep_reports_home() -> None:
    """Report nothing to Comet's own service from now on: an experiment of this process is on another server."""
    if not _own_server.is_set():
        # Its lock is taken only once: a forked child must not wait for a thread that it does not have.
        _own_server.set()


# For good: there is no telling when the last upload has failed.
_own_server = threading.Event()
