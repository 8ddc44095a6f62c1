"""The SDK's HTTP sessions: each is watched, and which failures the SDK may report to Comet's own service.

All requests of the SDK go through sessions that one function makes. Each gets a hook on its answers (`requests`' public
`hooks`), which sees every answer before the SDK does.
"""

from __future__ import annotations

import threading

import requests

from . import answers, in_memory, redirects
from .protocols import Arguments, Keywords, Wrapped


def checked_session(wrapped: Wrapped, instance: None, args: Arguments, kwargs: Keywords) -> requests.Session:
    """Make a session that takes no answer for Comet's that is none, and follows no redirect to another server."""
    session: requests.Session = wrapped(*args, **kwargs)
    in_memory.mount(session)
    redirects.stay(session)
    session.hooks["response"].append(answers.check_answer)
    return session


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
