"""Runs that leave an offline archive, made by the real SDK, and the command that sends it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comet_ml
from flytekitplugins.comet_ml.sdk.comet_sdk import CometSDK

from tests.support import ROOT
from tests.support.canary import CANARY
from tests.support.comet_http import Answer, Request
from tests.support.comet_records import Experiment
from tests.support.comet_server import CometServer

KEY = "0123456789abcdef0123456789abcdef"


def log_nothing_of_the_machine() -> None:
    """What the SDK finds out by itself comes from threads, at any time."""
    os.environ.update(COMET_AUTO_LOG_CODE="0", COMET_DISABLE_AUTO_LOGGING="1")


def started(*, online: bool = False, key: str = KEY) -> Any:
    """An experiment as the plugin starts it."""
    log_nothing_of_the_machine()
    sdk = CometSDK.of(comet_ml)
    sdk.forget_clients()  # those of the last test's server
    where = sdk.start_arguments(workspace="my-team", project_name="digits")
    return comet_ml.start(**where, online=online, experiment_key=key)


def archived(directory: Path, log: Callable[[Any], object], *, key: str = KEY) -> Path:
    """The archive of a run offline, in which `log` logged."""
    directory.mkdir(exist_ok=True)
    before = set(directory.glob("*.zip"))
    os.environ["COMET_OFFLINE_DIRECTORY"] = str(directory)
    experiment = started(key=key)
    log(experiment)
    experiment.end()
    (archive,) = set(directory.glob("*.zip")) - before
    return archive


def losses(steps: range) -> Callable[[Any], None]:
    """Logs the metric `loss` at each step."""

    def log(experiment: Any) -> None:
        for step in steps:
            experiment.log_metric("loss", 1 / (step + 3), step=step)

    return log


_LOSES_ITS_SERVER = """
import sys
from tests.support import offline_runs
experiment = offline_runs.started(online=True)
experiment.log_parameter("rate", 0.1)
experiment.log_html("<b>before</b>")
experiment.log_asset_data("before", name="before.txt")
print("printed before")
offline_runs.losses(range({delivered}))(experiment)
sys.stdin.readline()
offline_runs.losses(range({delivered}, {steps}))(experiment)
print("printed after")
experiment.log_other("flyte_status", "failed")
# The SDK writes no archive if it notices only while it ends.
offline_runs.wait_until(lambda: not experiment.streamer.has_connection_to_server())
experiment.end()
"""


def partly_delivered(directory: Path, server: CometServer, *, steps: int, delivered: int) -> Path:
    """The archive that the SDK keeps of a run, in a process of its own, that lost its server after some steps."""
    settings = {"COMET_HTTP_SESSION_RETRY_TOTAL": "0", "COMET_OFFLINE_DIRECTORY": str(directory)}
    script = _LOSES_ITS_SERVER.format(steps=steps, delivered=delivered)
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, **settings, "PYTHONPATH": str(ROOT)},
    )
    wait_until(lambda: KEY in server.experiments and len(server.experiments[KEY].points) == delivered)
    wait_until(lambda: bool(server.experiments[KEY].assets) and "printed" in server.experiments[KEY].output)
    with server.fault(_break_the_connection):
        process.communicate("now\n", timeout=120)
    (archive,) = directory.glob("*.zip")
    return archive


def _break_the_connection(request: Request) -> Answer | None:
    raise ConnectionAbortedError


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for what happens in other threads."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def points_of(experiment: Experiment, name: str = "loss") -> Counter[tuple[int, float]]:
    """Step and value of every point of a metric that the server was sent."""
    return Counter((point["step"], point["metricValue"]) for point in experiment.points if point["metricName"] == name)


def once(steps: range) -> Counter[tuple[int, float]]:
    """Every point of `losses`, once."""
    return Counter((step, 1 / (step + 3)) for step in steps)


@dataclass
class Upload:
    """What the command did.

    Attributes:
        status: Its exit status.
        out: What it printed on standard output, by line.
        err: What it printed on standard error, by line.
    """

    status: int
    out: list[str]
    err: list[str]


class Sender:
    """Runs `upload` in a process of its own, on a machine of its own.

    Attributes:
        temporary: The machine's directory for temporary files.
    """

    def __init__(self, directory: Path, server: CometServer) -> None:
        for name in ("home", "work", "tmp"):
            (directory / name).mkdir(parents=True)
        self.temporary = directory / "tmp"
        self.directory = directory
        self.server = server

    def start(self, *uris: object, **environment: str | None) -> subprocess.Popen[str]:
        """Start it; variables that are None are taken away."""
        variables: Mapping[str, str | None] = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory / "home"),
            "TMPDIR": str(self.temporary),
            "COMET_ERROR_TRACKING_ENABLE": "0",
            "COMET_API_KEY": CANARY,
            "COMET_URL_OVERRIDE": f"{self.server.url}/clientlib/",
            **environment,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "flytekitplugins.comet_ml", "upload", *map(str, uris)],
            cwd=self.directory / "work",
            env={name: value for name, value in variables.items() if value is not None},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def send(self, *uris: object, **environment: str | None) -> Upload:
        """Run it to its end. Nothing of it may be left in the temporary directory, nor the API key be printed."""
        process = self.start(*uris, **environment)
        out, err = process.communicate(timeout=120)
        print(out, err)
        assert CANARY not in out + err
        assert "Traceback" not in err
        # flytekit makes two empty directories whenever it is imported.
        assert [path for path in self.temporary.iterdir() if not path.name.startswith("flyte")] == []
        assert [path for path in self.temporary.rglob("*") if path.is_file()] == []
        return Upload(process.returncode, out.splitlines(), err.splitlines())


def log_everything(experiment: Any) -> None:
    losses(range(100))(experiment)
    with experiment.train():
        experiment.log_metric("accuracy", 0.00005, step=1)
    experiment.log_metric("diverged", float("nan"))
    experiment.log_parameter("rate", 0.1)
    experiment.log_other("flyte_task", "train")
    experiment.log_asset_data("content", name="notes.txt")
    experiment.log_html("<b>html</b>")
    experiment.add_tag("nightly")
    print("a line of output")
