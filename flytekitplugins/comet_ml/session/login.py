"""Login: the settings and the server in force before the key is checked, and the key written nowhere."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from urllib.parse import urlsplit

from .. import sdk as comet
from ..sdk.keywords import settings_of
from ..sdk.redaction import SDKLogFilter
from ..sdk.settings import SettingsLayer, rendered, variable

COMET_HOSTS = frozenset({"comet.com", "www.comet.com", "comet.ml", "www.comet.ml"})
"""Comet's own service, which the SDK talks to by itself."""

COMET_SERVICE = "https://www.comet.com"

URL_OVERRIDE = "COMET_URL_OVERRIDE"


def server_settings(
    sdk: Any, host: str, api_key: object, login_kwargs: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, str]:
    """The settings that make `host` the server that the SDK talks to, the key check included.

    `comet_ml.login` has no argument that works for both, hence the environment. What names a server more explicitly
    keeps its precedence: a `url_override` keyword, `COMET_URL_OVERRIDE` (environment or configuration file), and an
    API key that embeds its server. The last, and Comet's own service, are spelt out too: the SDK would otherwise keep
    the server of the first key that it sees for all keys of the process.

    Args:
        sdk: The `comet_ml` module.
        host: The decorator's host.
        api_key: The key that will be used, as far as it is known.
        login_kwargs: The decorator's other keywords.
        environ: The environment of the process.
    """
    if login_kwargs.get("url_override") or comet.names_server(sdk, environ):
        return {}
    server = comet.embedded_server(sdk, api_key)
    if server is None:
        server = COMET_SERVICE if urlsplit(host).hostname in COMET_HOSTS else host
    return {URL_OVERRIDE: f"{server.rstrip('/')}/clientlib/"}


def login_settings(arguments: Mapping[str, Any]) -> dict[str, str | None]:
    """Environment variables that mean what `arguments` of `comet_ml.login` say, None nothing. Never the API key."""
    settings = settings_of(arguments)
    return {variable(n): rendered(v) for n, v in settings.items() if n != "api_key" and v is not None}


def log_in(
    sdk: Any, arguments: Mapping[str, Any], layer: SettingsLayer, log_filter: SDKLogFilter
) -> list[BaseException]:
    """Call `comet_ml.login`, or `comet_ml.init` on an SDK without it, and leave the API key nowhere.

    Args:
        sdk: The `comet_ml` module.
        arguments: What to call it with.
        layer: The session's settings, put right again after `login` has written its own to the environment.
        log_filter: The session's filter on the SDK's log.

    Returns:
        The exceptions that `login` logged: it raises none. An empty list where the key was accepted, or there is none.
    """
    login = _login(sdk)
    arguments = dict(arguments)
    with ExitStack() as stack:
        # `login` warns about every argument that is no setting; those are used when the experiment starts.
        meaningless = set(arguments) - set(settings_of(arguments))
        # A key that somebody types at the SDK's prompt is theirs to save: only one that we pass is kept from disk.
        if arguments.get("api_key") is not None:
            meaningless.add(stack.enter_context(_unsaved(layer)))
            if type(sdk) is ModuleType:
                # It says where to save the API key, and nothing else.
                arguments.pop("directory", None)
        heard = stack.enter_context(log_filter.listening(meaningless))
        try:
            login(**arguments)
        finally:
            layer.apply()
    return heard


def is_real(sdk: Any) -> bool:
    """Whether a login would be the SDK's own: a test may have put something in place of the SDK, or of its login."""
    return type(sdk) is ModuleType and isinstance(_login(sdk), FunctionType)


def _login(sdk: Any) -> Any:
    return sdk.login if hasattr(sdk, "login") else sdk.init


@contextmanager
def _unsaved(layer: SettingsLayer) -> Iterator[str]:
    """Give `login` a place to save the key that is no file: a copy of the user's configuration file in memory.

    `login` saves a key that it is given to `COMET_CONFIG`, or to the home directory. It also reads `COMET_CONFIG`,
    and a server address may stand only there: hence the copy.

    Yields:
        The path of the place.
    """
    configured = Path(layer.environ.get("COMET_CONFIG") or "").expanduser()
    if configured.is_dir():
        configured /= ".comet.config"
    with ExitStack() as stack:
        if hasattr(os, "memfd_create"):
            copy = stack.enter_context(open(os.memfd_create("comet.config"), "wb"))
            path = f"/proc/self/fd/{copy.fileno()}"
        else:
            # Not Linux, so no pod: a file that only this user can read, for the length of the call.
            path = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), ".comet.config")
            copy = stack.enter_context(open(path, "wb"))
        if configured.is_file():
            copy.write(configured.read_bytes())
            copy.flush()
        layer.set({"COMET_CONFIG": path})
        stack.callback(layer.forget, "COMET_CONFIG")
        yield path
