"""The examples, each by `pyflyte run` and by the real entrypoint in a pod: what Comet received.

Those that need frameworks which take long to install are marked `full`; `make examples-full` runs them.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from comet_server import CometServer, Experiment, Request
from conftest import POD_ENVIRONMENT
from flytekit.image_spec.image_spec import ImageBuildEngine
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.comet_ml.experiment_key import link_suffix
from pod import Pod, Run

EXAMPLES = Path(__file__).parents[1] / "examples"
EXECUTION = POD_ENVIRONMENT["FLYTE_INTERNAL_EXECUTION_ID"]

pytestmark = pytest.mark.newest
full = pytest.mark.full

RunExample = Callable[..., Experiment]


@pytest.fixture(autouse=True)
def _no_image_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no registry to look for the images in."""
    monkeypatch.setattr(ImageBuildEngine, "build", lambda image_spec: None)


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


def run_pod(pod: Pod, comet: CometServer, file: Path, task: str, inputs: dict[str, Any], **more: Any) -> Run:
    environment = {"COMET_URL_OVERRIDE": f"{comet.url}/clientlib/", **more.pop("environment", {})}
    run = pod.run(file.read_text(), task, inputs=inputs, environment=environment, timeout=200, **more)
    assert run.error == ""
    return run


@pytest.fixture(params=["pyflyte run", "pod"])
def run_example(request: pytest.FixtureRequest, laptop: CometServer, pod: Pod) -> RunExample:
    """Runs an example in one of the two ways, and returns its experiment, which is as every tracked one is."""

    def run(file: str | Path, workflow: str, *, environment: dict[str, str] | None = None, **inputs: Any) -> Experiment:
        path = EXAMPLES / file
        if request.param == "pod":
            run_pod(pod, laptop, path, "train", inputs, environment=environment or {})
        else:
            os.environ.update(environment or {})
            pyflyte_run(path, workflow, inputs)
        experiment = laptop.only_experiment
        assert experiment.others["flyte_task"].endswith(".train")
        assert experiment.states[0] == "alive"
        assert experiment.states[-1] == "ended"
        if request.param == "pod":
            assert experiment.key == f"{EXECUTION}n00{link_suffix(str(experiment.project), 'my-team')}"
            assert experiment.others["flyte_execution"] == EXECUTION
        return experiment

    return run


def uploaded(comet: CometServer, kind: str) -> list[str]:
    """Names of the assets of a kind."""
    return [Path(r.query["fileName"]).name for r in comet.requests if r.query.get("type") == kind]


def steps(experiment: Experiment, metric: str) -> list[int | None]:
    return [step for step, _ in experiment.metrics[metric]]


# Quick ones


def test_scikit_learn_logs_the_hyperparameters_of_what_it_fits(run_example: RunExample, laptop: CometServer) -> None:
    experiment = run_example("scikit_learn.py", "forest", trees=10)
    assert {"trees": 10, "n_estimators": 10, "max_depth": 4}.items() <= experiment.parameters.items()
    ((_, score),) = experiment.metrics["f1"]
    assert score > 0.9
    assert uploaded(laptop, "confusion-matrix") == ["confusion-matrix.json"]
    assert len(uploaded(laptop, "source_code")) == 1


def test_a_pytorch_loop_logs_its_loss_by_itself(run_example: RunExample, laptop: CometServer) -> None:
    experiment = run_example("pytorch_loop.py", "digits", epochs=2)
    assert experiment.parameters["epochs"] == 2
    assert steps(experiment, "loss") == [0, 10, 20, 30, 40]
    assert len(experiment.metrics["accuracy"]) == 2
    assert experiment.metrics["accuracy"][-1][1] > 0.8
    assert uploaded(laptop, "model-element") == ["model.pt"]
