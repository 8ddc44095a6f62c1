"""What every test of an example finds: no registry of images, and pods as in a cluster."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from flytekit.image_spec.image_spec import ImageBuildEngine
from flytekitplugins.comet_ml.keys.experiment_key import link_suffix

from tests.support.comet_records import Experiment
from tests.support.comet_server import CometServer
from tests.support.examples import EXAMPLES, EXECUTION, RunExample, pyflyte_run, start_pod, succeeded
from tests.support.pod import Pod


@pytest.fixture(autouse=True)
def _no_image_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no registry to look for the images in."""
    monkeypatch.setattr(ImageBuildEngine, "build", lambda image_spec: None)


@pytest.fixture
def pod(tmp_path: Path, comet: CometServer) -> Pod:
    """Pods as in a cluster: nothing is loaded before the command line is read."""
    return Pod(tmp_path / "pods", {"COMET_HOST_FOR_TESTS": comet.url}, fresh=True)


@pytest.fixture(params=["pyflyte run", "pod"])
def run_example(request: pytest.FixtureRequest, laptop: CometServer, pod: Pod) -> RunExample:
    """Runs an example in one of the two ways, and returns its experiment, which is as every tracked one is."""

    def run(file: str | Path, workflow: str, *, environment: dict[str, str] | None = None, **inputs: Any) -> Experiment:
        path = EXAMPLES / file
        # Of this process too, in which the task is registered.
        os.environ.update(environment or {})
        if request.param == "pod":
            succeeded(start_pod(pod, laptop, path.read_text(), "train", inputs, **(environment or {})))
        else:
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
