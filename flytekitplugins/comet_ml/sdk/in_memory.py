"""Comet's answers without a network: every HTTP session that the SDK makes is answered in this process.

It is for tests. The SDK itself runs as ever, up to the point where a session would send a request: its `send` asks a
transport adapter that opens no connection.
"""

from __future__ import annotations

import functools
import gzip
import io
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
import requests.adapters
import requests_toolbelt

from .stand_in import meant, standing_in


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
_process = os.getpid()
"""The process in whose memory the answers are."""


@contextmanager
def answered_by(answer: Answer) -> Iterator[None]:
    """Answer the requests of all sessions that are made while the block runs.

    Processes that are started meanwhile get them, too, from a server on this machine.

    The SDK reports its own errors to its makers, on another way than these sessions: that is off meanwhile.

    Args:
        answer: Is called in whatever thread makes the request.
    """
    logger = logging.getLogger("comet_ml")
    reporting = [each for each in logger.handlers if type(each).__module__.startswith("sentry_sdk")]
    for handler in reporting:
        logger.removeHandler(handler)
    global _process
    _process = os.getpid()
    _answers.append(answer)
    try:
        with standing_in(functools.partial(_answered, answer)):
            yield
    finally:
        _answers.remove(answer)
        for handler in reporting:
            logger.addHandler(handler)


def is_answering() -> bool:
    """Whether the SDK's requests are answered in this process."""
    return bool(_answers)


def keep_off_network(session: requests.Session) -> None:
    """Have a session's requests answered here, if requests are.

    A test may replace `send` of the class `requests.Session`: requests-mock does. This session has a `send` of its own.
    """
    if not is_answering():
        return
    adapter = _InMemory(_answers[-1])

    def send(request: requests.PreparedRequest, *, allow_redirects: bool = True, **kwargs: Any) -> requests.Response:
        # Nothing here redirects.
        response: requests.Response = requests.hooks.dispatch_hook(
            "response", request.hooks, adapter.send(request, **kwargs), **kwargs
        )
        return response

    session.send = send  # type: ignore[method-assign]


class _InMemory(requests.adapters.HTTPAdapter):
    """Answers requests, and opens no connection."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if os.getpid() != _process:
            # A forked child asks its parent, who stands in for the server.
            return super().send(request, *args, **kwargs)
        response = requests.Response()
        body: Any = request.body or b""
        content = body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else bytes(body)
        status, kind, answer = _answered(self._answer, str(request.method), str(request.url), request.headers, content)
        response.status_code, response.encoding = status, "utf-8"
        response.request, response.url, response.connection = request, str(request.url), self
        response.headers["Content-Type"] = kind
        response.raw = io.BytesIO(answer)
        return response


def _answered(
    answer: Answer, method: str, address: str, headers: Mapping[str, str | bytes], content: bytes
) -> tuple[int, str, bytes]:
    """Status, type and content of the answer."""
    status, told = answer(_read(method, meant(address), headers, content))
    if isinstance(told, bytes):
        return status, "application/octet-stream", told
    return status, "application/json", json.dumps(told).encode()


def _read(method: str, address: str, headers: Mapping[str, str | bytes], content: bytes) -> Request:
    kind = str(headers.get("Content-Type", ""))
    if headers.get("Content-Encoding") == "gzip":
        content = gzip.decompress(content)
    url = urlsplit(address)
    return Request(
        method=method,
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
