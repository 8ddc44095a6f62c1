"""Runs the examples, by `pyflyte run` and by the real entrypoint in a pod."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import ROOT
from tests.support.comet_records import Experiment
from tests.support.comet_server import CometServer
from tests.support.pod import Pod, Run, RunningPod
from tests.support.pod_environment import POD_ENVIRONMENT

EXAMPLES = ROOT / "examples"
EXECUTION = POD_ENVIRONMENT["FLYTE_INTERNAL_EXECUTION_ID"]

RunExample = Callable[..., Experiment]


def pyflyte_run(file: Path, workflow: str, inputs: dict[str, Any]) -> Run:
    """What a user types, in the environment that the `laptop` fixture makes."""
    values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in inputs.items()}
    arguments = [word for name, value in values.items() for word in (f"--{name}", value)]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("pyflyte")), "run", str(file), workflow, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=200,
    )
    print(done.stdout)
    assert done.returncode == 0
    return Run(done.returncode, done.stdout, Path.cwd())


def start_pod(
    pod: Pod,
    comet: CometServer,
    source: str,
    task: str,
    inputs: dict[str, Any],
    *,
    generated_name: str = f"{EXECUTION}-n0-0",
    previous: Path | None = None,
    **environment: str,
) -> RunningPod:
    """Start a task of an example, with an attempt's checkpoints if there was one before."""
    command, room = pod.register(source, task, inputs=inputs, generated_name=generated_name)
    if previous is not None:
        command[command.index("--prev-checkpoint") + 1] = str(previous)
    return pod.start(command, room, {"COMET_URL_OVERRIDE": f"{comet.url}/clientlib/", **environment})


def succeeded(running: RunningPod) -> Run:
    """Wait for a pod that is to succeed."""
    run = running.wait(200)
    print(run.log)
    assert (run.status, run.error) == (0, "")
    return run


def uploaded(comet: CometServer, kind: str) -> list[str]:
    """Names of the assets of a kind."""
    return [Path(r.query["fileName"]).name for r in comet.requests if r.query.get("type") == kind]


def is_installed(distribution: str) -> bool:
    return any(importlib.metadata.distributions(name=distribution))


def steps(experiment: Experiment, metric: str) -> list[int | None]:
    return [step for step, _ in experiment.metrics[metric]]
