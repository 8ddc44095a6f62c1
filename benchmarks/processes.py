"""Running a process to its end, and what it took."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Finished:
    """A process that has ended.

    Attributes:
        status: Its exit status; negative for a signal.
        seconds: From its start to its end.
        cpu: Seconds of processor time.
        output: What it printed.
        error: Message of the error that a pod's task ended with; empty if there is none.
        archives: How many archives with data a pod left behind.
    """

    status: int
    seconds: float
    cpu: float
    output: str
    error: str = ""
    archives: int = 0

    def printed(self, word: str) -> float:
        """The number after a word at the start of a line; NaN where there is none."""
        lines = [line for line in self.output.splitlines() if line.startswith(f"{word} ")]
        return float(lines[-1].split()[1]) if lines else float("nan")


def run(
    command: Sequence[str], *, binaries: Path, directory: Path, environment: Mapping[str, str], timeout: float = 120
) -> Finished:
    """Run a command with an environment that has nothing of this process's.

    Args:
        command: The command line.
        binaries: Where its commands are found first.
        directory: Its home, working and temporary directory.
        environment: Further variables.
        timeout: Seconds until it is killed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    variables = {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "COMET_ERROR_TRACKING_ENABLE": "0",
        # Bytecode of the task's module, as an image has it.
        "PYTHONPYCACHEPREFIX": str(directory.parent / "bytecode"),
        **environment,
    }
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=directory, env=variables, stdout=output, stderr=subprocess.STDOUT)
        killer = threading.Timer(timeout, process.kill)
        killer.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        killer.cancel()
        # It has been waited for: its own object need not.
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Finished(process.returncode, seconds, usage.ru_utime + usage.ru_stime, text)


def interleaved(rounds: int, variants: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Run variants in turn, so that what disturbs the machine disturbs all of them, each round from another one on."""
    results: dict[str, list[T]] = {name: [] for name in variants}
    names = list(variants)
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            results[name].append(variants[name]())
    return results


def succeeded(finished: Finished) -> Finished:
    """The same; what failed is no measurement."""
    if finished.status != 0 or finished.error:
        raise RuntimeError(f"A measured process ended with {finished.status}: {finished.error}\n{finished.output}")
    return finished
