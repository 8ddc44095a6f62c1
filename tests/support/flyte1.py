"""Flyte 1, for the fault matrix: the real `pyflyte-execute` in a process of its own."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.generation import Generation, Registered, Running
from tests.support.pod import Pod

if TYPE_CHECKING:
    from tests.support.matrix import Outcome


class Flyte1(Generation):
    """Flyte 1."""

    name = "flyte1"
    header = """
from flytekit import Secret, task
from flytekit.exceptions.user import FlyteRecoverableException
SECRET = Secret(group="comet-ml", key="comet-ml-api-key")
"""

    def register(self, source: str, directory: Path, *, fresh: bool = False) -> Registered:
        """Register the task `train` of a module (`Generation`)."""
        pod = Pod(directory, {}, fresh=fresh)
        command, room = pod.register(source, "train")

        def start(command: Sequence[str], environment: Mapping[str, str | None]) -> Running:
            return pod.start(list(command), room, environment)

        return Registered(command, room, directory / "raw" / "i4" / "ahq8bl2jkbsf7wxd4mzn-n0-0", start)

    def leaves_the_body(self, outcome: Outcome) -> bool:
        """Whether the process may end before the task's function does.

        A process that `pyflyte-fast-execute` has started dies by the signal, and it exits with a status then.
        """
        return super().leaves_the_body(outcome) or outcome.scenario.fast

    def shipped(self, task: Registered) -> Registered:
        """The task with its code in an archive: `pyflyte register` without `--copy none`."""
        archive, room = task.room / "code.tar.gz", task.room
        with tarfile.open(archive, "w:gz") as code:
            code.add(room / "code", ".")
        fast = ["pyflyte-fast-execute", "--additional-distribution", str(archive), "--dest-dir", str(room / "work")]
        return replace(task, command=[*fast, "--", *task.command])
