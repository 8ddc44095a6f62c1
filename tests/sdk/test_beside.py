"""Experiments that the body opens beside the task's own, after it, or ends too early."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml import comet_ml_login

from tests.support.comet_server import CometServer


def track(**options: Any) -> comet_ml_login:
    return comet_ml_login(project_name="digits", workspace="my-team", secret=lambda: "unused", **options)


@pytest.mark.newest
@pytest.mark.by_default("key", "constructor")
@pytest.mark.parametrize(
    "another",
    [
        lambda: comet_ml.start(mode="create"),
        lambda: comet_ml.start(project_name="other"),
        lambda: comet_ml.start(experiment_key="b" * 32),
        lambda: comet_ml.Experiment(project_name="other"),
        lambda: comet_ml.Experiment(project_name="other", experiment_key=None),
    ],
    ids=["create", "project", "key", "constructor", "constructor without a key"],
)
def test_a_second_experiment_does_not_cost_the_first(laptop: CometServer, another: Any) -> None:
    keys: list[str] = []

    @track()
    def body() -> None:
        first = comet_ml.get_running_experiment()
        second = another()
        assert comet_ml.get_running_experiment() is second
        keys.extend([first.get_key(), second.get_key()])
        first.log_metric("loss", 1)
        second.log_metric("other", 2)
        second.end()
        assert comet_ml.get_running_experiment() is first
        first.log_metric("loss", 3)

    body()
    first, second = (laptop.experiments[key] for key in keys)
    assert [value for _, value in first.metrics["loss"]] == [1, 3]
    assert [value for _, value in second.metrics["other"]] == [2]
    assert not first.alive
    assert not second.alive


@pytest.mark.newest
def test_a_second_experiment_that_cannot_start_leaves_the_first_the_running_one(laptop: CometServer) -> None:
    @track()
    def body() -> None:
        first = comet_ml.get_running_experiment()
        laptop.forbidden_workspaces.add("theirs")
        with pytest.raises(Exception, match=r"theirs|workspace|refused|403"):
            comet_ml.start(workspace="theirs", experiment_key="c" * 32)
        assert comet_ml.get_running_experiment() is first
        first.log_metric("loss", 1)

    body()
    assert [set(each.metrics) for each in laptop.experiments.values() if each.metrics] == [{"loss"}]


def test_an_experiment_that_comet_has_refused_is_none_of_the_task_s_others(laptop: CometServer) -> None:
    @track()
    def body() -> None:
        laptop.forbidden_workspaces.add("theirs")
        comet_ml.Experiment(workspace="theirs", project_name="digits")

    body()
    assert "flyte_other_experiments" not in laptop.only_experiment.others


def test_one_experiment_a_trial_gives_as_many_experiments_as_without_us(laptop: CometServer) -> None:
    @track()
    def body() -> None:
        comet_ml.get_running_experiment().end()
        for trial in range(2):
            experiment = comet_ml.Experiment()
            experiment.log_metric("trial", trial)
            experiment.end()

    body()
    assert len(laptop.experiments) == 3
    assert [[v for _, v in e.metrics.get("trial", [])] for e in laptop.experiments.values()] == [[], [0], [1]]
    assert len({e.others["flyte_task"] for e in laptop.experiments.values()}) == 1
    first, *others = laptop.experiments.values()
    assert first.others["flyte_other_experiments"] == ", ".join(each.key for each in others)


def test_the_second_constructor_without_start_is_a_new_experiment(laptop: CometServer) -> None:
    @track(start=False, experiment_key="d" * 32)
    def body() -> None:
        for trial in range(2):
            experiment = comet_ml.Experiment()
            experiment.log_metric("trial", trial)
            experiment.end()

    body()
    assert len(laptop.experiments) == 2
    assert laptop.experiments["d" * 32].metrics["trial"] == [(None, 0)]


def test_start_after_an_end_goes_on_with_the_task_s_experiment(laptop: CometServer) -> None:
    @track()
    def body() -> None:
        comet_ml.get_running_experiment().end()
        comet_ml.start().log_metric("loss", 1)

    body()
    assert laptop.only_experiment.metrics["loss"] == [(None, 1)]


def test_what_is_logged_to_an_ended_experiment_is_said_once_to_be_lost(
    laptop: CometServer, caplog: pytest.LogCaptureFixture
) -> None:
    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        experiment.end()
        experiment.log_metric("loss", 1)
        experiment.log_parameter("a", 1)

    body()
    told = [record.getMessage() for record in caplog.records if "is lost" in record.getMessage()]
    assert len(told) == 1
    assert "log_metric()" in told[0]


def test_name_and_tags_of_somebody_who_joins_take_effect(laptop: CometServer) -> None:
    @track()
    def body() -> None:
        comet_ml.start(experiment_config=comet_ml.ExperimentConfig(name="mine", tags=["a", "b"]))

    body()
    assert laptop.only_experiment.name == "mine"
    assert set(laptop.only_experiment.tags) == {"a", "b"}


def test_the_decorator_s_name_comes_before_that_of_somebody_who_joins(laptop: CometServer) -> None:
    @track(name="the decorator's")
    def body() -> None:
        comet_ml.start(experiment_config=comet_ml.ExperimentConfig(name="mine"))

    body()
    assert laptop.only_experiment.name == "the decorator's"


def test_without_start_the_decorator_s_settings_are_for_the_first_experiment(laptop: CometServer) -> None:
    @track(start=False, name="mine", tags=["a"], log_code=False)
    def body() -> None:
        comet_ml.Experiment().log_metric("loss", 1)

    body()
    assert laptop.only_experiment.name == "mine"
    assert laptop.only_experiment.tags == ["a"]
    assert laptop.only_experiment.assets == {}


@pytest.mark.newest
def test_an_offline_experiment_of_the_body_s_has_a_key_of_its_own_and_leaves_the_task_s_the_running_one(
    laptop: CometServer, tmp_path: Path
) -> None:
    keys: list[str] = []

    @track()
    def body() -> None:
        first = comet_ml.get_running_experiment()
        second = comet_ml.OfflineExperiment(offline_directory=str(tmp_path / "beside"))
        keys.extend([first.get_key(), second.get_key()])
        second.log_metric("other", 2)
        second.end()
        assert comet_ml.get_running_experiment() is first
        first.log_metric("loss", 1)

    body()
    assert len(set(keys)) == 2
    assert [value for _, value in laptop.experiments[keys[0]].metrics["loss"]] == [1]
    (archive,) = (tmp_path / "beside").glob("*.zip")
    assert archive.name.startswith(keys[1])
