"""Sending an experiment's Others ahead: beside the body and beside each other.

The SDK sends a request for each Other, one after the other with everything else, and waits for all of them at the end:
a second for what identifies a task, at 100 ms a request. Here a few threads send them meanwhile. The SDK's own queue
stays as it is, and with it the order, the archive and what is done about a failure: when it comes to an Other that is
under way, it waits for that request, and gets its answer or its exception as if the request had been its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from .. import sdk as comet

_THREADS = 3


def send_ahead(experiment: Any, others: Mapping[str, Any]) -> None:
    """Begin to send Others that are about to be logged; where the SDK cannot be told so, do nothing.

    Args:
        experiment: An experiment that has started, online.
        others: What is about to be logged, in this order.
    """
    comet.replace_sender_of_others(experiment, lambda send: _Sender(send, experiment.get_key(), others))


class _Sender:
    """Stands in the place of the SDK's function that sends an Other."""

    def __init__(self, send: Callable[..., Any], experiment_key: str, others: Mapping[str, Any]) -> None:
        self._send = send
        self._experiment_key = experiment_key
        self._others = others
        self._answers: dict[str, Future[Any]] = {name: Future() for name in others}
        waiting = deque(self._answers.items())
        for _ in range(min(_THREADS, len(others))):
            try:
                threading.Thread(target=self._work, args=(waiting,), daemon=True, name="comet-others").start()
            except RuntimeError:
                # No more threads: what none has begun, the queue sends itself.
                break

    def _work(self, waiting: deque[tuple[str, Future[Any]]]) -> None:
        while waiting:
            try:
                name, answer = waiting.popleft()
            except IndexError:
                return
            # Unless the SDK's queue was here before.
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(
                        self._send(experiment_key=self._experiment_key, key=name, value=self._others[name])
                    )
                except Exception as error:
                    answer.set_exception(error)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        name = kwargs.get("key", "")
        answer = self._answers.get(name)
        # The body may log another value under the name, and a lost connection makes the SDK send one again.
        if answer is not None and kwargs.get("value") == self._others[name]:
            del self._answers[name]
            if not answer.cancel():
                return answer.result()
        return self._send(*args, **kwargs)
