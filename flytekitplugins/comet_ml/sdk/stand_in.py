"""A server on this machine that stands in for Comet's, for processes that a test starts.

Its address is in `COMET_URL_OVERRIDE` meanwhile, so that such a process finds it with the bare SDK, too. The path of
the address says which server is meant: ``http://127.0.0.1:4711/https/www.comet.com/clientlib/``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from urllib.parse import urlsplit

from ..log import logger
from ..names import COMET_SERVICE

Handle = Callable[[str, str, Mapping[str, str], bytes], tuple[int, str, bytes]]
"""Gives status, content type and content for method, address, headers and content of a request."""

_HOST = "127.0.0.1"
_NOBODY = 9
"""A port that nobody listens at: connections are refused at once."""

_addresses: list[str] = []


def stand_in(address: str) -> str:
    """The address that stands in for a server's; the server's own where nothing does."""
    parts = urlsplit(address)
    return f"{_addresses[-1]}/{parts.scheme}/{parts.netloc}{parts.path}" if _addresses else address


def stands_in(address: object) -> bool:
    """Whether an address stands in for another."""
    return any(str(address).startswith(f"{each}/") for each in _addresses)


def meant(address: str) -> str:
    """The address that is meant by one that may stand in for it."""
    if not stands_in(address):
        return address
    scheme, _, place = urlsplit(address)._replace(scheme="", netloc="").geturl().lstrip("/").partition("/")
    # The SDK leaves out the path where it asks the REST API.
    return f"{scheme}://{place}" if scheme.startswith("http") else f"{COMET_SERVICE}/{scheme}/{place}"


@contextmanager
def standing_in(handle: Handle) -> Iterator[None]:
    """Stand in for every server while the block runs.

    Args:
        handle: Answers a request.
    """
    try:
        server = _server(handle)
    except Exception as problem:  # a test may forbid sockets, by an exception of any kind
        logger.debug("What other processes send to Comet gets nowhere: %s", problem)
        server = None
    _addresses.append(_address(server.socket.getsockname()[1] if server is not None else _NOBODY))
    try:
        yield
    finally:
        _addresses.pop()
        if server is not None:
            server.shutdown()
            server.server_close()


def _address(port: int) -> str:
    return f"http://{_HOST}:{port}"


def _server(handle: Handle) -> ThreadingTCPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            address = f"{_address(self.connection.getsockname()[1])}{self.path}"
            status, kind, answer = handle(self.command, address, dict(self.headers.items()), content)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingTCPServer((_HOST, 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), name="comet-stand-in", daemon=True).start()
    return server
