"""A rule for tests: an API key in a file of the user's home is no reason for pytest to send anything to Comet."""

from __future__ import annotations

from collections.abc import Mapping

from ..sdk.comet_sdk import CometSDK
from ..sdk.in_pytest import is_in_pytest
from ..sdk.server_address import URL_OVERRIDE
from ..sdk.settings import variable
from ..web_address import is_loopback
from .plan import SessionPlan
from .server import server_settings


def would_send_unasked(sdk: CometSDK, plan: SessionPlan, environ: Mapping[str, str]) -> bool:
    """Whether this is a test that would be sent only because a file has the API key.

    People ask for it if they set `COMET_API_KEY` in the environment, or give the decorator an ``api_key``. They also do
    if the server is on this machine, because it is the test's own.

    Args:
        sdk: The SDK. What a test has put in its place sends nothing.
        plan: What the session is to do.
        environ: The environment of the process.
    """
    if not sdk.is_real or sdk.is_answered_here or plan.remote:
        return False
    if environ.get(variable("api_key")) or plan.login_kwargs.get("api_key"):
        return False
    api_key = sdk.setting("comet.api_key")
    settings = server_settings(sdk, plan, api_key, environ)
    server = plan.login_kwargs.get("url_override") or settings.get(URL_OVERRIDE)
    return bool(api_key) and not is_loopback(str(server)) and is_in_pytest(environ)
