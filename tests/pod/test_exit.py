"""The process ends when the task does, whatever the SDK still has to send."""

from __future__ import annotations

import os
import subprocess
import sys
import time
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
        begun = time.monotonic()
        # The request would hang for 15 minutes.
        assert process.wait(timeout=100) == 0
    assert time.monotonic() - begun < 100
    assert list((tmp_path / "work" / ".cometml-runs").glob("*.zip"))
    assert os.environ["COMET_API_KEY"] == CANARY
