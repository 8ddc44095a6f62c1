"""The settings of a session: those of the decorator, and the server that they make the SDK talk to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..sdk.comet_sdk import CometSDK
from ..sdk.keywords import settings_of
from ..sdk.settings import rendered, variable

COMET_HOSTS = frozenset({"comet.com", "www.comet.com", "comet.ml", "www.comet.ml"})
"""Comet's own service, which the SDK talks to by itself."""

COMET_SERVICE = "https://www.comet.com"

URL_OVERRIDE = "COMET_URL_OVERRIDE"


def server_settings(
    sdk: CometSDK, host: str, api_key: object, login_kwargs: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, str]:
    """The settings that make `host` the server that the SDK talks to, the key check included.

    `comet_ml.login` has no argument that works for both, hence the environment. What names a server more explicitly
    keeps its precedence: a `url_override` keyword, `COMET_URL_OVERRIDE` (environment or configuration file), and an
    API key that embeds its server. The last, and Comet's own service, are spelt out too: the SDK would otherwise keep
    the server of the first key that it sees for all keys of the process.

    Args:
        sdk: The SDK.
        host: The decorator's host.
        api_key: The key that will be used, as far as it is known.
        login_kwargs: The decorator's other keywords.
        environ: The environment of the process.
    """
    if login_kwargs.get("url_override") or sdk.names_server(environ):
        return {}
    server = sdk.embedded_server(api_key)
    if server is None:
        server = COMET_SERVICE if urlsplit(host).hostname in COMET_HOSTS else host
    return {URL_OVERRIDE: f"{server.rstrip('/')}/clientlib/"}


def login_settings(arguments: Mapping[str, Any]) -> dict[str, str | None]:
    """Environment variables that mean what `arguments` of `comet_ml.login` say, None nothing. Never the API key."""
    settings = settings_of(arguments)
    return {variable(n): rendered(v) for n, v in settings.items() if n != "api_key" and v is not None}


def server_of(sdk: CometSDK, host: str) -> str:
    """Address of the server that the SDK talks to.

    Args:
        sdk: The SDK.
        host: The decorator's host, where no setting names a server.
    """
    override = sdk.setting("comet.url_override") or host
    return str(override).removesuffix("/").removesuffix("/clientlib")
