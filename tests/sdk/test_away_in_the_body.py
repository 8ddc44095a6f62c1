"""The body opens an experiment while Comet is away: it is written to an archive, whoever opens it and however."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comet_ml
import pytest

from tests.support.comet_server import CometServer
from tests.support.tracked import track

pytestmark = pytest.mark.newest


@pytest.fixture
def values(laptop: CometServer, tmp_path: Path) -> Callable[[], dict[str, set[Any]]]:
    """The values of "loss" that Comet or an archive has, by experiment key."""

    def values() -> dict[str, set[Any]]:
        found = {key: {value for _, value in each.metrics.get("loss", [])} for key, each in laptop.experiments.items()}
        for file in (tmp_path / "work").rglob("*.zip"):
            with zipfile.ZipFile(file) as archive:
                key = json.loads(archive.read("experiment.json"))["offline_id"]
                for line in archive.read("messages.json").splitlines():
                    message = json.loads(line)
                    if message["type"] == "metric_msg":
                        found.setdefault(key, set()).add(message["payload"]["metric"]["metricValue"])
        return {key: {float(value) for value in each} for key, each in found.items()}

    return values


Values = Callable[[], dict[str, set[Any]]]


def test_every_trial_has_an_archive_where_comet_is_away_from_the_start(laptop: CometServer, values: Values) -> None:
    laptop.stop()
    keys: list[str] = []

    @track()
    def body() -> None:
        comet_ml.get_running_experiment().end()
        for trial in range(3):
            experiment = comet_ml.Experiment()
            keys.append(experiment.get_key())
            experiment.log_metric("loss", trial)
            experiment.end()

    body()
    found = values()
    assert [found[key] for key in keys] == [{0.0}, {1.0}, {2.0}]


@pytest.mark.by_default("before-constructor", "meanwhile-start")
@pytest.mark.parametrize(
    "another",
    [
        lambda: comet_ml.Experiment(project_name="other"),
        lambda: comet_ml.start(project_name="other"),
        lambda: comet_ml.ExistingExperiment(previous_experiment="b" * 32),
    ],
    ids=["constructor", "start", "existing"],
)
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_second_experiment_is_written_to_an_archive_beside_the_first(
    laptop: CometServer, values: Values, another: Callable[[], Any], when: str
) -> None:
    keys: list[str] = []
    if when == "before":
        laptop.stop()

    @track(end_timeout=5)
    def body() -> None:
        first = comet_ml.get_running_experiment()
        if when == "meanwhile":
            laptop.stop()
        second = another()
        assert comet_ml.get_running_experiment() is second
        keys.extend([first.get_key(), second.get_key()])
        second.log_metric("loss", 2)
        first.log_metric("loss", 1)

    body()
    found = values()
    assert [found[key] for key in keys] == [{1.0}, {2.0}]


@pytest.mark.by_default("start")
@pytest.mark.parametrize("start", [lambda: comet_ml.start(), lambda: comet_ml.Experiment()], ids=["start", "object"])
def test_without_start_the_body_s_own_is_offline_too(
    laptop: CometServer, values: Values, start: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    laptop.stop()

    @track(start=False)
    def body() -> None:
        start().log_metric("loss", 1)

    body()
    assert list(values().values()) == [{1.0}]
    assert len([r for r in caplog.records if "cannot be reached" in r.getMessage()]) == 1


def test_who_goes_on_after_an_end_that_came_to_none_loses_nothing(laptop: CometServer, values: Values) -> None:
    @track(end_timeout=3)
    def body() -> str:
        experiment = comet_ml.get_running_experiment()
        laptop.faults.append(laptop.hang)
        for step in range(20):
            experiment.log_metric("loss", step, step=step)
        experiment.end()
        again = comet_ml.start()
        assert again is not experiment
        for step in range(20, 40):
            again.log_metric("loss", step, step=step)
        return str(again.get_key())

    key = body()
    assert values()[key] == set(range(40))


@pytest.mark.slow
def test_who_wants_an_error_gets_the_sdk_s(laptop: CometServer) -> None:
    @track(on_unavailable="raise")
    def body() -> None:
        laptop.stop()
        comet_ml.start(project_name="other")

    os.environ["COMET_HTTP_SESSION_RETRY_TOTAL"] = "0"
    with pytest.raises(Exception, match=r"onnection"):
        body()


def test_a_refusal_is_no_outage(laptop: CometServer) -> None:
    @track()
    def body() -> None:
        laptop.forbidden_workspaces.add("theirs")
        comet_ml.start(workspace="theirs", experiment_key="c" * 32)

    with pytest.raises(Exception, match=r"theirs|workspace|no such team"):
        body()
    assert laptop.only_experiment.states[-1] == "crashed"
