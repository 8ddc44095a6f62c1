"""Pods of tests are forked off a process that has flytekit loaded: they find what a process finds that is started."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from tests.support.flytekit_process import CAN_FORK
from tests.support.pod import Pod, Run

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="no process can be forked here")

SOURCE = """
import json, logging, os, signal, sys, tempfile, threading, time
from flytekit import task

def state():
    return {
        "environment": {name: value for name, value in os.environ.items() if not name.startswith("_FSEC_")},
        "arguments": sys.argv,
        "directory": os.getcwd(),
        "temporary directory": tempfile.gettempdir(),
        "path": sys.path,
        "main": getattr(sys.modules["__main__"], "__file__", None),
        "handlers of signals": [repr(signal.getsignal(number)).split(" at ")[0] for number in (2, 10, 13, 15, 17)],
        "handlers of logs": [repr(each) for name in ("", "flytekit") for each in logging.getLogger(name).handlers],
        "threads": threading.active_count(),
        "open files": len(os.listdir("/proc/self/fd")),
        "leads its session": os.getsid(0) == os.getpid(),
        "ours and Comet's": sorted(name for name in sys.modules if "comet_ml" in name),
    }

IMPORTED = state()

@task
def train() -> str:
    return json.dumps(IMPORTED)

@task
def ended_by(number: int) -> None:
    if number:
        os.kill(os.getpid(), number)
        time.sleep(60)
    import atexit
    threading.Thread(target=lambda: (time.sleep(0.2), print("the thread has ended", flush=True))).start()
    atexit.register(print, "the process ends")
"""


def pods(pod: Pod) -> tuple[Pod, Pod]:
    return (
        Pod(pod.directory / "fresh", pod.environment, fresh=True),
        Pod(pod.directory / "forked", pod.environment, fresh=False),
    )


def test_a_forked_process_finds_what_a_fresh_one_finds(pod: Pod) -> None:
    found = []
    for each in pods(pod):
        text = each.run(SOURCE, "train").output().replace(str(each.directory), "DIRECTORY")
        found.append(json.loads(text))
    fresh, forked = found
    assert forked == fresh


@pytest.mark.by_default("15")
@pytest.mark.parametrize("number", [0, signal.SIGTERM, signal.SIGKILL])
def test_a_forked_process_ends_as_a_fresh_one(pod: Pod, number: int) -> None:
    def end_of(run: Run) -> tuple[int, list[str]]:
        return run.status, [line for line in run.log.splitlines() if line.startswith("the ")]

    fresh, forked = (end_of(each.run(SOURCE, "ended_by", inputs={"number": int(number)})) for each in pods(pod))
    assert forked == fresh
    assert fresh == ((-number, []) if number else (0, ["the thread has ended", "the process ends"]))


def test_a_forked_process_that_does_not_end_is_killed(pod: Pod) -> None:
    source = SOURCE.replace("if number:", "while True:\n        time.sleep(1)\n    if number:")
    _, forked = pods(pod)
    with pytest.raises(subprocess.TimeoutExpired):
        forked.run(source, "ended_by", inputs={"number": 0}, timeout=3)
    assert not [name for name in os.listdir("/proc") if name.isdigit() and runs(name, str(forked.directory))]


def runs(process: str, text: str) -> bool:
    try:
        with open(f"/proc/{process}/environ") as file:
            return text in file.read()
    except OSError:
        return False
