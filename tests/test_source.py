"""Which file Comet shows as the source of an experiment that the body opens itself: the one that opens it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import comet_ml
import pytest
from comet_server import CometServer
from flytekit import Secret
from flytekitplugins.comet_ml import comet_ml_login

SECRET = Secret(group="comet-ml", key="comet-ml-api-key")
OPENINGS = {
    "an Experiment": lambda project: comet_ml.Experiment(project_name=project),
    "a start": lambda project: comet_ml.start(project_name=project),
}


@pytest.mark.newest
@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS.keys())
@pytest.mark.parametrize(("start", "project"), [(False, "digits"), (True, "another")], ids=["alone", "beside ours"])
def test_the_source_is_the_file_that_opens_it(
    laptop: CometServer, opening: Callable[[str], object], start: bool, project: str
) -> None:
    @comet_ml_login("digits", "my-team", SECRET, start=start)
    def train() -> None:
        opening(project)

    train()
    opened = next(experiment for experiment in laptop.experiments.values() if experiment.project == project)
    uploads = [request.query for request in laptop.requests if request.query.get("type") == "source_code"]
    files = {Path(query["fileName"]) for query in uploads if query["experimentId"] == opened.key}
    # The SDK adds the script of the process.
    assert files == {Path(__file__), Path(sys.argv[0])}
