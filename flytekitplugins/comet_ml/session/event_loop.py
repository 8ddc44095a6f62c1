"""Beside the event loop: in an async task, the start and the end of a session hold up no other coroutine."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable

from ..deadline import start


async def beside_the_loop(step: Callable[[], object]) -> None:
    """Run a step in a thread, with this context, so that other coroutines go on; what it sets in the context stays."""
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def run() -> None:
        error: BaseException | None = None
        try:
            context.run(step)
        except BaseException as raised:
            error = raised
        loop.call_soon_threadsafe(_settle, done, error)

    thread = threading.Thread(target=run, name="comet-ml-session", daemon=True)
    start(thread)
    cancelled: asyncio.CancelledError | None = None
    while not done.done():
        try:
            await asyncio.wait([done])
        except asyncio.CancelledError as error:
            # Whoever cancels the task waits for its end: what has been begun is finished.
            cancelled = error
    if cancelled is not None:
        done.exception()
        raise cancelled
    done.result()
    for variable in context:
        value = context[variable]
        if variable.get(_UNSET) is not value:
            variable.set(value)


_UNSET = object()


def _settle(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
