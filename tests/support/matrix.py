"""The fault matrix: runs a scenario with the real entrypoint, and tells what came of it.

What differs between the generations of Flyte is in `generation.py`, and in the module of each.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.canary import CANARY
from tests.support.comet_server import CometServer, Fault
from tests.support.faults import RESOLVER, STUCK_STORE, strangers
from tests.support.generation import Generation, Registered, Run, Running

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


@dataclass
class Outcome:
    """What came of a scenario.

    Attributes:
        run: What is left of the pod.
        raw: The raw output prefix, if it is a directory.
        comet: The server, stopped.
        seconds: How long the start, the end, and dying from the signal took, as far as they happened.
        signalled: When the pod was sent its last signal.
    """

    scenario: Scenario
    run: Run
    raw: Path
    comet: CometServer
    seconds: dict[str, float]
    signalled: float = math.inf

    @property
    def logged(self) -> set[int]:
        """The steps of the metrics that the body logged, until it was signalled."""
        file = self.run.directory / "logged"
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        return {int(step) for step, moment in lines if float(moment) < self.signalled}

    @property
    def delivered(self) -> set[int]:
        """Those that the server has."""
        return delivered(self.comet)

    @property
    def archives(self) -> list[Path]:
        """The archives in the blob store, under the prefix that is promised."""
        return sorted((self.raw / "comet-ml").glob("*.zip"))

    @property
    def archived(self) -> set[int]:
        """The steps that are in archives in the blob store; in archives in the pod as well where that is allowed."""
        found = list(self.archives)
        if self.scenario.local:
            found += self.run.directory.rglob("*.zip")
        return {step for file in found for kind, step in contents(file) if kind == "loss"}

    @property
    def lost(self) -> set[int]:
        """Those that are nowhere."""
        return self.logged - self.delivered - self.archived

    @property
    def state(self) -> str:
        """What Comet shows."""
        if not self.comet.experiments:
            return "none"
        state = self.comet.only_experiment.states[-1:] or ["alive"]
        return {"ended": "finished", "alive": "running"}.get(state[0], state[0])

    @property
    def flyte_status(self) -> str:
        """How the task ended, by the Others of the experiment or of its archive."""
        found = [experiment.others.get("flyte_status", "") for experiment in self.comet.experiments.values()]
        files = self.archives or (list(self.run.directory.rglob("*.zip")) if self.scenario.local else [])
        found += [value for file in files for kind, value in contents(file) if kind == "flyte_status"]
        return next((status for status in found if status), "")

    @property
    def lines(self) -> list[str]:
        """What the plugin wrote to the log."""
        prefix = "[flytekitplugins.comet_ml] "
        return [line.split(prefix, 1)[1] for line in self.run.log.splitlines() if prefix in line]

    @property
    def uploads(self) -> list[str]:
        """The addresses of archives that the log says how to send."""
        command = re.compile(r"python -m flytekitplugins\.comet_ml upload (?:--host \S+ )?(\S+)$")
        return [match.group(1) for line in self.lines if (match := command.search(line))]

    @property
    def warnings(self) -> list[str]:
        """The plugin's other lines, but for the one that says where the experiment is."""
        return [
            line
            for line in self.lines
            if not line.startswith("Comet experiment") and not any(line.endswith(uri) for uri in self.uploads)
        ]

    @property
    def process(self) -> list[dict[str, Any]] | None:
        """What the process was like before and after the call; None if it did not live to say so."""
        file = self.run.directory / "process"
        return json.loads(file.read_text()) if file.exists() else None


def delivered(comet: CometServer) -> set[int]:
    """The steps of the metrics that a server has."""
    return {
        int(step)
        for experiment in list(comet.experiments.values())
        for step, _ in list(experiment.metrics.get("loss", []))
        if step is not None
    }


