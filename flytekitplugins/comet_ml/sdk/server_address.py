"""The address of a Comet server, as a browser shows it and as the SDK's setting has it."""

from __future__ import annotations

URL_OVERRIDE = "COMET_URL_OVERRIDE"
"""The setting of the SDK that names a server."""

API_PATH = "/clientlib/"
"""Behind the address of the server in that setting."""


def api_address(server: str) -> str:
    """What the setting has for a server: ``https://comet.example.com/clientlib/``."""
    return f"{server.rstrip('/')}{API_PATH}"


def server_address(api: object) -> str:
    """The server that the setting means: ``https://comet.example.com``."""
    return str(api).removesuffix("/").removesuffix(API_PATH.rstrip("/"))
