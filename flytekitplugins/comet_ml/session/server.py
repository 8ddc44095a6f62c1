"""The settings of a session: those of the decorator, and the server that they make the SDK talk to."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..names import COMET_SERVICE
from ..sdk.arguments import settings_of
from ..sdk.comet_sdk import CometSDK
from ..sdk.server_address import URL_OVERRIDE, api_address, server_address
from ..sdk.settings import rendered, variable
from ..sdk.stand_in import stand_in
from .plan import SessionPlan

COMET_HOSTS = frozenset({"comet.com", "www.comet.com", "comet.ml", "www.comet.ml"})
"""Comet's own service, which the SDK talks to by itself."""


def server_settings(sdk: CometSDK, plan: SessionPlan, api_key: object, environ: Mapping[str, str]) -> dict[str, str]:
    """The settings that make the decorator's `host` the server that the SDK talks to, the key check included.

    The environment is used, because `comet_ml.login` has no argument that works for both. A more explicit name of a
    server comes first: a `url_override` keyword, `COMET_URL_OVERRIDE` (environment or configuration file), and an API
    key that embeds its server. The server is always spelt out. Otherwise the SDK would keep the server of the first key
    for all keys of the process, and look for files wherever the body goes. In a pod, a file in the working directory
    may have come with the code. It names no server if `host` does.

    Args:
        sdk: The SDK.
        plan: What the session is to do.
        api_key: The key that will be used, as far as it is known.
        environ: The environment of the process.
    """
    if plan.login_kwargs.get("url_override"):
        return {}
    is_given = urlsplit(plan.host).hostname not in COMET_HOSTS
    named = sdk.named_server(environ, directory=os.getcwd() if plan.remote and is_given else None)
    if named is not None:
        return {URL_OVERRIDE: stand_in(named)}
    server = sdk.embedded_server(api_key)
    if server is None:
        server = plan.host if is_given else COMET_SERVICE
    return {URL_OVERRIDE: stand_in(api_address(server))}


def login_settings(arguments: Mapping[str, object]) -> dict[str, str | None]:
    """Environment variables that mean what `arguments` of `comet_ml.login` say, None nothing. Never the API key."""
    settings = settings_of(arguments)
    texts = {variable(n): rendered(v) for n, v in settings.items() if n != "api_key" and v is not None}
    server = texts.get(URL_OVERRIDE)
    return {**texts, **({URL_OVERRIDE: stand_in(server)} if server else {})}


def server_of(sdk: CometSDK, host: str) -> str:
    """Address of the server that the SDK talks to.

    Args:
        sdk: The SDK.
        host: The decorator's host, where no setting names a server.
    """
    override = sdk.setting("comet.url_override") or host
    return server_address(override)


class LastOutage:
    """The last time that a server was found to be away, for the calls that waited for their turn meanwhile."""

    def __init__(self) -> None:
        self._server = ""
        self._found = 0.0
        self._cause: BaseException | None = None

    def note(self, server: str, cause: BaseException) -> None:
        """A server has just been found to be away.

        Args:
            server: Its address.
            cause: What the SDK raised.
        """
        self._server, self._found, self._cause = server, time.monotonic(), cause

    def since(self, moment: float, server: str) -> BaseException | None:
        """The cause, if the server was found to be away since a moment of the monotonic clock."""
        return self._cause if server == self._server and self._found > moment else None


last_outage = LastOutage()
