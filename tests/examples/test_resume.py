"""The example of resuming: a killed attempt goes on in the same experiment, from its checkpoint."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.comet_server import CometServer
from tests.support.examples import EXAMPLES, EXECUTION, pyflyte_run, start_pod, steps, succeeded
from tests.support.pod import Pod, RunningPod

pytestmark = pytest.mark.newest


@pytest.mark.slow
def test_the_resuming_example_runs_locally(laptop: CometServer) -> None:
    pyflyte_run(EXAMPLES / "resume.py", "digits", {"epochs": 20})
    experiment = laptop.only_experiment
    assert steps(experiment, "accuracy") == list(range(1, 21))
    assert experiment.states[-1] == "ended"


@pytest.mark.slow
def test_a_killed_attempt_is_resumed_in_the_same_experiment(laptop: CometServer, pod: Pod, tmp_path: Path) -> None:
    source, inputs = (EXAMPLES / "resume.py").read_text(), {"epochs": 60}
    # Where the control plane has the pod put its checkpoints.
    checkpoints = tmp_path / "pods" / "raw" / "i4" / f"{EXECUTION}-n0-0" / "_flytecheckpoints"

    first = start_pod(pod, laptop, source, "train", inputs)
    wait_for(lambda: any(path.stat().st_size for path in checkpoints.glob("*")), first)
    first.process.kill()
    assert first.wait().status == -signal.SIGKILL
    sent = steps(laptop.only_experiment, "accuracy")
    assert 10 <= len(sent) < 60

    retry = {"generated_name": f"{EXECUTION}-n0-1", "FLYTE_ATTEMPT_NUMBER": "1"}
    succeeded(start_pod(pod, laptop, source, "train", inputs, previous=checkpoints, **retry))
    experiment = laptop.only_experiment
    resumed = steps(experiment, "accuracy")[len(sent) :]
    assert resumed[0] in range(11, len(sent) + 2), "it starts after a checkpoint, not at the beginning"
    assert sorted({*sent, *resumed}) == list(range(1, 61))
    assert experiment.others["flyte_status"] == "finished"
    assert "crashed" not in experiment.states
    assert not experiment.alive


def wait_for(condition: Callable[[], bool], running: RunningPod, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert running.process.poll() is None, running.wait().log
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
