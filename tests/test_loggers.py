"""What frameworks' loggers do with the task's experiment, done here without the frameworks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from comet_server import CometServer
from conftest import InPod
from flytekit import Secret
from flytekitplugins.comet_ml import comet_ml_login
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

SECRET = Secret(group="comet-ml", key="comet-ml-api-key")
OPENINGS = {
    "an Experiment": lambda project: comet_ml.Experiment(project_name=project),
    "a start": lambda project: comet_ml.start(project_name=project),
}


@pytest.mark.newest
@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS.keys())
@pytest.mark.parametrize(("start", "project"), [(False, "digits"), (True, "another")], ids=["alone", "beside ours"])
def test_the_source_of_an_experiment_is_the_file_that_opens_it(
    laptop: CometServer, opening: Callable[[str], object], start: bool, project: str
) -> None:
    @comet_ml_login("digits", "my-team", SECRET, start=start)
    def train() -> None:
        opening(project)

    train()
    opened = next(experiment for experiment in laptop.experiments.values() if experiment.project == project)
    uploads = [request.query for request in laptop.requests if request.query.get("type") == "source_code"]
    files = {Path(query["fileName"]) for query in uploads if query["experimentId"] == opened.key}
    # The SDK adds the script of the process, if there is one.
    assert files - {Path(sys.argv[0])} == {Path(__file__)}


@pytest.mark.parametrize("start", [True, False])
def test_a_task_that_fails_after_a_logger_has_ended_its_experiment_is_shown_as_crashed(
    comet: CometServer, in_pod: InPod, start: bool
) -> None:
    @comet_ml_login("digits", "my-team", SECRET, host=comet.url, start=start)
    def train() -> None:
        # So does Lightning 2.4 when a `fit` has come to its end.
        comet_ml.Experiment(project_name="digits").end()
        raise ValueError("afterwards")

    with in_pod(), pytest.raises(ValueError, match="afterwards"):
        train()
    assert comet.only_experiment.states[-1] == "crashed"
    assert comet.only_experiment.others["flyte_status"] == "failed"


@pytest.mark.parametrize(("value", "logged"), [(True, False), (1, False), (0, True), (None, True)])
def test_automatic_logging_can_be_turned_off_for_a_task(laptop: CometServer, value: Any, logged: bool) -> None:
    """The SDK reads the setting when it is imported, which is long ago."""

    @comet_ml_login("digits", "my-team", SECRET, **({} if value is None else {"disable_auto_logging": value}))
    def train() -> None:
        images, labels = load_digits(return_X_y=True)
        LogisticRegression(max_iter=7).fit(images[:200], labels[:200])

    train()
    assert ("max_iter" in laptop.only_experiment.parameters) == logged
