"""A soak: two hundred tracked calls in one process, against a server of whose answers a fifth fail."""

from __future__ import annotations

import json
import random
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.canary import CANARY
from tests.support.comet_http import RESET, Answer, Request
from tests.support.comet_server import CometServer
from tests.support.pod import Pod, Run

pytestmark = [pytest.mark.newest, pytest.mark.slow, pytest.mark.timeout(900)]

CALLS, METRICS, THREADS = 200, 20, 4

SOURCE = f"""
import gc, json, logging, os, signal, sys, threading
from concurrent.futures import ThreadPoolExecutor
import comet_ml
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login

@task
@comet_ml_login(project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"))
def train(number: int) -> str:
    experiment = comet_ml.get_running_experiment()
    for step in range({METRICS}):
        experiment.log_metric("loss", number, step=step)
    return experiment.get_key()

def state():
    gc.collect()
    loggers = [logging.getLogger(name) for name in (None, "comet_ml", "flytekitplugins.comet_ml")]
    handlers = [handler for logger in loggers for handler in logger.handlers]
    return {{
        "environment": dict(sorted(os.environ.items())),
        "signal handlers": repr([signal.getsignal(number) for number in signal.valid_signals()]),
        "hooks": repr([sys.excepthook, threading.excepthook, sys.meta_path, sys.stdout, sys.stderr]),
        "filters": repr([owner.filters for owner in loggers + handlers]),
        "handlers": repr(handlers),
        "running": repr(comet_ml.get_running_experiment()),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "tasks": len(os.listdir("/proc/self/task")),
        "files": sorted(os.readlink(f"/proc/self/fd/{{number}}") for number in os.listdir("/proc/self/fd")
                        if os.path.lexists(f"/proc/self/fd/{{number}}")),
    }}

if __name__ == "__main__":
    states, keys = [], []
    with ThreadPoolExecutor({THREADS}) as pool:
        for round in range(10):
            # Every other round one after the other, in the main thread.
            calls = range(round * {CALLS // 10}, (round + 1) * {CALLS // 10})
            run = pool.map if round % 2 == 0 else map
            keys += list(run(lambda number: train(number=number), calls))
            states.append(state())
            print("ROUND", round, states[-1]["tasks"], len(states[-1]["files"]), flush=True)
    with open(os.environ["REPORT"], "w") as file:
        json.dump([keys, states], file)
"""


@dataclass
class Soak:
    """What came of it: the keys of the calls, the state of the process after each round, and the rest."""

    keys: list[str]
    states: list[dict[str, Any]]
    comet: CometServer
    run: Run
    failed: int


@pytest.fixture(scope="module")
def soak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soak]:
    directory = tmp_path_factory.mktemp("soak")
    dice, lock, failed = random.Random(0), threading.Lock(), [0]

    def flaky(request: Request) -> Answer | None:
        with lock:
            throw = dice.random()
            failed[0] += throw < 0.2
        return None if throw >= 0.2 else RESET if throw < 0.1 else (500, {"msg": "flaky"})

    with CometServer({CANARY}) as comet, comet.fault(flaky):
        pod = Pod(directory, {"COMET_HOST_FOR_TESTS": comet.url})
        # The SDK asks the machine about itself at every start; that is not what is tested.
        quiet = {f"COMET_AUTO_LOG_{name}": "0" for name in ("ENV_DETAILS", "GIT_METADATA", "GIT_PATCH")}
        run = pod.script(SOURCE, {"REPORT": str(directory / "report"), **quiet}, timeout=840)
        keys, states = json.loads((directory / "report").read_text())
        yield Soak(keys, states, comet, run, failed[0])


def archived(directory: Path) -> dict[str, set[int]]:
    """The steps in the archives, by experiment key."""
    found: dict[str, set[int]] = {}
    for file in directory.rglob("*.zip"):
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(file) as archive:
            key = json.loads(archive.read("experiment.json"))["offline_id"]
            messages = [json.loads(line) for line in archive.read("messages.json").splitlines()]
            steps = {m["payload"]["metric"]["step"] for m in messages if m["type"] == "metric_msg"}
            found.setdefault(key, set()).update(steps)
    return found


def test_the_server_was_flaky(soak: Soak) -> None:
    assert soak.run.status == 0
    assert len(set(soak.keys)) == CALLS
    assert soak.failed > 0.1 * len(soak.comet.requests)


def test_every_metric_is_delivered_or_in_an_archive(soak: Soak) -> None:
    archives = archived(soak.run.directory)
    lost = {}
    for key in soak.keys:
        experiment = soak.comet.experiments.get(key)
        delivered = {step for step, _ in experiment.metrics.get("loss", [])} if experiment else set()
        missing = set(range(METRICS)) - delivered - archives.get(key, set())
        if missing:
            lost[key] = missing
    assert lost == {}


@pytest.mark.parametrize("what", ["environment", "signal handlers", "hooks", "filters", "handlers", "running"])
def test_it_is_as_it_was(soak: Soak, what: str) -> None:
    first = soak.states[0][what]
    assert [state[what] for state in soak.states] == [first] * len(soak.states)


def test_no_thread_stays(soak: Soak) -> None:
    # The first rounds may leave what the process keeps for all calls.
    assert soak.states[-1]["tasks"] <= soak.states[2]["tasks"], soak.states[-1]["threads"]


def test_no_file_stays_open(soak: Soak) -> None:
    assert len(soak.states[-1]["files"]) <= len(soak.states[2]["files"]), soak.states[-1]["files"]


def test_the_api_key_is_not_in_the_log(soak: Soak) -> None:
    assert CANARY not in soak.run.log
