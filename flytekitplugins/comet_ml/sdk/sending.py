"""Sending what an experiment logs within a bounded time, and keeping the rest in an archive.

Where the SDK keeps its streamers is not public: each function says what happens if they are somewhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

from ..foreign_text import described
from ..log import logger
from .call import calls, directly
from .experiments import is_offline, online_of
from .message_list import has_arrived, not_arrived, number_to_send
from .patience import deadlines, hurry
from .protocols import Arguments, Experiment, Keywords, Wrapped
from .threads import answer_within, run_within, wait_until

if TYPE_CHECKING:
    from comet_ml.streamer.handlers.online_handler import OnlineMessageHandler
    from comet_ml.streamer.offline import OfflineStreamer
    from comet_ml.streamer.online import OnlineStreamer
    from comet_ml.thread_pool import Future

_beside: WeakKeyDictionary[OnlineMessageHandler, dict[str, Future]] = WeakKeyDictionary()
"""For each handler of messages: the newest of each row of messages that are sent beside the others."""

_told_ended: WeakSet[object] = WeakSet()
"""Experiments that have ended, and Comet has heard so."""

_SECONDS_WITHOUT_CONNECTION = 2.0

_SYSTEM_DETAILS = ("installed_packages", "os_packages", "system_details", "gpu_static_info")
"""Types of messages that Comet gets at one address, a part of the system details each."""


# The end


def deliver_within(experiment: Experiment, seconds: float) -> bool:
    """Have an experiment that goes on send what was logged to it, and say whether Comet has it.

    Args:
        experiment: An online experiment that has not ended.
        seconds: How long it may take.
    """
    deadline = time.monotonic() + seconds
    flush = _directly(experiment.flush, experiment, "The Comet experiment %s was not flushed: %s")
    flushed = answer_within(seconds, lambda: flush_all(experiment, flush, lambda: deadline), "comet-ml-flush")
    return flushed.done() and flushed.result()


def flush_all(experiment: Experiment, flush: Callable[[], object], deadline: Callable[[], float]) -> bool:
    """Have an experiment send what was logged to it before, and say whether Comet has that.

    The SDK's `flush` may come back too early. What was logged last may be in the hands of a thread then.

    Args:
        experiment: An experiment that has not ended.
        flush: The SDK's own `flush` of it.
        deadline: When to stop waiting for what is sent beside other messages; it may come nearer meanwhile.
    """
    online = online_of(experiment)

    def flush_once() -> bool:
        flushed = bool(flush())
        wait_for_what_is_beside(online, deadline)
        return flushed

    is_taken = online is None or experiment.streamer.messages.empty()
    if not is_taken and not flush_once():
        return False
    flushed = flush_once()
    left = not_arrived(online)
    if flushed and left and number_to_send(experiment.streamer.replay_manager):
        flushed = flush_once()
        # This is not about what is logged meanwhile.
        left &= not_arrived(online)
    return flushed and not left


def end_within(experiment: Experiment, seconds: float) -> bool:
    """End an experiment, and say whether that came to its end in time; if not, it goes on in a thread.

    Args:
        experiment: An experiment that has not ended.
        seconds: How long it may take.
    """
    hurry(experiment, seconds)
    _leave_system_metrics(experiment)
    if is_offline(experiment) and experiment.streamer is not None:
        # Its thread waits for a message for so long, and then looks whether it is to stop.
        experiment.streamer.queue_timeout = 0.05
    end = _directly(experiment.end, experiment, "The Comet experiment %s did not end cleanly: %s")
    thread = run_within(seconds, end, "comet-ml-end")
    let_go(experiment)
    return not thread.is_alive()


def _directly(step: Callable[[], object], experiment: Experiment, message: str) -> Callable[[], object]:
    """A step that uses the SDK as it is without this plugin; a failure of it is only logged."""

    def run() -> object:
        try:
            with directly():
                return step()
        except Exception as error:
            logger.warning(message, experiment.get_key(), described(error))
            return None

    return run


def _leave_system_metrics(experiment: Experiment) -> None:
    """Stop the thread that logs system metrics, and do not wait for it: it sleeps for a second, and then ends."""
    thread = getattr(experiment, "system_metrics_thread", None)
    if thread is not None and hasattr(thread, "close"):
        thread.close()
        vars(experiment)["system_metrics_thread"] = None


def wait_for_finish(wrapped: Wrapped, instance: OnlineStreamer, args: Arguments, kwargs: Keywords) -> bool:
    """Wait until everything is sent, and say whether Comet has it: if not, the SDK keeps its archive.

    The SDK itself says that Comet has everything if the connection is there. But messages can have been answered with
    an error, or have fallen out of a batch: the SDK's list has them.
    """
    if calls and not instance.is_alive():
        # The process may have no more threads: this one was never started, and sends nothing.
        return False
    if instance not in deadlines:
        return bool(wrapped(*args, **kwargs))

    def finish() -> bool:
        finished = bool(wrapped(*args, **kwargs))
        if finished and not has_arrived(instance):
            # The SDK's thread may have had a message in its hands, which was in no queue and no batch.
            instance.join(max(0.0, deadlines[instance] - time.monotonic()))
            finished = bool(wrapped(*args, **kwargs))
        return finished

    finished = answer_within(0, finish, "comet-ml-sending")
    wait_until(finished.done, lambda: deadlines[instance])
    wait_for_what_is_beside(instance, lambda: deadlines[instance])
    return finished.done() and finished.exception() is None and finished.result() and has_arrived(instance)


def mark_as_ended(wrapped: Wrapped, instance: Any, args: Arguments, kwargs: Keywords) -> None:
    """Tell Comet that an experiment has ended, even if the SDK counts the connection as lost; then the SDK does it.

    The SDK looks only every few seconds whether a lost connection is there again. Until then it does not tell the end,
    and Comet shows a running task. Nor does it try twice.
    """
    online = online_of(instance)
    if calls and instance.alive and online is not None and online in deadlines:
        seconds = deadlines[online] - time.monotonic()
        if not is_connected(instance):
            seconds = min(_SECONDS_WITHOUT_CONNECTION, seconds / 4)

        def tell() -> object:
            return instance.connection.update_experiment_status(instance.run_id, instance.project_id, False)

        told = answer_within(seconds, tell, "comet-ml-end-told")
        if told.done() and told.exception() is None:
            _told_ended.add(instance)
            return
        logger.debug("Comet has not heard of the end of %s: %s", instance.get_key(), told.done() and told.exception())
    wrapped(*args, **kwargs)


def send_beside(wrapped: Wrapped, instance: OnlineMessageHandler, args: Arguments, kwargs: Keywords) -> object:
    """Send Others and system details beside other messages, with the workers that upload files.

    The SDK sends a request for each of them, one after the other. At 100 ms a request, those that identify a task take
    a second. Others of one name keep their order, and so do the parts of the system details.
    """
    pool = getattr(getattr(instance, "_file_upload_manager", None), "_executor", None)
    message = args[0]
    is_other = message.type == "log_other"
    if not calls or pool is None or not (is_other or message.type in _SYSTEM_DETAILS):
        return wrapped(*args, **kwargs)
    row = f"log_other {message.key}" if is_other else "system details"
    pending = _beside.setdefault(instance, {})
    before = pending.get(row)

    def send() -> None:
        if before is not None:
            before.result()
        wrapped(*args, **kwargs)

    try:
        pending[row] = pool.submit(send)
    except RuntimeError:
        # The pool is closed: the experiment is about to end.
        send()
    return None


def wait_for_what_is_beside(online: OnlineStreamer | None, deadline: Callable[[], float]) -> None:
    """Wait for the Others and system details that are under way, until a deadline that may come nearer meanwhile."""
    handler = getattr(online, "message_handler", None)
    for pending in list(_beside.get(handler, {}).values()) if handler is not None else ():
        wait_until(pending.done, deadline)


def wake(wrapped: Wrapped, instance: OfflineStreamer, args: Arguments, kwargs: Keywords) -> None:
    """Stop the thread that writes the archive at once, because it waits for a message for up to a second."""
    if calls:
        instance.stop()
    wrapped(*args, **kwargs)


def let_go(experiment: Experiment) -> None:
    """Stop the threads that the SDK leaves when an experiment ends without its server: a sender and its uploaders."""
    online = online_of(experiment)
    if online is None or not online.is_alive():
        return
    try:
        vars(online)["_stop_message_queue_processing"] = True
        online.stop()
        uploads = vars(online)["_file_upload_manager"]
        (uploads.shutdown if hasattr(uploads, "shutdown") else uploads.close)()
    except (AttributeError, KeyError):
        logger.debug("This comet-ml keeps its threads elsewhere.")


def forget_exit_hook(experiment: Experiment) -> None:
    """Keep an experiment that has been taken care of from being ended again, without a bound, when Python exits."""
    hook = getattr(experiment, "_atexit_hook", None)
    if hook is not None and hasattr(hook, "disable"):
        hook.disable()


# The connection


def is_connected(experiment: Experiment) -> bool:
    """Whether the SDK has a connection to the server, as far as it says: it checks every few seconds.

    After the end of an experiment: whether it had one, or Comet has heard of the end all the same.
    """
    connected = getattr(getattr(experiment, "streamer", None), "has_connection_to_server", None)
    return connected is None or bool(connected()) or experiment in _told_ended


def await_connection(experiment: Experiment, seconds: float) -> None:
    """Wait for a server that is away to come back."""
    deadline = time.monotonic() + seconds
    wait_until(lambda: is_connected(experiment), lambda: deadline, 0.2)
