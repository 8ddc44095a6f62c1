"""The SDK's HTTP sessions: each is watched, and which failures the SDK may report to Comet's own service.

All requests of the SDK go through sessions that one function makes. Each gets a hook on its answers (`requests`' public
`hooks`), which sees every answer before the SDK does.
"""

from __future__ import annotations

import threading

import requests
import requests.adapters
import urllib3
import wrapt

from ..log import logger
from . import answers, in_memory, redirects
from .protocols import Arguments, Keywords, Wrapped

_LOOKS = 20


def checked_session(wrapped: Wrapped, instance: None, args: Arguments, kwargs: Keywords) -> requests.Session:
    """Make a session that takes no answer for Comet's that is none, and follows no redirect to another server."""
    session: requests.Session = wrapped(*args, **kwargs)
    in_memory.keep_off_network(session)
    for adapter in session.adapters.values():
        _print_nothing(adapter)
    redirects.stay(session)
    _withstand_changes_of_the_environment(session)
    session.hooks["response"] += [answers.count, answers.check_answer]
    return session


def _withstand_changes_of_the_environment(session: requests.Session) -> None:
    """Have a session look for proxies in the environment again, if a variable goes while it looks.

    Calls that overlap put their settings there and take them away; without this, a message of another call is lost.
    """
    look = session.merge_environment_settings
    vars(session)["merge_environment_settings"] = wrapt.FunctionWrapper(look, _look_again)


def _look_again(wrapped: Wrapped, instance: object, args: Arguments, kwargs: Keywords) -> object:
    for _ in range(_LOOKS):
        try:
            return wrapped(*args, **kwargs)
        except KeyError as name:
            logger.debug("The variable %s has gone meanwhile.", name)
    return wrapped(*args, **kwargs)


class _QuietHTTP(urllib3.HTTPConnectionPool):
    """Its connections do not print what they send, the API key in it, whatever `http.client` is told to do."""

    ConnectionCls = type("QuietConnection", (urllib3.HTTPConnectionPool.ConnectionCls,), {"debuglevel": 0})


class _QuietHTTPS(urllib3.HTTPSConnectionPool):
    """The same, encrypted."""

    ConnectionCls = type("QuietConnection", (urllib3.HTTPSConnectionPool.ConnectionCls,), {"debuglevel": 0})


def _print_nothing(adapter: object) -> None:
    if not isinstance(adapter, requests.adapters.HTTPAdapter):
        return

    def quiet(manager: urllib3.PoolManager) -> urllib3.PoolManager:
        manager.pool_classes_by_scheme = {"http": _QuietHTTP, "https": _QuietHTTPS}
        return manager

    made = adapter.proxy_manager_for
    quiet(adapter.poolmanager)
    vars(adapter)["proxy_manager_for"] = lambda *args, **kwargs: quiet(made(*args, **kwargs))


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
