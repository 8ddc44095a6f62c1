"""The SDK's connections to the server: how long they wait, and that what they cannot deliver comes into an archive.

Where the SDK keeps its connections is not public: each function says what happens where they are somewhere else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from .log import logger
from .sdk import setting

_PATIENCE = {
    "COMET_TIMEOUT_HTTP": "3",
    "COMET_TIMEOUT_API": "3",
    "COMET_HTTP_SESSION_RETRY_TOTAL": "1",
    "COMET_HTTP_SESSION_RETRY_BACKOFF_FACTOR": "1",
    "COMET_GET_OR_ADD_EXPERIMENT_RETRY_TOTAL": "1",
    "COMET_GET_OR_ADD_EXPERIMENT_RETRY_CONNECT": "1",
    "COMET_GET_OR_ADD_EXPERIMENT_RETRY_READ": "1",
    "COMET_GET_OR_ADD_EXPERIMENT_RETRY_STATUS": "1",
    "COMET_GET_OR_ADD_EXPERIMENT_RETRY_BACKOFF_MAX": "1",
}


def little_patience(environ: Mapping[str, str]) -> dict[str, str]:
    """Settings by which a server that does not answer costs the start 12 seconds at most, instead of 2 minutes.

    Args:
        environ: The environment: what it says itself is left as it is.
    """
    return {name: value for name, value in _PATIENCE.items() if name not in environ}


def be_patient(sdk: Any, experiment: Any) -> None:
    """Let an experiment's connections wait and retry as the settings in force say.

    They keep the settings under which they were made. `requests` and `urllib3` have public names for them; where the
    SDK keeps its clients is not public, and where it keeps them elsewhere they stay impatient: what they cannot deliver
    then comes into an archive sooner.
    """
    retries, factor = (setting(sdk, f"comet.http_session.retry_{name}") for name in ("total", "backoff_factor"))
    for owner, client, timeout in (
        ("connection", "_low_level_http_client", "comet.timeout.http"),
        ("rest_api_client", "low_level_api_client", "comet.timeout.api"),
    ):
        http = getattr(getattr(experiment, owner, None), client, None)
        if http is None:
            continue
        try:
            http.default_timeout = setting(sdk, timeout)
            for adapter in http.retry_session.adapters.values():
                adapter.max_retries = adapter.max_retries.new(total=int(retries), backoff_factor=float(factor))
        except (AttributeError, TypeError):
            logger.debug("This comet-ml keeps its connections elsewhere.")


def lose_nothing(experiment: Any) -> None:
    """Have an offline archive written at the end also when the server was there and refused something.

    The SDK writes one when it has lost the connection. What the server answers with an error (500 and the like) it
    only logs. Where this SDK has no such streamer, that stays so.
    """
    streamer: Any = getattr(experiment, "streamer", None)
    online = getattr(streamer, "online_streamer", None)
    if online is None or not hasattr(online, "_report_experiment_error"):
        return
    report, wait, refused = online._report_experiment_error, online.wait_for_finish, []

    def report_and_note(message: str, *args: Any, **kwargs: Any) -> Any:
        refused.append(message)
        return report(message, *args, **kwargs)

    def wait_for_finish(*args: Any, **kwargs: Any) -> bool:
        # In this order: the connection can be lost while it waits.
        return bool(wait(*args, **kwargs)) and not refused and streamer.has_connection_to_server()

    online._report_experiment_error, online.wait_for_finish = report_and_note, wait_for_finish


def await_connection(experiment: Any, seconds: float) -> None:
    """Wait for a server that is away to come back, as the SDK checks every few seconds."""
    connected = getattr(getattr(experiment, "streamer", None), "has_connection_to_server", None)
    deadline = time.monotonic() + seconds
    while connected is not None and not connected() and time.monotonic() < deadline:
        time.sleep(0.2)
