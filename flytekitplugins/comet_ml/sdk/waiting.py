"""How long the body of a task waits for `flush` and `end` of an experiment."""

from __future__ import annotations

import concurrent.futures
import functools
import math
import time
from collections.abc import Callable
from concurrent.futures import Future

from ..log import logger
from .call import Call, call_of, in_body
from .message_list import number_to_send
from .protocols import Arguments, Experiment, Keywords, Wrapped
from .sending import end_within, flush_all, is_connected
from .temporary_files import tell_if_gone
from .threads import answer_within


@in_body
def flush(call: Call, wrapped: Wrapped, instance: Experiment, args: Arguments, kwargs: Keywords) -> bool:
    """Flush an experiment in the body, for as long as the server takes something and a bounded time after that."""
    owner = call_of(instance)
    if owner is None:
        return bool(wrapped(*args, **kwargs))
    if instance.ended:
        _say_once(owner, "flush", "flush() on the Comet experiment %s does nothing: it has ended.", instance.get_key())
        return False

    def flush() -> bool:
        return flush_all(instance, lambda: wrapped(*args, **kwargs), lambda: math.inf)

    flushed = answer_within(0.05, flush, "comet-ml-flush")
    return _is_done(owner, instance, flushed) and flushed.exception() is None and flushed.result()


@in_body
def end(call: Call, wrapped: Wrapped, instance: Experiment, args: Arguments, kwargs: Keywords) -> None:
    """End an experiment in the body, within the time that the body may wait."""
    owner = call_of(instance)
    if owner is None or instance.ended:
        wrapped(*args, **kwargs)
        return
    begun = time.monotonic()
    tell_if_gone(owner, instance)
    if not end_within(instance, max(1.0, owner.seconds_to_wait)):
        owner.left.append(instance)
        _give_up(owner, instance)
    if not is_connected(instance):
        owner.seconds_to_wait -= time.monotonic() - begun
    _tell_of_late_logs(owner, instance)


def _tell_of_late_logs(call: Call, experiment: Experiment) -> None:
    """Warn once if the body logs to an experiment that it has ended: the SDK drops what is logged then."""

    def telling(name: str, log: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(log)
        def log_too_late(*args: object, **kwargs: object) -> object:
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


def _is_done(call: Call, experiment: Experiment, answer: Future[bool]) -> bool:
    """Wait for as long as the server takes something, and then as long as the body may wait at most."""
    before, seen = None, time.monotonic()
    while not answer.done():
        progress = _progress(experiment)
        now = time.monotonic()
        if progress == before:
            call.seconds_to_wait -= now - seen
        before, seen = progress, now
        if call.seconds_to_wait <= 0:
            _give_up(call, experiment)
            return False
        concurrent.futures.wait([answer], 0.1)
    return True


def _progress(experiment: Experiment) -> tuple[object, ...]:
    """Something that changes when the server has taken something."""
    try:
        streamer = experiment.streamer
        uploads = streamer.online_streamer._file_upload_manager
        return number_to_send(streamer.replay_manager), *uploads.remaining_data(), streamer.messages.qsize()
    except Exception as error:
        logger.debug("It cannot be told how much is left to send: %s", error)
        return ()


def _give_up(call: Call, experiment: Experiment) -> None:
    _say_once(
        call,
        f"waiting {experiment.get_key()}",
        "Comet does not take what was logged to the experiment %s. The task goes on, and does not wait for it any "
        "more: what does not arrive comes into an archive when the task ends.",
        experiment.get_key(),
    )


def _say_once(call: Call, what: str, message: str, *args: object) -> None:
    if call.tells(what):
        logger.warning(message, *args)
