"""What counts as an answer of Comet: a proxy, a portal or a login page can answer in its place, and with 200.

The SDK takes every answer without an error for delivered. So an answer that Comet would not give is none. Where it
cannot be told by the answer, Comet is asked something whose answer only Comet knows.
"""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from .server_address import API_PATH

_PATHS = (API_PATH, "/api/rest/")
_VERSION = f"{API_PATH}isAlive/ver"
"""What everybody may ask, without a key; the SDK does when it starts."""
_DOWNLOADS = ("asset", "download", "model", "image", "output", "code", "symlink")
"""Parts of the paths whose answers are people's own files."""
_OF_COMET = {"msg", "code", "data", "sdk_error_code", "runId", "is_alive_beat_duration_millis"}
"""What is in the answers of Comet to what is sent often; to the rest of its answers, one question more does no harm."""
_SILENT = "/notification/experiment"
"""The one path to which the SDK expects 204."""
_SECONDS_TO_ASK = 5.0


_counted = threading.local()


def number() -> int:
    """How many answers this thread has had."""
    return getattr(_counted, "number", 0)


def count(response: requests.Response, **sent: object) -> None:
    """Count an answer: who has had one has asked, and what fails then can be the server's fault."""
    _counted.number = number() + 1


class NotCometError(requests.ConnectionError):
    """Something between us and Comet has answered in its place. For the SDK, the connection is lost."""


def check_answer(response: requests.Response, **sent: object) -> None:
    """Refuse an answer that cannot be Comet's.

    Args:
        response: The answer.
        **sent: How its request was sent: timeout, certificates, proxies.

    Raises:
        NotCometError: With the server that has answered.
    """
    asked = urlsplit(response.request.url or "")
    if not response.ok or response.is_redirect or not _is_of_comet(asked.path):
        return
    can_be = _can_be_read if response.request.method == "GET" else _can_be_delivered
    if not can_be(response, asked.path, sent):
        raise NotCometError(
            f"{asked.scheme}://{asked.netloc} has answered with something that is not Comet's: a page of a proxy?",
            request=response.request,
        )


def _can_be_read(response: requests.Response, path: str, sent: dict[str, object]) -> bool:
    # Of a file, which may be large, nothing is read here.
    return any(part in path for part in _DOWNLOADS) or not response.content or _json(response) is not _NO_JSON


def _can_be_delivered(response: requests.Response, path: str, sent: dict[str, object]) -> bool:
    answer = _json(response)
    if isinstance(answer, dict):
        code = answer.get("code")
        failed = isinstance(code, int) and code >= HTTPStatus.BAD_REQUEST
        return not failed and (not answer or not _OF_COMET.isdisjoint(answer) or _is_there(response, path, sent))
    silent = response.status_code < HTTPStatus.NO_CONTENT or path.endswith(_SILENT)
    return silent and not response.content and _is_there(response, path, sent)


def is_comet_s_own(asked: str, target: str) -> bool:
    """Whether a redirect within a server leads from one of Comet's paths to another, and not to a page for people."""
    return not _is_of_comet(urlsplit(asked).path) or _is_of_comet(urlsplit(target).path)


def _is_of_comet(path: str) -> bool:
    return any(each in path for each in _PATHS)


_NO_JSON = object()


def _json(response: requests.Response) -> object:
    try:
        return json.loads(response.content)
    except ValueError:
        return _NO_JSON


def _is_there(response: requests.Response, path: str, sent: dict[str, Any]) -> bool:
    """Whether Comet answers at this address at all; asked in the way in which the request was sent."""
    before = min(path.find(each) for each in _PATHS if each in path)
    address = urljoin(response.request.url or "", path[:before] + _VERSION)
    question = requests.Request("GET", address).prepare()
    try:
        answer = _json(response.connection.send(question, **{**sent, "stream": False, "timeout": _SECONDS_TO_ASK}))
    except requests.RequestException:
        return False
    return isinstance(answer, dict) and "version" in answer
