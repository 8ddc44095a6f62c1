"""The HTTP of a Comet server: requests as they arrive, answers, and connections that are cut."""

from __future__ import annotations

import gzip
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from tests.support.comet_server import CometServer


@dataclass
class Request:
    """A request as it arrived.

    Attributes:
        method: GET or POST.
        path: Path without the query.
        query: The query's values by name.
        body: The decoded JSON body; raw bytes where it is none.
        headers: The headers, by lower-case name.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]

    @property
    def api_key(self) -> str | None:
        """The API key that came with the request, in whatever place."""
        body = self.body if isinstance(self.body, dict) else {}
        return self.headers.get("authorization") or self.query.get("apiKey") or body.get("apiKey")


Answer = tuple[int, Any]
"""Status and content; of a redirect, where to."""
RESET: Answer = (0, {})
"""An answer that breaks off: the connection is reset in the middle of it."""
Fault = Callable[[Request], "Answer | None"]


class HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


def handler(server: CometServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer goes out in two writes: without this, the second waits for the client's delayed acknowledgement.
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on standard error."""

        def _handle(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            # The port may be in use again by now, by another listener of this server.
            if self.server is not server.http:
                self._cut()
                return
            if self.headers.get("Content-Encoding") == "gzip":
                raw = gzip.decompress(raw)
            try:
                body = json.loads(raw) if raw else {}
            except ValueError:
                body = raw
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = server.answer(Request(self.command, url.path, query, body, headers))
            if self.server is not server.http:
                self._cut()
                return
            if (status, answer) == RESET:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{")
                self._cut()
                return
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", answer)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _cut(self) -> None:
            """Close with a reset."""
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        do_GET = do_POST = do_PUT = _handle  # noqa: N815 - http.server's names

    return Handler
