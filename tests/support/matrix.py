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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.canary import CANARY
from tests.support.comet_server import CometServer
from tests.support.faults import RESOLVER, STUCK_STORE, strangers
from tests.support.generation import Generation, Registered, Run, Running
from tests.support.scenario import Scenario
from tests.support.stage import Stage, delivered


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
