"""A message that is held up on its way through the SDK, as on a busy machine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from pytest_mock import MockerFixture


def held_once(step: Callable[..., Any], entered: threading.Event, released: threading.Event) -> Callable[..., Any]:
    """A step that says when it is entered first, and goes on when it is released."""

    def hold(*args: Any, **kwargs: Any) -> Any:
        if not entered.is_set():
            entered.set()
            assert released.wait(60)
        return step(*args, **kwargs)

    return hold


def hold_before_its_batch(mocker: MockerFixture, experiment: Any, until: str) -> threading.Event:
    """Hold the next message that an experiment sends, in no queue and in no batch, until the SDK has found both empty.

    Args:
        mocker: The fixture.
        experiment: It has sent all that was logged before.
        until: The step of its streamer by which the SDK looks at the batches.

    Returns:
        Is set when a message is held.
    """
    entered, released = threading.Event(), threading.Event()
    streamer = experiment.streamer.online_streamer
    handler, step = streamer.message_handler, getattr(streamer, until)

    def release_after(*args: Any, **kwargs: Any) -> Any:
        done = step(*args, **kwargs)
        released.set()
        return done

    mocker.patch.object(handler, "handle", held_once(handler.handle, entered, released))
    mocker.patch.object(streamer, until, release_after)
    return entered
