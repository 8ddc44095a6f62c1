"""A scenario of the fault matrix: a fault, the task that meets it, and what is to come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.comet_server import CometServer
from tests.support.stage import Action, Condition

HEADER = """
import asyncio, ctypes, functools, hashlib, inspect, itertools, json, logging, multiprocessing, os, signal, sys
import threading, time
from pathlib import Path
import comet_ml
from flytekitplugins.comet_ml import comet_ml_login

IN_POD = "ROOM" in os.environ
ROOM = Path(os.environ.get("ROOM", "."))
steps = itertools.count()

def reach(name):
    (ROOM / name).touch()

def wait_for(name):
    while not (ROOM / name).exists():
        time.sleep(0.01)

def note(step):
    with open(ROOM / "logged", "a") as file:
        file.write(f"{step} {time.time()}\\n")

def log(count):
    experiment = comet_ml.get_running_experiment()
    for step in itertools.islice(steps, count):
        if experiment is not None:
            experiment.log_metric("loss", step, step=step)
        note(step)
        time.sleep(0.001)

def state():
    loggers = [logging.getLogger(), *[logging.getLogger(name) for name in ("comet_ml", "flytekitplugins.comet_ml")]]
    return {
        "environment": {name: hashlib.sha256(value.encode()).hexdigest() for name, value in os.environ.items()},
        "handlers": {number.name: repr(signal.getsignal(number)) for number in signal.valid_signals()
                     if isinstance(number, signal.Signals)},
        "wakeup": wakeup(),
        "hooks": [repr(sys.excepthook), repr(sys.meta_path)],
        "streams": [repr(sys.stdout), repr(sys.stderr)],
        "filters": [repr([(h, h.filters) for h in logger.handlers] + logger.filters) for logger in loggers],
        "running": repr(comet_ml.get_running_experiment()),
    }

def wakeup():
    # flytekit runs async tasks in another thread, and Flyte 2 runs all others in one.
    if threading.current_thread() is not threading.main_thread():
        return None
    number = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(number)
    return number

def witness(function):
    def report(before):
        (ROOM / "process").write_text(json.dumps([before, state()]))

    @functools.wraps(function)
    def witnessed():
        before = state()
        try:
            return function()
        finally:
            report(before)

    @functools.wraps(function)
    async def witnessed_async():
        before = state()
        try:
            return await function()
        finally:
            report(before)

    return witnessed_async if inspect.iscoroutinefunction(function) else witnessed

def timed(function):
    @functools.wraps(function)
    def timely():
        reach("body")
        try:
            return function()
        finally:
            reach("left")

    @functools.wraps(function)
    async def timely_async():
        reach("body")
        try:
            return await function()
        finally:
            reach("left")

    return timely_async if inspect.iscoroutinefunction(function) else timely

track = comet_ml_login(
    project_name="digits", workspace="my-team", secret=SECRET,
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"), **OPTIONS
)
if os.environ.get("WITHOUT_PLUGIN"):
    track = lambda function: function
"""

FOOTER = """
if IN_POD:
    reach("imported")
"""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A fault, and what is to come of it.

    Attributes:
        name: What goes wrong, for the table.
        group: Heading in the table.
        body: Lines of the task's body.
        module: Lines of its module, before the task.
        above: A decorator above `comet_ml_login`.
        options: Further arguments of the decorator.
        prepare: What is done to the server before the pod starts.
        steps: What happens while it runs: each once its condition is true, in order. The n-th makes a file `step n`.
        host: Gives the address that `host=` has, if it is not the server's.
        disk: What is wrong with the pod's disks.
        blob_store: Raw output prefix, if not a directory.
        environment: Further variables of the pod.
        is_async: Whether the task is an `async def`.
        fast: Whether the pod runs through `pyflyte-fast-execute`.
        first: Whether it is the first process of its container, which survives a signal that it does not handle.
        status: Exit status.
        error: A part of the task's error; empty if it succeeds.
        state: What Comet shows: "finished", "crashed", "running", or "none" if there is no experiment; alternatives are
            separated by bars.
        archive: Whether there is an archive in the blob store; None where there may be one or not.
        flyte_status: The Other of that name, in Comet or in the archive; alternatives are separated by bars.
        lost: What may be lost, for the table; empty if nothing may.
        local: Whether the archive is allowed to be left in the pod, since nothing else is possible.
        warns: How many warnings the log has of the plugin; None for one or none.
        runs: Whether the body runs.
        changes: What the body itself changes of the process.
        start_limit: Seconds that the start may take.
        end_limit: Seconds that the end may take.
        signal_limit: Seconds from the signal to the pod's end.
        grace: Seconds from SIGTERM to the SIGKILL of Kubernetes.
        proof: What the log has if the fault was there.
        slow: Whether it runs only in `make faults`.
        only: The one generation of Flyte that has it; empty if both have.
        on_flyte_2: Fields that are others on Flyte 2.
    """

    name: str
    group: str
    body: str = "log(200)"
    module: str = ""
    above: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[CometServer], None] | None = None
    steps: tuple[tuple[Condition, Action], ...] = ()
    host: Callable[[CometServer, Path], AbstractContextManager[str]] | None = None
    disk: Callable[[Path], AbstractContextManager[None]] = nullcontext  # type: ignore[assignment]
    blob_store: str = ""
    environment: Mapping[str, str | None] = field(default_factory=dict)
    is_async: bool = False
    fast: bool = False
    first: bool = False
    status: int = 0
    error: str = ""
    state: str = "finished"
    archive: bool | None = False
    flyte_status: str = ""
    lost: str = ""
    local: bool = False
    warns: int | None = 0
    runs: bool = True
    changes: str = ""
    start_limit: float = 15
    end_limit: float = 60
    signal_limit: float = 10
    grace: float = 25
    proof: str = ""
    slow: bool = False
    only: str = ""
    on_flyte_2: Mapping[str, Any] = field(default_factory=dict)

    def source(self, header: str) -> str:
        """The module that the task stands in; `header` makes the decorator `task` and the secret `SECRET`."""
        body = "\n".join(f"    {line}" for line in self.body.strip().splitlines())
        head = f"OPTIONS = {dict(self.options)!r}\n{header}\n{HEADER}\n{self.module}\n"
        decorators = ["@task", "@witness", *filter(None, [self.above]), "@track", "@timed"]
        function = f"{'async ' * self.is_async}def train() -> None:"
        return "\n".join([head, *decorators, function, body, FOOTER])
