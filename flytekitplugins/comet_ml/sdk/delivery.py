"""The SDK's connections to the server: how long they wait, and that what they cannot deliver comes into an archive.

Where the SDK keeps its connections is not public: each function says what happens where they are somewhere else.
"""

from __future__ import annotations

import functools
import inspect
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..log import logger
from . import setting

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
    try:
        how_often = {"total": int(retries), "backoff_factor": float(factor)}
    except TypeError:
        logger.debug("This comet-ml has no settings for retries.")
        return
    for kind, client in _clients(experiment).items():
        _set_patience(client, setting(sdk, f"comet.timeout.{kind}"), how_often)


_SHARE_OF_SENDING = 0.8
"""Of the time for an end, the part for what is to be sent; the rest is for the archive and the state."""


def hurry(experiment: Any, seconds: float) -> None:
    """Have an experiment's `end` give up what it cannot send within some seconds, and write it to an archive instead.

    `end` waits for as long as the SDK is sending, each request as long as its timeout says; only when it has given up
    does it write the archive. Where this SDK has no such streamer, it waits.

    Args:
        experiment: An experiment that has not ended.
        seconds: How long the end may take, with the archive.
    """
    for client in _clients(experiment).values():
        # Several requests come before and after what is to be sent.
        _set_patience(client, min(client.default_timeout, max(1.0, seconds / 8)), {"total": 0 if seconds < 20 else 1})
    streamer: Any = getattr(experiment, "streamer", None)
    online = getattr(streamer, "online_streamer", None)
    if online is None:
        return
    if not hasattr(online, "_gives_up"):
        online.wait_for_finish = _giving_up(online, online.wait_for_finish)
    # It may be ending, in another thread.
    online._gives_up = time.monotonic() + _SHARE_OF_SENDING * seconds
    if hasattr(streamer, "terminate_timeout"):
        streamer.terminate_timeout = max(1.0, min(streamer.terminate_timeout, 0.1 * seconds))


def _giving_up(online: Any, wait: Callable[..., bool]) -> Callable[..., bool]:
    def wait_for_finish(*args: Any, **kwargs: Any) -> bool:
        finished: list[bool] = []
        thread = threading.Thread(target=lambda: finished.append(wait(*args, **kwargs)), daemon=True)
        thread.start()
        while thread.is_alive() and time.monotonic() < online._gives_up:
            thread.join(0.05)
        return bool(finished and finished[0])

    return wait_for_finish


def _clients(experiment: Any) -> dict[str, Any]:
    """The HTTP clients of an experiment, by the name of their timeout."""
    places = {"http": ("connection", "_low_level_http_client"), "api": ("rest_api_client", "low_level_api_client")}
    found = {kind: getattr(getattr(experiment, owner, None), name, None) for kind, (owner, name) in places.items()}
    return {kind: client for kind, client in found.items() if hasattr(client, "default_timeout")}


def _set_patience(client: Any, timeout: float, how_often: dict[str, Any]) -> None:
    try:
        client.default_timeout = timeout
        for adapter in client.retry_session.adapters.values():
            adapter.max_retries = adapter.max_retries.new(**how_often)
    except (AttributeError, TypeError):
        logger.debug("This comet-ml keeps its connections elsewhere.")


def lose_nothing(experiment: Any) -> None:
    """Have an offline archive written at the end also when the server was there and refused something.

    The SDK writes one when it has lost the connection. What the server answers with an error (500 and the like) it
    only logs; and of what it could not send because the connection broke for a moment, it can forget to try again what
    it has marked a moment too late. Where this SDK has no such streamer, that stays so.
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
        return bool(wait(*args, **kwargs)) and not refused and not failed and streamer.has_connection_to_server()

    failed = _failed_messages(streamer, online)
    online._report_experiment_error, online.wait_for_finish = report_and_note, wait_for_finish
    for batch in list(getattr(getattr(online, "message_handler", None), "__dict__", {}).values()):
        if all(hasattr(batch, name) for name in ("accept", "append", "lock")):
            batch.append = _in_turn(batch.lock, batch.append)


def _in_turn(lock: Any, append: Callable[..., Any]) -> Callable[..., Any]:
    # The SDK takes the lock of a batch when it sends it, and not here: at the end, when a second thread sends as well,
    # a value that is added meanwhile can be dropped.
    def append_in_turn(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return append(*args, **kwargs)

    return append_in_turn


def _failed_messages(streamer: Any, online: Any) -> set[int]:
    """The numbers of the messages that could not be sent and have not been sent since: a set that changes with them."""
    failed: set[int] = set()
    track: Any = getattr(streamer, "_track_message", None)
    track_batch: Any = getattr(streamer, "_track_messages_batch", None)
    if track is None or track_batch is None or not hasattr(online, "register_messages_batch_sent_callback"):
        return failed

    def sent(number: int, delivered: bool, *args: Any, **kwargs: Any) -> None:
        (failed.discard if delivered else failed.add)(number)
        track(number, delivered, *args, **kwargs)

    def batch_sent(numbers: list[int], delivered: bool, *args: Any, **kwargs: Any) -> None:
        (failed.difference_update if delivered else failed.update)(numbers)
        track_batch(numbers, delivered, *args, **kwargs)

    online.register_message_sent_callback(sent)
    online.register_messages_batch_sent_callback(batch_sent)
    return failed


def keep_reports_home(sdk: Any, experiment: Any) -> None:
    """Keep the SDK from reporting to Comet's own service what happens to an experiment on another server.

    It does not while the settings name that server. But an upload can fail later, when they are again those of the
    process: the report, with the API key in it, would go to Comet's own.
    """
    reporting: Any = getattr(getattr(sdk, "connection", None), "Reporting", None)
    if not hasattr(reporting, "report"):
        return
    if not _homes:
        # For good: there is no telling when the last upload has failed.
        reporting.report = staticmethod(_reporting_home(sdk, reporting.report))
    _homes[experiment.get_key()] = setting(sdk, _SERVER)


_SERVER = "comet.url_override"
_homes: dict[str, Any] = {}


def _reporting_home(sdk: Any, report: Callable[..., None]) -> Callable[..., None]:
    parameters = inspect.signature(report)

    @functools.wraps(report)
    def reporting_home(*args: Any, **kwargs: Any) -> None:
        key = parameters.bind_partial(*args, **kwargs).arguments.get("experiment_key")
        server = setting(sdk, _SERVER)
        if key not in _homes or _homes[key] == server:
            report(*args, **kwargs)

    return reporting_home


def let_go(experiment: Any) -> None:
    """Stop the threads that the SDK leaves when an experiment ends without its server: a sender and eight uploaders."""
    online: Any = getattr(getattr(experiment, "streamer", None), "online_streamer", None)
    if online is None or not online.is_alive():
        return
    try:
        online._stop_message_queue_processing = True
        online.stop()
        uploads = online._file_upload_manager
        (uploads.shutdown if hasattr(uploads, "shutdown") else uploads.close)()
    except AttributeError:
        logger.debug("This comet-ml keeps its threads elsewhere.")


def is_connected(experiment: Any) -> bool:
    """Whether the SDK has a connection to the server, as far as it says: it checks every few seconds."""
    connected = getattr(getattr(experiment, "streamer", None), "has_connection_to_server", None)
    return connected is None or bool(connected())


def await_connection(experiment: Any, seconds: float) -> None:
    """Wait for a server that is away to come back."""
    deadline = time.monotonic() + seconds
    while not is_connected(experiment) and time.monotonic() < deadline:
        time.sleep(0.2)
