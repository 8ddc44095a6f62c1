"""MLflow beside Comet, with the real mlflow: in a tracked task its runs log to the task's experiment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from pytest_mock import MockerFixture

from tests.support.comet_server import CometServer
from tests.support.tracked import track


# It takes two seconds to load, which each worker of pytest's would pay for at the top of this file.
@pytest.fixture(autouse=True)
def _a_store_of_mlflow(tmp_path: Path, mocker: MockerFixture) -> Iterator[None]:
    mlflow = pytest.importorskip("mlflow")
    os.environ.update(MLFLOW_ALLOW_FILE_STORE="true", GIT_PYTHON_REFRESH="quiet")
    mocker.patch("comet_ml.loggers.mlflow_logger.PROJECT_NAME", None)
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    mlflow.set_experiment("elsewhere")
    yield
    mlflow.end_run()
    mlflow.set_tracking_uri(None)


def run_of_mlflow(**options: Any) -> None:
    import mlflow

    with mlflow.start_run(**options):
        mlflow.log_metric("accuracy", 0.5, step=1)
        mlflow.log_param("depth", 3)
        mlflow.set_tag("stage", "trial")


def test_a_run_logs_to_the_task_s_experiment_which_goes_on_after_it(laptop: CometServer) -> None:
    @track()
    def train() -> None:
        run_of_mlflow(run_name="baseline")
        comet_ml.get_running_experiment().log_metric("after", 1)

    train()
    experiment = laptop.only_experiment
    assert (experiment.project, experiment.workspace, experiment.name) == ("digits", "my-team", "baseline")
    assert {"accuracy", "after"} <= set(experiment.metrics)
    assert experiment.parameters["depth"] in (3, "3")
    assert experiment.others["stage"] == "trial"
    assert experiment.states[-1] == "ended"


@pytest.mark.slow
def test_two_runs_log_to_one_experiment(laptop: CometServer) -> None:
    @track(name="mine")
    def train() -> None:
        for name in ("first", "second"):
            run_of_mlflow(run_name=name)
        import mlflow

        # Starts a run of its own accord.
        mlflow.log_metric("implicit", 1)
        mlflow.end_run()

    train()
    experiment = laptop.only_experiment
    assert len(experiment.metrics["accuracy"]) == 2
    assert len(experiment.metrics["implicit"]) == 1
    assert experiment.name == "mine"


def test_automatic_logging_of_mlflow_opens_no_other_experiment(laptop: CometServer) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    import mlflow

    @track()
    def train() -> None:
        mlflow.sklearn.autolog(log_models=False, silent=True)
        try:
            linear_model.LogisticRegression(C=0.25).fit([[0.0], [1.0]], [0, 1])
        finally:
            mlflow.sklearn.autolog(disable=True, silent=True)
        comet_ml.get_running_experiment().log_metric("after", 1)

    train()
    assert float(laptop.only_experiment.parameters["C"]) == 0.25
    assert "after" in laptop.only_experiment.metrics


@pytest.mark.slow
def test_where_the_body_is_to_start_the_experiment_mlflow_starts_the_task_s(laptop: CometServer) -> None:
    @track(start=False, tags=["nightly"])
    def train() -> None:
        run_of_mlflow()

    train()
    experiment = laptop.only_experiment
    assert (experiment.project, set(experiment.tags)) == ("digits", {"nightly"})
    assert "accuracy" in experiment.metrics


def test_with_tracking_switched_off_mlflow_logs_to_itself_alone(laptop: CometServer) -> None:
    track(disabled=True)(run_of_mlflow)()
    assert laptop.requests == []


def test_offline_a_run_is_in_the_task_s_archive() -> None:
    track()(run_of_mlflow)()
    assert len(list(Path(".cometml-runs").glob("*.zip"))) == 1


def test_outside_of_tasks_the_sdk_does_what_it_does_without_us(laptop: CometServer) -> None:
    track()(lambda: None)()
    run_of_mlflow()
    assert [experiment.project for experiment in laptop.experiments.values()] == ["digits", "elsewhere"]
    assert comet_ml.get_running_experiment() is None