def contents(file: Path) -> list[tuple[str, Any]]:
    """Steps of the metrics `loss`, and Others, in an archive of the SDK's. A broken archive has none."""
    found: list[tuple[str, Any]] = []
    with suppress(zipfile.BadZipFile, KeyError), zipfile.ZipFile(file) as archive:
        for line in archive.read("messages.json").splitlines():
            message = json.loads(line)
            payload = message["payload"]
            if message["type"] == "metric_msg":
                found.append((payload["metric"]["metricName"], payload["metric"]["step"]))
            elif message["type"] == "log_other":
                found.append((payload["key"], payload["value"]))
    return found


def registered(generation: Generation, scenario: Scenario, directory: Path, *, fresh: bool = False) -> Registered:
    """Register a scenario's task. Not in a thread: it goes through this process's modules."""
    task = generation.register(scenario.source(generation.header), directory, fresh=fresh)
    room = task.room
    (room / "code" / "sitecustomize.py").write_text(RESOLVER + (STUCK_STORE if scenario.blob_store else ""))
    if scenario.blob_store:
        store = scenario.blob_store.format(room=room)
        task = replace(task, command=[argument.replace(str(task.raw), store) for argument in task.command])
    return generation.shipped(task) if scenario.fast else task


def play(
    scenario: Scenario, task: Registered, comets_own: CometServer, certificates: Path, *, plugin: bool = True
) -> Outcome:
    """Run a scenario; without the plugin, what it would be without it."""
    room, command = task.room, list(task.command)
    with ExitStack() as stack:
        comet = stack.enter_context(CometServer({CANARY}))
        if scenario.prepare is not None:
            scenario.prepare(comet)
        host = stack.enter_context(scenario.host(comet, room)) if scenario.host else comet.url
        stack.enter_context(scenario.disk(room))
        environment = {
            "COMET_HOST_FOR_TESTS": host,
            "ROOM": str(room),
            **strangers(comets_own, certificates),
            **scenario.environment,
            **({} if plugin else {"WITHOUT_PLUGIN": "1"}),
        }
        if scenario.first:
            _need_containers()
            command = [*CONTAINER, *command]
        started = stack.enter_context(_ended(task.start(command, environment)))
        stage = Stage(comet, room, started, first=scenario.first)
        _direct(scenario, stage)
        ended = time.time()
        run = stage.pod.wait(1)
        seconds = _seconds(room)
        if stage.signalled is not None:
            seconds["signal"] = ended - stage.signalled
        if scenario.disk is not nullcontext:
            for name in ("work", "tmp", "home"):
                # The disks are gone with the pod.
                shutil.copytree(room / name, room / "kept" / name, symlinks=True)
        return Outcome(scenario, run, task.raw, comet, seconds, stage.signalled or math.inf)


CONTAINER = ["unshare", "--pid", "--fork", "--kill-child"]


def _need_containers() -> None:
    try:
        subprocess.run([*CONTAINER, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a process in a container of its own needs root ({error})")


@contextmanager
def _ended(pod: Running) -> Iterator[Running]:
    """Whatever the pod has left running is killed with its container."""
    try:
        yield pod
    finally:
        with suppress(ProcessLookupError):
            os.killpg(pod.process.pid, signal.SIGKILL)
        pod.process.wait()


def _direct(scenario: Scenario, stage: Stage, limit: float = 180) -> None:
    """Do the steps, each when it is its time, until the pod has ended."""
    steps, done, began = list(scenario.steps), 0, time.monotonic()
    while stage.pod.process.poll() is None:
        now = time.monotonic()
        if steps and steps[0][0](stage):
            steps.pop(0)[1](stage)
            done += 1
            (stage.room / f"step {done}").touch()
        if now - began > limit or (stage.signalled is not None and time.time() - stage.signalled > scenario.grace):
            stage.pod.process.kill()
            stage.pod.process.wait()
        time.sleep(0.005)


def _seconds(room: Path) -> dict[str, float]:
    """How long start and end took, by the times of the files that the task makes."""
    made = {name: (room / name).stat().st_mtime for name in ("imported", "body", "left") if (room / name).exists()}
    seconds = {}
    if "imported" in made:
        seconds["start"] = made.get("body", time.time()) - made["imported"]
    if "left" in made:
        seconds["end"] = time.time() - made["left"]
    return seconds
