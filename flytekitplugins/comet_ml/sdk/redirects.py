"""Redirects: none of the SDK's requests follows one to another server, where its API key would go.

`requests` sends every header but one to the new server, and the body with the key in it, too (307 and 308). The SDK
makes all of its sessions in one function. A session follows a redirect in `resolve_redirects`, and calls `rebuild_auth`
before it does.

A redirect is refused if it leads to another scheme, host or port. There is one exception: Comet can send who fetches a
file on to an object store. That redirect is followed without the headers for Comet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import requests

from ..foreign_text import printable
from . import answers

_ONLY_READ = (301, 302, 303)
"""What `requests` follows without what was to be written, as browsers do."""
_PORTS = {"http": 80, "https": 443}
_FILES = ("/experiment/asset/get-asset", "/experiment/model/download", "/registry-model/item/download")
_FOR_ANYBODY = ("accept", "accept-encoding", "connection", "range", "user-agent")
_KEY_HEADER = "Authorization"


def stay(session: requests.Session) -> None:
    """Have a session follow no redirect to another server, from now on.

    What it does then is a `requests.ConnectionError`: for the SDK, the connection is lost.
    """
    follow, rebuild = session.resolve_redirects, session.rebuild_auth

    def resolve_redirects(
        response: requests.Response, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> Iterator[object]:
        # Where requests are yielded, nobody follows: the SDK asks where to.
        followed = not kwargs.get("yield_requests")
        if followed:
            _check(session, response)
        for answer in follow(response, request, *args, **kwargs):
            yield answer
            if followed:
                _check(session, answer)

    def rebuild_auth(request: requests.PreparedRequest, response: requests.Response) -> None:
        rebuild(request, response)
        if not _is_same_server(str(response.request.url), str(request.url)):
            for name in [name for name in request.headers if name.lower() not in _FOR_ANYBODY]:
                del request.headers[name]

    session.resolve_redirects = resolve_redirects  # type: ignore[assignment, method-assign]
    session.rebuild_auth = rebuild_auth  # type: ignore[assignment, method-assign]


def _check(session: requests.Session, response: requests.Response) -> None:
    """Refuse a redirect that must not be followed.

    Raises:
        requests.ConnectionError: With the two servers.
    """
    target = session.get_redirect_target(response)
    if target is None:
        return
    asked = str(response.request.url)
    target = urljoin(asked, target)
    if _is_same_server(asked, target):
        _check_within(response, asked, target)
        return
    if _is_file_elsewhere(response.request, target):
        return
    raise requests.ConnectionError(
        f"{_server(asked)} answers with a redirect to {_server(target)}, which is not followed: the API key goes to no "
        "other server. If that one is meant, name it as `host`"
    )


def _check_within(response: requests.Response, asked: str, target: str) -> None:
    """Refuse a redirect to a page of the same server: Comet has not taken what was sent.

    Raises:
        NotCometError: With the server.
    """
    writes = response.request.method not in ("GET", "HEAD")
    if (writes and response.status_code in _ONLY_READ) or not answers.is_comet_s_own(asked, target):
        raise answers.NotCometError(f"{_server(asked)} answers with a redirect to a page of its own: a login?")


def _is_file_elsewhere(request: requests.PreparedRequest, target: str) -> bool:
    asked, key = urlsplit(str(request.url)), str(request.headers.get(_KEY_HEADER, ""))
    if request.method != "GET" or not asked.path.endswith(_FILES) or (key and key in unquote(target)):
        return False
    return urlsplit(target).scheme in ("https", asked.scheme)


def _is_same_server(one: str, other: str) -> bool:
    try:
        return _origin(one) == _origin(other)
    except ValueError:  # no such port
        return False


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _server(url: str) -> str:
    parts = urlsplit(url)
    # Not what stands before an "@", which can be a password.
    return printable(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
