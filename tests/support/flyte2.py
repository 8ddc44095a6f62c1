"""Flyte 2, for the fault matrix: the real `a0` in a process of its own."""

from __future__ import annotations

import importlib
import itertools
import math
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flyteidl2.task import common_pb2

from tests.support.action import ROOT, RUN_NAME, Actions, RunningAction, command_of, wire_of
from tests.support.canary import CANARY
from tests.support.generation import Generation, Registered, Running

if TYPE_CHECKING:
    from tests.support.matrix import Outcome
    from tests.support.scenario import Scenario

_modules = itertools.count()

_PATH = os.environ["PATH"]
"""As it was at the beginning: actions are started by threads, while a test's environment is put back."""


class Flyte2(Generation):
    """Flyte 2."""

    name = "flyte2"
    header = """
import flyte
task = flyte.TaskEnvironment("faults").task
SECRET = flyte.Secret("comet-api-key", as_env_var="COMET_API_KEY_SECRET")
"""

    def register(self, source: str, directory: Path, *, fresh: bool = False) -> Registered:
        """Register the task `train` of a module (`Generation`). Its process is always started with nothing loaded."""
        room, module = directory / "action", f"faults_{os.getpid()}_{next(_modules)}"
        # The last two as the executor makes them: the action, and the attempt, from 1.
        outputs, raw = room / "out" / ROOT / "1", directory / "raw"
        for path in (outputs, *(room / name for name in ("home", "work", "tmp", "code"))):
            path.mkdir(parents=True)
        (room / "code" / f"{module}.py").write_text(source)
        sys.path.insert(0, str(room / "code"))
        try:
            wire = wire_of(importlib.import_module(module).train, room / "code")
        finally:
            sys.path.remove(str(room / "code"))
            sys.modules.pop(module, None)
        inputs = room / "out" / "inputs.pb"
        inputs.write_bytes(common_pb2.Inputs().SerializeToString())

        def start(command: Sequence[str], environment: Mapping[str, str | None]) -> Running:
            log = room / "log"
            with log.open("wb") as file:
                process = subprocess.Popen(
                    command,
                    cwd=room / "work",
                    env=_variables(room, environment),
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            return RunningAction(process, outputs, room, log, wire)

        return Registered(command_of(wire, inputs, outputs, raw), room, raw, start)

    def leaves_the_body(self, outcome: Outcome) -> bool:
        """Whether the process may end before the task's function does.

        A function runs in a daemon thread. A signal ends the main thread, and nobody waits for that one.
        """
        in_main_thread = outcome.scenario.is_async
        return super().leaves_the_body(outcome) or (outcome.signalled < math.inf and not in_main_thread)

    def scenarios(self, scenarios: Iterable[Scenario]) -> list[Scenario]:
        """Those of some scenarios that there are here, with the fields that they have here."""
        return [replace(scenario, **scenario.on_flyte_2) for scenario in super().scenarios(scenarios)]


def _variables(room: Path, environment: Mapping[str, str | None]) -> dict[str, str]:
    """The environment of an action, as the executor and the secret's webhook make it."""
    changes = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{_PATH}",
        "PYTHONPATH": str(room / "code"),
        "HOME": str(room / "home"),
        "TMPDIR": str(room / "tmp"),
        "COMET_ERROR_TRACKING_ENABLE": "0",
        "COMET_API_KEY_SECRET": CANARY,
        **environment,
    }
    return Actions(room, {}).variables(RUN_NAME, ROOT, 0, changes)
