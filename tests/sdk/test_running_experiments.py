"""Experiments that run already or that the body opens, in a local run: joined, continued or set aside."""

from __future__ import annotations

import os
from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml import comet_ml_login

from tests.support.comet_server import CometServer
from tests.support.local_task import KEY, NEVER, pipeline, track


def test_a_given_key_is_the_experiment_s_and_an_existing_one_is_continued(laptop: CometServer) -> None:
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, experiment_key=KEY)
    def log(value: int) -> None:
        comet_ml.get_running_experiment().log_metric("m", value)

    log(1)
    log(2)
    assert list(laptop.experiments) == [KEY]
    assert [value for _, value in laptop.experiments[KEY].metrics["m"]] == [1, 2]


def test_a_continued_experiment_keeps_its_name(laptop: CometServer) -> None:
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, experiment_key=KEY)
    def rename(name: str) -> None:
        if name:
            comet_ml.get_running_experiment().set_name(name)

    rename("mine")
    rename("")
    assert laptop.experiments[KEY].name == "mine"


@pytest.mark.parametrize(
    "call",
    [
        lambda: comet_ml.start(),
        lambda: comet_ml.start(workspace="my-team"),
        lambda: comet_ml.start(experiment_config=comet_ml.ExperimentConfig()),
        lambda: comet_ml.Experiment(),
        lambda: comet_ml.Experiment(project_name="digits", workspace="my-team"),
        lambda: comet_ml.ExistingExperiment(previous_experiment=os.environ.get("COMET_EXPERIMENT_KEY")),
    ],
    ids=["start", "start-workspace", "start-config", "Experiment", "Experiment-project", "ExistingExperiment"],
)
def test_a_body_that_opens_an_experiment_joins_ours(laptop: CometServer, call: Any) -> None:
    @track
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("ours", 1)
        experiment = call()
        assert experiment.alive
        experiment.log_metric("theirs", 2)

    body()
    experiment = laptop.only_experiment
    assert [value for _, value in experiment.metrics["ours"]] == [1]
    assert [value for _, value in experiment.metrics["theirs"]] == [2]
    assert not experiment.alive


def test_a_body_that_ends_the_experiment_may(laptop: CometServer) -> None:
    @track
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("m", 1)
        comet_ml.get_running_experiment().end()

    body()
    assert "m" in laptop.only_experiment.metrics


def test_without_start_the_settings_are_in_force_and_what_the_body_starts_is_ended(laptop: CometServer) -> None:
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, start=False, experiment_key=KEY)
    def body() -> None:
        assert comet_ml.get_running_experiment() is None
        assert os.environ["COMET_WORKSPACE"] == "my-team"
        assert os.environ["COMET_PROJECT_NAME"] == "digits"
        comet_ml.Experiment().log_metric("m", 1)

    body()
    experiment = laptop.experiments[KEY]
    assert (experiment.workspace, experiment.project) == ("my-team", "digits")
    assert "m" in experiment.metrics
    assert not experiment.alive


def test_an_experiment_that_was_running_is_set_aside(laptop: CometServer) -> None:
    mine = comet_ml.start(experiment_key="b" * 32)
    mine.log_metric("before", 1)
    pipeline()
    assert comet_ml.get_running_experiment() is mine
    assert not mine.ended
    mine.log_metric("after", 2)
    mine.end()
    assert {"before", "after"} <= set(laptop.experiments["b" * 32].metrics)
    assert "loss" not in laptop.experiments["b" * 32].metrics
    (ours,) = [experiment for key, experiment in laptop.experiments.items() if key != "b" * 32]
    assert not {"before", "after"} & set(ours.metrics)


def test_an_experiment_whose_key_is_exported_is_set_aside_too(laptop: CometServer) -> None:
    os.environ["COMET_EXPERIMENT_KEY"] = KEY
    mine = comet_ml.start()
    pipeline()
    assert comet_ml.get_running_experiment() is mine
    mine.end()
    assert "loss" not in laptop.experiments[KEY].metrics
    assert len(laptop.experiments) == 2


@pytest.mark.newest
def test_what_the_body_prints_is_not_logged_to_an_experiment_that_was_running(laptop: CometServer) -> None:
    @track
    def body() -> None:
        print("only in the task's experiment")

    mine = comet_ml.start(experiment_key=KEY)
    print("before")
    body()
    print("after")
    mine.end()
    output = [str(r.body) for r in laptop.requests if "output" in r.path and KEY in f"{r.query} {r.body}"]
    assert "before" in "".join(output)
    assert "after" in "".join(output)
    assert "only in the task's experiment" not in "".join(output)


def test_a_subclass_of_experiment_joins(laptop: CometServer) -> None:
    class Mine(comet_ml.Experiment):  # type: ignore[misc]
        def log_twice(self, name: str) -> None:
            self.log_metric(name, 1)
            self.log_metric(name, 2)

    @track
    def body() -> None:
        Mine().log_twice("m")

    body()
    assert len(laptop.only_experiment.metrics["m"]) == 2


def test_many_metrics_logged_before_another_experiment_is_opened_all_arrive(laptop: CometServer) -> None:
    @track
    def body() -> None:
        for step in range(300):
            comet_ml.get_running_experiment().log_metric("ours", step, step=step)
        comet_ml.start(mode="create").log_metric("created", 1)
        comet_ml.Experiment(project_name="another").log_metric("another", 1)

    body()
    metrics = [experiment.metrics for experiment in laptop.experiments.values()]
    assert sorted(len(values) for metric in metrics for values in metric.values()) == [1, 1, 300]
    assert len(laptop.experiments) == 3
