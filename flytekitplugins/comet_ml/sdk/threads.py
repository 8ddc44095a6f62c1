"""Threads of the SDK that would keep the process alive after its task: its upload workers."""

from __future__ import annotations

import concurrent.futures.thread
import threading
from typing import Any

from ..log import logger
from .call import nearest


def leave_at_exit(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Make a pool of upload workers that the process does not wait for when it ends: the end of the session does.

    Python joins the workers of every `concurrent.futures` pool at exit, for as long as a request of theirs may take.
    It has no switch for that, so the workers are made daemons, and taken off the list of those to join.
    """
    if nearest() is None:
        wrapped(*args, **kwargs)
        return
    run_in_daemon(lambda: wrapped(*args, **kwargs))
    workers = getattr(getattr(instance, "_executor", None), "_threads", ())
    joined_at_exit: Any = getattr(concurrent.futures.thread, "_threads_queues", None)
    if joined_at_exit is None:
        logger.debug("This Python keeps the list of workers elsewhere: a hanging upload keeps the process alive.")
        return
    for worker in list(workers):
        joined_at_exit.pop(worker, None)


def run_in_daemon(step: Any) -> None:
    """Run a step in a daemon thread and wait for it: threads that it starts are daemons, too."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            step()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True, name="comet-ml-upload-workers")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
