"""How long the SDK's connections wait, and that what they cannot deliver comes into an archive.

Where the SDK keeps its connections is not public: each function says what happens where they are somewhere else.
"""

from __future__ import annotations

import contextvars
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..foreign_text import described
from ..log import logger
from .call import calls, directly
from .disk_room import is_all_listed
from .experiments import is_offline

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

_DEADLINE = "flytekitplugins_comet_ml_deadline"
_DELIVERED = "flytekitplugins_comet_ml_delivered"
_PENDING = "flytekitplugins_comet_ml_pending"


def run_within(seconds: float, step: Callable[[], Any], name: str) -> threading.Thread:
    """Run a step in a daemon thread with this context, and wait for it: the SDK has no bound that holds.

    Args:
        seconds: How long to wait.
        step: What to do.
        name: Name of the thread.

    Returns:
        The thread, which is alive if the time was not enough.
    """
    thread = threading.Thread(target=contextvars.copy_context().run, args=(step,), name=name, daemon=True)
    thread.start()
    thread.join(max(0.0, seconds))
    return thread


# Patience


def be_patient(experiment: Any, timeouts: Mapping[str, float], retries: int, backoff_factor: float) -> None:
    """Let an experiment's connections wait and retry as the settings in force say, and not as they did at the start.

    They keep the settings under which they were made. `requests` and `urllib3` have public names for them; where the
    SDK keeps its clients elsewhere they stay impatient: what they cannot deliver then comes into an archive sooner.

    Args:
        experiment: An experiment that has started, online.
        timeouts: Seconds that a request may take, for the client ``http`` and the client ``api``.
        retries: How often a request is tried again.
        backoff_factor: How much longer each time (`urllib3.Retry`).
    """
    for kind, client in _clients(experiment).items():
        _set_patience(client, timeouts[kind], {"total": retries, "backoff_factor": backoff_factor})


def hurry(experiment: Any, seconds: float) -> None:
    """Have an experiment's `end` give up what it cannot send within some seconds, and write it to an archive instead.

    `end` waits for as long as the SDK is sending, each request as long as its timeout says; only when it has given up
    does it write the archive. Where this SDK has no such streamer, it waits.

    Args:
        experiment: An experiment that has not ended; it may be ending, in another thread.
        seconds: How long the end may take, with the archive.
    """
    for client in _clients(experiment).values():
        # Several requests come before and after what is to be sent.
        _set_patience(client, min(client.default_timeout, max(1.0, seconds / 3)), {"total": 0 if seconds < 20 else 1})
    streamer: Any = getattr(experiment, "streamer", None)
    online = getattr(streamer, "online_streamer", None)
    if online is not None:
        setattr(online, _DEADLINE, time.monotonic() + 0.8 * seconds)
        if hasattr(streamer, "terminate_timeout"):
            streamer.terminate_timeout = max(1.0, min(streamer.terminate_timeout, 0.1 * seconds))


def _clients(experiment: Any) -> dict[str, Any]:
    """The HTTP clients of an experiment, by the name of their timeout."""
    places = {"http": ("connection", "_low_level_http_client"), "api": ("rest_api_client", "low_level_api_client")}
    found = {kind: getattr(getattr(experiment, owner, None), name, None) for kind, (owner, name) in places.items()}
    return {kind: client for kind, client in found.items() if hasattr(client, "default_timeout")}


def _set_patience(client: Any, timeout: float, how_often: dict[str, Any]) -> None:
    try:
        client.default_timeout = timeout
        for adapter in client.retry_session.adapters.values():
            # A server can ask to wait for an hour.
            adapter.max_retries = adapter.max_retries.new(**how_often, respect_retry_after_header=False)
    except (AttributeError, TypeError):
        logger.debug("This comet-ml keeps its connections elsewhere.")


# The end


def end_within(experiment: Any, seconds: float) -> bool:
    """End an experiment, and say whether that came to its end in time; if not, it goes on in a thread.

    Args:
        experiment: An experiment that has not ended.
        seconds: How long it may take.
    """
    hurry(experiment, seconds)
    _leave_system_metrics(experiment)
    if is_offline(experiment) and hasattr(experiment.streamer, "queue_timeout"):
        # Its thread looks whether it is to stop once it has waited this long for a message.
        experiment.streamer.queue_timeout = 0.05

    def end() -> None:
        with directly():
            experiment.end()

    thread = run_within(seconds, _guarded(end, experiment), "comet-ml-end")
    let_go(experiment)
    return not thread.is_alive()


def _guarded(step: Callable[[], None], experiment: Any) -> Callable[[], None]:
    def guarded() -> None:
        try:
            step()
        except Exception as error:
            logger.warning("The Comet experiment %s did not end cleanly: %s", experiment.get_key(), described(error))

    return guarded


def _leave_system_metrics(experiment: Any) -> None:
    """Stop the thread that logs system metrics, and do not wait for it: it sleeps for a second, and then ends."""
    thread: Any = getattr(experiment, "system_metrics_thread", None)
    if thread is not None and hasattr(thread, "close"):
        thread.close()
        experiment.system_metrics_thread = None


