"""What scenarios of several kinds share: a server that is away, bodies, signals, and what is to come of them."""

from __future__ import annotations

import signal
from typing import Any

from tests.support.comet_server import CometServer
from tests.support.stage import arrived, reached, send

SIGNAL = "Signals"

TERM, KILL = send(signal.SIGTERM), send(signal.SIGKILL)


def never(server: CometServer) -> None:
    """There is no server."""
    server.stop()


def always(fault: Any) -> Any:
    """The server has a fault from the start."""
    return lambda server: server.faults.append(fault)


def hanging(server: CometServer) -> None:
    """The server takes requests and does not answer."""
    server.faults.append(server.hang)


def nothing(stage: Any) -> None:
    """Let the task go on."""


def archived(**fields: Any) -> dict[str, Any]:
    """What is to come of a server that cannot be reached."""
    return {"state": "none", "archive": True, "warns": 1, **fields}


HALVES = 'log(100)\nwait_for("step 1")\nlog(100)'
"""A body during which something happens: after a half of its metrics has arrived."""

HALF = arrived(100)

DEADLOCK = """
class Time(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]

def stuck(library, seconds):
    # A mutex that this thread holds already: no signal interrupts the wait.
    mutex = ctypes.create_string_buffer(64)
    library.pthread_mutex_lock(mutex)
    reach("here")
    library.pthread_mutex_timedlock(mutex, ctypes.byref(Time(int(time.time()) + seconds, 0)))
"""


def terminated(**fields: Any) -> dict[str, Any]:
    """What is to come of SIGTERM while the body runs."""
    return {
        "group": SIGNAL,
        "status": -signal.SIGTERM,
        "state": "crashed",
        "flyte_status": "terminated",
        "module": DEADLOCK,
        "steps": ((reached("here"), TERM),),
        **fields,
    }


HERE = 'log(200)\nreach("here")\n'
