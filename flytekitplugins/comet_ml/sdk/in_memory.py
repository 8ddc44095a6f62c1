"""Comet's answers without a network: every HTTP session that the SDK makes is answered in this process.

It is for tests. The SDK itself runs as ever, up to the point where `requests` would open a connection: there stands a
transport adapter, which is `requests`' public place for it.
"""

from __future__ import annotations

import gzip
import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
import requests.adapters
import requests_toolbelt


@dataclass(frozen=True)
class Request:
    """A request of the SDK.

    Attributes:
        method: ``GET``, ``POST`` or ``PUT``.
        server: Address of the server that it is meant for.
        path: Path, without the query.
        query: The query's values by name.
        values: The values of a JSON body by name; empty where there is none.
        parts: The parts of a multipart body by name, such as a file that is uploaded.
    """

    method: str
    server: str
    path: str
    query: Mapping[str, str]
    values: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, bytes] = field(default_factory=dict)


Answer = Callable[[Request], tuple[int, object]]
"""Gives status and content for a request: bytes, or what is sent as JSON."""

_answers: list[Answer] = []


@contextmanager
def answered_by(answer: Answer) -> Iterator[None]:
    """Answer the requests of all sessions that are made while the block runs.

    The SDK reports its own errors to its makers, on another way than these sessions: that is off meanwhile.

    Args:
        answer: Is called in whatever thread makes the request.
    """
    logger = logging.getLogger("comet_ml")
    reporting = [each for each in logger.handlers if type(each).__module__.startswith("sentry_sdk")]
    for handler in reporting:
        logger.removeHandler(handler)
    _answers.append(answer)
    try:
        yield
    finally:
        _answers.remove(answer)
        for handler in reporting:
            logger.addHandler(handler)


def mount(session: requests.Session) -> None:
    """Keep a session off the network, if requests are answered here."""
    if _answers:
        adapter = _InMemory(_answers[-1])
        for prefix in list(session.adapters):
            session.mount(prefix, adapter)


class _InMemory(requests.adapters.HTTPAdapter):
    """Answers requests, and opens no connection."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    def send(self, request: requests.PreparedRequest, *args: object, **kwargs: object) -> requests.Response:
        response = requests.Response()
        response.status_code, content = self._answer(_read(request))
        response.request, response.url, response.connection = request, str(request.url), self
        if isinstance(content, bytes):
            response.headers["Content-Type"] = "application/octet-stream"
        else:
            response.headers["Content-Type"], response.encoding = "application/json", "utf-8"
            content = json.dumps(content).encode()
        response.raw = io.BytesIO(content)
        return response


def _read(request: requests.PreparedRequest) -> Request:
    body: Any = request.body or b""
    content = body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else bytes(body)
    kind = str(request.headers.get("Content-Type", ""))
    if request.headers.get("Content-Encoding") == "gzip":
        content = gzip.decompress(content)
    url = urlsplit(str(request.url))
    return Request(
        method=str(request.method),
        server=f"{url.scheme}://{url.netloc}",
        path=url.path,
        query={name: values[0] for name, values in parse_qs(url.query).items()},
        values=_values(content),
        parts=_parts(content, kind) if kind.startswith("multipart/") else {},
    )


def _values(content: bytes) -> dict[str, object]:
    try:
        values = json.loads(content)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _parts(content: bytes, kind: str) -> dict[str, bytes]:
    parts = requests_toolbelt.MultipartDecoder(content, kind).parts
    return {_name_of(part.headers[b"Content-Disposition"].decode()): part.content for part in parts}


def _name_of(disposition: str) -> str:
    """The name in ``form-data; name="file"; filename="file"``."""
    return disposition.split(' name="')[1].split('"')[0]
