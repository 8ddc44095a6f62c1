"""What the body of a task asks of an experiment that takes time, `flush` and `end`: how long it waits for that."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable
from typing import Any

from ..log import logger
from .call import Call, call_of, direct
from .sending import end_within, is_connected, run_within, wait_for_others
from .temporary_files import tell_if_gone


def flush(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Flush an experiment in the body: no longer than the server takes something, and a bounded time beyond that."""
    call = call_of(instance)
    if call is None or direct.get():
        return bool(wrapped(*args, **kwargs))
    if instance.ended:
        _say_once(call, "flush", "flush() on the Comet experiment %s does nothing: it has ended.", instance.get_key())
        return False
    flushed: list[bool] = []

    def flush() -> None:
        done = bool(wrapped(*args, **kwargs))
        wait_for_others(getattr(getattr(instance, "streamer", None), "online_streamer", None), lambda: math.inf)
        flushed.append(done)

    thread = run_within(0.05, flush, "comet-ml-flush")
    if _wait(call, instance, thread):
        return bool(flushed and flushed[0])
    return False


def end(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """End an experiment in the body, within the time that the body may wait."""
    call = call_of(instance)
    if call is None or direct.get() or instance.ended:
        wrapped(*args, **kwargs)
        return
    begun = time.monotonic()
    tell_if_gone(call, instance)
    if not end_within(instance, max(1.0, call.seconds_to_wait)):
        _give_up(call, instance)
    if not is_connected(instance):
        call.seconds_to_wait -= time.monotonic() - begun
    _tell_of_late_logs(call, instance)


def _tell_of_late_logs(call: Call, experiment: Any) -> None:
    """Have an experiment that the body has ended say so once, if something is logged to it later: the SDK drops it."""

    def telling(name: str, log: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(log)
        def log_too_late(*args: Any, **kwargs: Any) -> Any:
            _say_once(
                call,
                f"late {experiment.get_key()}",
                "The Comet experiment %s has ended: what %s() and others log to it after that is lost. To go on with "
                "it, log to comet_ml.start().",
                experiment.get_key(),
                name,
            )
            return log(*args, **kwargs)

        return log_too_late

    for name in dir(type(experiment)):
        if name.startswith(("log_", "add_tag")):
            vars(experiment)[name] = telling(name, getattr(experiment, name))


def _wait(call: Call, experiment: Any, thread: threading.Thread) -> bool:
    """Wait for a thread for as long as the server takes something, and then as long as the body may wait at most."""
    before, seen = None, time.monotonic()
    while thread.is_alive():
        progress = _progress(experiment)
        now = time.monotonic()
        if progress == before:
            call.seconds_to_wait -= now - seen
        before, seen = progress, now
        if call.seconds_to_wait <= 0:
            _give_up(call, experiment)
            return False
        thread.join(0.1)
    return True


def _progress(experiment: Any) -> tuple[Any, ...]:
    """Something that changes when the server has taken something."""
    try:
        streamer = experiment.streamer
        records, uploads = streamer.replay_manager, streamer.online_streamer._file_upload_manager
        with records.__lock__:
            left = records.conn.execute("SELECT COUNT(*) FROM messages WHERE status != 3").fetchone()
        return *left, *uploads.remaining_data(), streamer.messages.qsize()
    except Exception as error:
        logger.debug("It cannot be told how much is left to send: %s", error)
        return ()


def _give_up(call: Call, experiment: Any) -> None:
    _say_once(
        call,
        f"waiting {experiment.get_key()}",
        "Comet does not take what was logged to the experiment %s. The task goes on, and does not wait for it any "
        "more: what does not arrive comes into an archive when the task ends.",
        experiment.get_key(),
    )


def _say_once(call: Call, what: str, message: str, *args: Any) -> None:
    if what not in call.told:
        call.told.add(what)
        logger.warning(message, *args)
