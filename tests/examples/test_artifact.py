"""The example of an artifact: one task logs it, the next one uses it, also when it was logged offline."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.canary import CANARY
from tests.support.comet_server import CometServer
from tests.support.examples import EXAMPLES, pyflyte_run

pytestmark = pytest.mark.newest


@pytest.mark.slow
def test_the_artifact_of_one_task_is_a_parameter_of_the_next(laptop: CometServer) -> None:
    pyflyte_run(EXAMPLES / "artifact.py", "versioned", {"noise": 0.1})
    prepared, trained = laptop.experiments.values()
    (artifact,) = laptop.artifacts
    assert (artifact.experiment_key, artifact.version, set(artifact.files)) == (prepared.key, "1.0.0", {"digits.npz"})
    assert trained.parameters["version"] == "1.0.0"
    assert trained.states[-1] == "ended"
    assert trained.metrics["accuracy"][0][1] > 0.8
    asked = [request.query for request in laptop.requests if "versionOrAlias" in request.query]
    assert [(query["consumerExperimentKey"], query["versionOrAlias"]) for query in asked] == [(trained.key, "1.0.0")]


@pytest.mark.slow
def test_an_artifact_that_was_logged_offline_is_made_by_the_upload(comet: CometServer) -> None:
    run = pyflyte_run(EXAMPLES / "artifact.py", "versioned", {"noise": 0.1})
    assert comet.experiments == {}
    assert run.status == 0
    account = {"COMET_API_KEY": CANARY, "COMET_URL_OVERRIDE": f"{comet.url}/clientlib/"}
    command = [sys.executable, "-m", "flytekitplugins.comet_ml", "upload", ".cometml-runs"]
    subprocess.run(command, check=True, env={**os.environ, **account})
    assert len(comet.experiments) == 2
    assert [(artifact.name, set(artifact.files)) for artifact in comet.artifacts] == [("noisy-digits", {"digits.npz"})]
