"""A scenario of the fault matrix while it runs: what is waited for, and what is done then."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.comet_http import Fault
from tests.support.comet_server import CometServer
from tests.support.generation import Running


@dataclass
class Stage:
    """A scenario while it runs.

    Attributes:
        comet: Its server.
        room: The pod's directory.
        pod: The pod.
        signalled: When the pod was sent a signal.
        first: Whether the pod is the first process of a container, and a child of the one that was started.
    """

    comet: CometServer
    room: Path
    pod: Running
    signalled: float | None = None
    first: bool = False


Condition = Callable[[Stage], bool]
Action = Callable[[Stage], None]


def reached(name: str) -> Condition:
    """The task has got to a place: it made a file of that name."""
    return lambda stage: (stage.room / name).exists()


def asked(part: str) -> Condition:
    """A request with this in its path has come."""
    return lambda stage: any(part in request.path for request in list(stage.comet.requests))


def arrived(count: int) -> Condition:
    """The server has got so many metrics."""
    return lambda stage: len(delivered(stage.comet)) >= count


def after(seconds: float, condition: Condition) -> Condition:
    """Some time after a condition has come true."""
    since: list[float] = []

    def passed(stage: Stage) -> bool:
        if not since and condition(stage):
            since.append(time.monotonic())
        return bool(since) and time.monotonic() - since[0] >= seconds

    return passed


def put(fault: Fault) -> Action:
    """From now on the server has this fault."""
    return lambda stage: stage.comet.faults.append(fault)


def hang(stage: Stage) -> None:
    """From now on the server does not answer."""
    stage.comet.faults.append(stage.comet.hang)


def gone(stage: Stage) -> None:
    """From now on there is no server."""
    stage.comet.stop()


def back(stage: Stage) -> None:
    """The server is there again."""
    stage.comet.start()


def send(number: signal.Signals) -> Action:
    """Send a signal to the pod."""

    def act(stage: Stage) -> None:
        stage.signalled = time.time()
        process = stage.pod.process.pid
        if stage.first:
            process = int(Path(f"/proc/{process}/task/{process}/children").read_text().split()[0])
        os.kill(process, number)

    return act


def delivered(comet: CometServer) -> set[int]:
    """The steps of the metrics that a server has."""
    return {
        int(step)
        for experiment in list(comet.experiments.values())
        for step, _ in list(experiment.metrics.get("loss", []))
        if step is not None
    }
