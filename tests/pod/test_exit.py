"""The process ends when the task does, whatever the SDK still has to send."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.canary import CANARY
from tests.support.comet_server import CometServer
from tests.support.faults import on

SOURCE = """
import time
import comet_ml
from flytekitplugins.comet_ml import comet_ml_login

def body():
    experiment = comet_ml.get_running_experiment()
    experiment.log_asset_data("x" * 1000, name="a.txt")
    {more}

comet_ml_login(project_name="p", workspace="w", secret=lambda: "unused", end_timeout=4.0)(body)()
print("OVER", flush=True)
"""

TRIALS = "[comet_ml.Experiment(project_name=f'trial {i}').log_asset_data('y', name='b') for i in range(2)]"


@pytest.mark.by_default("the task's own")
@pytest.mark.parametrize("more", ["pass", TRIALS], ids=["the task's own", "experiments that were replaced"])
def test_an_upload_that_is_never_answered_does_not_keep_the_process(
    laptop: CometServer, tmp_path: Path, more: str
) -> None:
    laptop.faults.append(on("asset/upload", laptop.hang))
    process = subprocess.Popen(
        [sys.executable, "-c", SOURCE.format(more=more)], stdout=subprocess.PIPE, text=True, cwd=tmp_path / "work"
    )
    assert process.stdout is not None
    with process:
        for line in process.stdout:
            if line == "OVER\n":
                break
        else:
            pytest.fail("the task did not come to its end")
        # The request would hang for 15 minutes.
        assert process.wait(timeout=100) == 0
    assert list((tmp_path / "work" / ".cometml-runs").glob("*.zip"))
    assert os.environ["COMET_API_KEY"] == CANARY


LEFT = """
import threading
import time
import comet_ml
from flytekitplugins.comet_ml import comet_ml_login

logged = threading.Event()

@comet_ml_login(project_name="p", workspace="w", secret=lambda: "unused")
def body():
    for step in range(20):
        comet_ml.get_running_experiment().log_metric("loss", step, step=step)
    logged.set()
    time.sleep({seconds})

threading.Thread(target=body, daemon={daemon}).start()
logged.wait()
"""


@pytest.mark.by_default("in a daemon thread")
@pytest.mark.parametrize(
    ("daemon", "seconds", "state", "flyte_status"),
    [(True, 60, "crashed", "terminated"), (False, 1, "ended", None)],
    ids=["in a daemon thread", "in a thread that Python waits for"],
)
def test_what_a_body_has_logged_arrives_though_the_main_thread_has_ended(
    laptop: CometServer, tmp_path: Path, daemon: bool, seconds: int, state: str, flyte_status: str | None
) -> None:
    source = LEFT.format(daemon=daemon, seconds=seconds)
    subprocess.run([sys.executable, "-c", source], cwd=tmp_path / "work", timeout=100, check=True)
    experiment = laptop.only_experiment
    assert experiment.states[-1] == state
    assert experiment.others.get("flyte_status") == flyte_status
    assert len(experiment.metrics["loss"]) == 20