def wait_for_finish(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Wait until everything is sent, and say whether Comet has it: if not, the SDK keeps its archive.

    The SDK itself says so if the connection is there. What the server answered with an error, and what fell out of a
    batch, it has in its own records as not delivered.
    """
    deadline: float | None = getattr(instance, _DEADLINE, None)
    if deadline is None:
        return bool(wrapped(*args, **kwargs))
    finished: list[bool] = []
    thread = run_within(0, lambda: finished.append(wrapped(*args, **kwargs)), "comet-ml-sending")
    # The deadline may come nearer meanwhile.
    while thread.is_alive() and time.monotonic() < getattr(instance, _DEADLINE):
        thread.join(0.05)
    wait_for_others(instance, lambda: float(getattr(instance, _DEADLINE)))
    return bool(finished and finished[0]) and has_arrived(instance)


def has_arrived(online: Any) -> bool:
    """Whether Comet has said of everything that was logged that it has it.

    The SDK takes each message off its list when the server has taken it. A parameter that was logged again replaces
    the one before, which then stays on the list.

    Args:
        online: The streamer of an experiment.
    """
    try:
        # Older SDKs have no handler of its own.
        handler = getattr(online, "message_handler", online)
        fallback = handler.on_message_sent_callback.__self__
        # What was logged last is handed over in a thread.
        fallback.join(fallback.terminate_timeout)
        records = fallback.replay_manager
        with records.__lock__:
            left = records.conn.execute("SELECT message_id, message_type, message_json FROM messages").fetchall()
    except AttributeError:
        logger.debug("This comet-ml keeps its list of messages elsewhere.")
        return True
    except Exception as error:
        logger.debug("The list of messages cannot be read: %s", error)
        return False
    # Where it is not noted which parameters the server has, one that is left counts as replaced.
    delivered: dict[Any, int] | None = getattr(handler, _DELIVERED, {} if handler is not online else None)
    return is_all_listed(records, online) and all(
        kind == "parameter_msg" and (delivered is None or delivered.get(_parameter(json.loads(text)), -1) > number)
        for number, kind, text in left
    )


def note_parameters(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Note which parameters the server has, by the number of their message: see `has_arrived`."""
    result = wrapped(*args, **kwargs)
    if getattr(result, "success", False) and kwargs.get("message_type") == "parameter_msg":
        delivered = vars(instance).setdefault(_DELIVERED, {})
        for message in kwargs.get("messages", ()):
            name = _parameter(message.to_db_message_dict())
            delivered[name] = max(delivered.get(name, -1), message.message_id)
    return result


def _parameter(message: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells a parameter from every other."""
    parameter = message.get("param") or message.get("params") or {}
    return message.get("context"), parameter.get("paramName"), parameter.get("source")


def send_beside(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Send an Other beside the others, by the workers that upload files.

    The SDK sends a request for each Other, one after the other with everything else: a second for what identifies a
    task, at 100 ms a request. Those of one name are sent in their order.
    """
    pool = getattr(getattr(instance, "_file_upload_manager", None), "_executor", None)
    name = getattr(args[0], "key", None) if args else None
    if not calls or pool is None or name is None:
        wrapped(*args, **kwargs)
        return
    pending: dict[str, Any] = vars(instance).setdefault(_PENDING, {})
    before = pending.get(name)

    def send() -> None:
        if before is not None:
            before.result()
        wrapped(*args, **kwargs)

    try:
        pending[name] = pool.submit(send)
    except RuntimeError:
        # The pool is closed: the experiment is about to end.
        send()


def wait_for_others(online: Any, deadline: Callable[[], float]) -> None:
    """Wait for the Others that are under way, until a deadline that may come nearer meanwhile."""
    for answer in list(getattr(getattr(online, "message_handler", None), _PENDING, {}).values()):
        while not answer.done() and time.monotonic() < deadline():
            time.sleep(0.01)


def wake(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Stop the thread that writes the archive at once: it waits for a message, and looks around once a second."""
    if calls:
        instance.stop()
    wrapped(*args, **kwargs)


def let_go(experiment: Any) -> None:
    """Stop the threads that the SDK leaves when an experiment ends without its server: a sender and its uploaders."""
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


def forget_exit_hook(experiment: Any) -> None:
    """Keep an experiment that has been taken care of from being ended again, without a bound, when Python exits."""
    hook: Any = getattr(experiment, "_atexit_hook", None)
    if hasattr(hook, "disable"):
        hook.disable()


# The connection


def is_connected(experiment: Any) -> bool:
    """Whether the SDK has a connection to the server, as far as it says: it checks every few seconds."""
    connected = getattr(getattr(experiment, "streamer", None), "has_connection_to_server", None)
    return connected is None or bool(connected())


def await_connection(experiment: Any, seconds: float) -> None:
    """Wait for a server that is away to come back."""
    deadline = time.monotonic() + seconds
    while not is_connected(experiment) and time.monotonic() < deadline:
        time.sleep(0.2)
