"""How long the SDK's connections wait for a server, and how often they ask it again.

Where the SDK keeps its connections is not public: each function says what happens if they are somewhere else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from requests.adapters import HTTPAdapter

from ..log import logger
from .experiments import online_of
from .protocols import Experiment

if TYPE_CHECKING:
    from comet_ml.connection.connection_api import LowLevelHTTPClient
    from comet_ml.streamer.online import OnlineStreamer

SHORT_TIMEOUTS = {
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
"""Settings by which a server that does not answer is given up soon: for the start, which has a deadline besides."""

deadlines: WeakKeyDictionary[OnlineStreamer, float] = WeakKeyDictionary()
"""For each streamer that sends: the moment, by the monotonic clock, at which its end gives up."""


def be_patient(owner: object, timeouts: Mapping[str, float], retries: int, backoff_factor: float) -> None:
    """Let the connections of an experiment or a client wait and retry as the settings in force say from now on.

    They keep the settings under which they were made, at the start. `requests` and `urllib3` have public names for
    them. Where the SDK keeps its clients elsewhere they stay impatient: what they cannot deliver then comes into an
    archive sooner.

    Args:
        owner: An experiment that has started, online; or a client.
        timeouts: Seconds that a request may take, for the client ``http`` and the client ``api``.
        retries: How often a request is tried again.
        backoff_factor: How much longer each time (`urllib3.Retry`).
    """
    for kind, client in _clients(owner).items():
        _set_patience(client, timeouts[kind], total=retries, backoff_factor=backoff_factor)


def hurry(experiment: Experiment, seconds: float) -> None:
    """Have an experiment's `end` give up what it cannot send within some seconds, and write it to an archive instead.

    `end` waits for as long as the SDK is sending, each request as long as its timeout says; only when it has given up
    does it write the archive. Where this SDK has no such streamer, it waits.

    Args:
        experiment: An experiment that has not ended; it may be ending, in another thread.
        seconds: How long the end may take, with the archive.
    """
    for client in _clients(experiment).values():
        # Several requests come before and after what is to be sent.
        _set_patience(client, min(client.default_timeout, max(2.0, seconds / 8)), total=0 if seconds < 20 else 1)
    online = online_of(experiment)
    if online is not None:
        deadlines[online] = time.monotonic() + 0.8 * seconds
        if hasattr(experiment.streamer, "terminate_timeout"):
            experiment.streamer.terminate_timeout = max(1.0, min(experiment.streamer.terminate_timeout, 0.1 * seconds))


_PLACES = (
    ("http", "connection", "_low_level_http_client"),
    ("api", "rest_api_client", "low_level_api_client"),
    ("api", "_client", "low_level_api_client"),
)
"""Where experiments, and clients, have their HTTP clients, by the name of their timeout."""


def _clients(owner: object) -> dict[str, LowLevelHTTPClient]:
    """The HTTP clients of an experiment, or of a client, by the name of their timeout."""
    found = {kind: getattr(getattr(owner, part), name, None) for kind, part, name in _PLACES if hasattr(owner, part)}
    return {kind: client for kind, client in found.items() if client is not None and hasattr(client, "default_timeout")}


def _set_patience(client: LowLevelHTTPClient, timeout: float, **retries: float) -> None:
    try:
        client.default_timeout = timeout
        for adapter in client.retry_session.adapters.values():
            if isinstance(adapter, HTTPAdapter):
                # A server can ask to wait for an hour.
                adapter.max_retries = adapter.max_retries.new(**retries, respect_retry_after_header=False)
    except (AttributeError, TypeError):
        logger.debug("This comet-ml keeps its connections elsewhere.")
