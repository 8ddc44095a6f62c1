"""Which experiment the body gets, of several that are open in it: the one that it asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comet_ml
import pytest

from tests.support.comet_server import CometServer
from tests.support.told import told_in
from tests.support.tracked import track

BY_KEY: dict[str, Callable[[str], Any]] = {
    "start": lambda key: comet_ml.start(experiment_key=key),
    "start of one that exists": lambda key: comet_ml.start(experiment_key=key, mode="get"),
    "ExistingExperiment": lambda key: comet_ml.ExistingExperiment(previous_experiment=key),
    "ExistingExperiment with experiment_key": lambda key: comet_ml.ExistingExperiment(experiment_key=key),
    "Experiment": lambda key: comet_ml.Experiment(experiment_key=key),
}
ANOTHER: dict[str, Callable[[], Any]] = {
    "in another project": lambda: comet_ml.Experiment(project_name="second"),
    "in the same project": lambda: comet_ml.start(mode="create"),
}


@pytest.mark.newest
@pytest.mark.by_default("start-in another project", "ExistingExperiment-in the same project")
@pytest.mark.parametrize("another", ANOTHER.values(), ids=ANOTHER)
@pytest.mark.parametrize("by_key", BY_KEY.values(), ids=BY_KEY)
def test_a_key_means_the_open_experiment_that_has_it(
    laptop: CometServer, caplog: pytest.LogCaptureFixture, by_key: Callable[[str], Any], another: Callable[[], Any]
) -> None:
    keys: list[str] = []

    @track()
    def body() -> None:
        own = comet_ml.get_running_experiment()
        second = another()
        keys.extend([own.get_key(), second.get_key()])
        for key in [*keys, *keys]:
            by_key(key).log_metric(f"of {key}", 1)

    body()
    assert {key: [name for name in laptop.experiments[key].metrics if name.startswith("of ")] for key in keys} == {
        key: [f"of {key}"] for key in keys
    }
    assert len(laptop.experiments) == 2
    assert "Ending the running experiment" not in told_in(caplog)


@pytest.mark.parametrize("another", ANOTHER.values(), ids=ANOTHER)
@pytest.mark.parametrize("opening", [lambda: comet_ml.start(), lambda: comet_ml.Experiment()], ids=["start", "class"])
def test_without_a_key_the_task_s_own_is_meant_beside_another_one(
    laptop: CometServer, opening: Callable[[], Any], another: Callable[[], Any]
) -> None:
    keys: list[str] = []

    @track()
    def body() -> None:
        keys.append(comet_ml.get_running_experiment().get_key())
        another()
        opening().log_metric("of the task", 1)

    body()
    assert "of the task" in laptop.experiments[keys[0]].metrics


def test_after_an_earlier_run_was_continued_the_task_s_own_can_be_had_again(laptop: CometServer) -> None:
    keys: list[str] = []

    @track()
    def earlier() -> None:
        keys.append(comet_ml.get_running_experiment().get_key())

    @track()
    def body() -> None:
        keys.append(comet_ml.get_running_experiment().get_key())
        comet_ml.ExistingExperiment(previous_experiment=keys[0]).log_metric("of the earlier one", 1)
        comet_ml.start().log_metric("of the task", 1)

    earlier()
    body()
    assert "of the earlier one" in laptop.experiments[keys[0]].metrics
    assert "of the task" in laptop.experiments[keys[1]].metrics
