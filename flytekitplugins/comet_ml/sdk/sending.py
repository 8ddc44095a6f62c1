"""That what an experiment logs arrives within a time, and that what does not comes into an archive.

Where the SDK keeps its streamers is not public: each function says what happens where they are somewhere else.
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
from .patience import DEADLINE, hurry

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


# The end


def deliver_within(experiment: Any, seconds: float) -> bool:
    """Have an experiment that goes on send what was logged to it, and say whether Comet has it.

    Args:
        experiment: An online experiment that has not ended.
        seconds: How long it may take.
    """
    flushed: list[bool] = []

    def flush() -> None:
        with directly():
            flushed.append(bool(experiment.flush()))

    streamer: Any = getattr(experiment, "streamer", None)
    online = getattr(streamer, "online_streamer", streamer)
    deadline, before = time.monotonic() + seconds, _not_arrived(online)
    run_within(seconds, _guarded(flush, experiment, "The Comet experiment %s was not flushed: %s"), "comet-ml-flush")
    wait_for_others(online, lambda: deadline)
    # What is logged meanwhile is not meant.
    return flushed == [True] and not before & _not_arrived(online)


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

    thread = run_within(
        seconds, _guarded(end, experiment, "The Comet experiment %s did not end cleanly: %s"), "comet-ml-end"
    )
    let_go(experiment)
    return not thread.is_alive()


def _guarded(step: Callable[[], None], experiment: Any, message: str) -> Callable[[], None]:
    def guarded() -> None:
        try:
            step()
        except Exception as error:
            logger.warning(message, experiment.get_key(), described(error))

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
    deadline: float | None = getattr(instance, DEADLINE, None)
    if deadline is None:
        return bool(wrapped(*args, **kwargs))
    finished: list[bool] = []
    thread = run_within(0, lambda: finished.append(wrapped(*args, **kwargs)), "comet-ml-sending")
    # The deadline may come nearer meanwhile.
    while thread.is_alive() and time.monotonic() < getattr(instance, DEADLINE):
        thread.join(0.05)
    wait_for_others(instance, lambda: float(getattr(instance, DEADLINE)))
    return bool(finished and finished[0]) and has_arrived(instance)


def has_arrived(online: Any) -> bool:
    """Whether Comet has said of everything that was logged that it has it.

    Args:
        online: The streamer of an experiment that has ended, or is about to.
    """
    fallback = _fallback_of(online)
    if fallback is not None:
        # What was logged last is handed over in a thread.
        fallback.join(fallback.terminate_timeout)
    return not _not_arrived(online)


def _fallback_of(online: Any) -> Any:
    """The part of a streamer that keeps a copy of what was logged; None where this SDK has it elsewhere."""
    # Older SDKs have no handler of its own.
    handler = getattr(online, "message_handler", online)
    return getattr(getattr(handler, "on_message_sent_callback", None), "__self__", None)


def _not_arrived(online: Any) -> set[int]:
    """The numbers of the messages of which Comet has not said that it has them; -1 is in it if that cannot be known.

    The SDK takes each message off its list when the server has taken it. A parameter that was logged again replaces
    the one before, which then stays on the list.
    """
    try:
        handler = getattr(online, "message_handler", online)
        records = _fallback_of(online).replay_manager
        with records.__lock__:
            left = records.conn.execute("SELECT message_id, message_type, message_json FROM messages").fetchall()
    except AttributeError:
        logger.debug("This comet-ml keeps its list of messages elsewhere.")
        return set()
    except Exception as error:
        logger.debug("The list of messages cannot be read: %s", error)
        return {-1}
    # Where it is not noted which parameters the server has, one that is left counts as replaced.
    delivered: dict[Any, int] | None = getattr(handler, _DELIVERED, {} if handler is not online else None)
    unlisted = set() if is_all_listed(records, online) else {-1}
    return unlisted | {
        number
        for number, kind, text in left
        if kind != "parameter_msg"
        or (delivered is not None and delivered.get(_parameter(json.loads(text)), -1) <= number)
    }


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
