"""A task in a pod, for real: serialized, and run by `pyflyte-execute` in a process of its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from flytekitplugins.comet_ml.keys.experiment_key import link_suffix

from tests.support.comet_server import CometServer
from tests.support.flyte_names import CASES, derived_key
from tests.support.pod import Pod

HEADER = """
import os
from dataclasses import dataclass
from flytekit import Secret, task
from flytekit.exceptions.user import FlyteRecoverableException
from flytekitplugins.comet_ml import comet_ml_login
import comet_ml

@dataclass
class Config:
    lr: float = 0.1
    api_token: str = "hidden"

track = comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"),
)
"""

KEY = "ahq8bl2jkbsf7wxd4mznn00" + link_suffix("digits", "my-team")

TRAIN = f"""{HEADER}
@task
@track
def train(epochs: int, name: str, config: Config) -> float:
    experiment = comet_ml.get_running_experiment()
    for step in range(epochs):
        experiment.log_metric("loss", 1.0 / (step + 1), step=step)
    return 0.25
"""


def config_input() -> Any:
    """A value for the task's dataclass, which stands in the pod's module."""
    return dataclasses.make_dataclass("Config", [("lr", float, 0.3), ("api_token", str, "x")])()


ABOVE = TRAIN.replace("@task\n@track", "@track\n@task")


@pytest.fixture
def pod(tmp_path: Path, comet: CometServer, request: pytest.FixtureRequest) -> Pod:
    """Pods as in a cluster: nothing is loaded before the command line is read. By default, one test has them."""
    fresh = request.config.getoption("--slow") or request.function is test_a_task_is_tracked_end_to_end
    return Pod(tmp_path / "pods", {"COMET_HOST_FOR_TESTS": comet.url}, fresh=fresh)


@pytest.mark.parametrize("source", [TRAIN, ABOVE], ids=["below @task", "above @task"])
@pytest.mark.by_default("below @task")
def test_a_task_is_tracked_end_to_end(comet: CometServer, pod: Pod, source: str) -> None:
    run = pod.run(source, "train", inputs={"epochs": 3, "name": "first", "config": config_input()})
    assert run.error == ""
    assert run.output() == 0.25
    experiment = comet.experiments[KEY]
    assert len(experiment.metrics["loss"]) == 3
    assert {"epochs": 3, "name": "first", "config.lr": 0.3}.items() <= experiment.parameters.items()
    assert set(experiment.parameters) <= {"epochs", "name", "config.lr", "curr_step"}
    assert experiment.others["flyte_execution"] == "ahq8bl2jkbsf7wxd4mzn"
    assert not experiment.alive
    assert run.log.count("[flytekitplugins.comet_ml] Comet experiment") == 1
    assert f"Comet experiment: {comet.url}/my-team/digits/{KEY}" in run.log


@pytest.mark.slow
def test_an_async_task_is_tracked_end_to_end(comet: CometServer, pod: Pod) -> None:
    source = f"""{HEADER}
@task
@track
async def train(epochs: int) -> int:
    comet_ml.get_running_experiment().log_metric("m", epochs)
    return epochs + 1
"""
    run = pod.run(source, "train", inputs={"epochs": 3})
    assert (run.error, run.output()) == ("", 4)
    assert comet.experiments[KEY].metrics["m"] == [(None, 3)]


@pytest.mark.slow
def test_a_recoverable_exception_is_still_one(comet: CometServer, pod: Pod) -> None:
    source = f"""{HEADER}
@task
@track
def train() -> None:
    comet_ml.get_running_experiment().log_metric("m", 1)
    raise FlyteRecoverableException("again please")
"""
    run = pod.run(source, "train")
    assert "again please" in run.error
    assert run.retried
    assert comet.experiments[KEY].metrics["m"] == [(None, 1)]
    assert comet.experiments[KEY].states[-1] == "crashed"
    assert comet.experiments[KEY].others["flyte_error_type"] == "FlyteRecoverableException"


def test_a_rejected_key_fails_the_task_before_its_body(comet: CometServer, pod: Pod) -> None:
    comet.accepted_keys = {"another"}
    run = pod.run(TRAIN, "train", inputs={"epochs": 3, "name": "x", "config": config_input()})
    assert "rejected the API key" in run.error
    assert not run.retried
    assert comet.experiments == {}


def test_a_missing_secret_fails_the_task_with_its_name(comet: CometServer, pod: Pod) -> None:
    run = pod.run(
        TRAIN,
        "train",
        inputs={"epochs": 3, "name": "x", "config": config_input()},
        environment={"_FSEC_COMET-ML_COMET-ML-API-KEY": None},
    )
    assert "Secret(group='comet-ml', key='comet-ml-api-key') was not found" in run.error


@pytest.mark.slow
def test_autologging_works_with_the_plugin_imported_first(comet: CometServer, pod: Pod) -> None:
    source = f"""{HEADER}
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

@task
@track
def train() -> None:
    images, labels = load_digits(return_X_y=True)
    LogisticRegression(max_iter=7).fit(images[:200], labels[:200])
"""
    run = pod.run(source, "train")
    assert run.error == ""
    assert comet.experiments[KEY].parameters["max_iter"] == 7


NAMED = [
    "sub-workflow node n0 -> n0",
    "plain task, hostNetwork pod",
    "custom exec name with dashes (63)",
    "legacy k8s-array map task n0 index 3 subtask retry 1",
]


@pytest.mark.by_default("sub-workflow node n0 -> n0")
@pytest.mark.parametrize("name", NAMED)
def test_a_pod_with_the_control_plane_s_names_has_the_key_of_the_rule(comet: CometServer, pod: Pod, name: str) -> None:
    case = next(case for case in CASES if case["case"] == name)
    source = f"""{HEADER}
@task
@track
def train() -> None:
    comet_ml.get_running_experiment().log_metric("m", 1)
"""
    run = pod.run(
        source,
        "train",
        generated_name=case["raw_output_prefix"].split("/", 5)[5],
        environment={"FLYTE_EXECUTION_URL": None, **case["env"]},
    )
    assert run.error == ""
    assert list(comet.experiments) == [derived_key(case)]


def test_the_user_s_configuration_file_is_left_alone(comet: CometServer, pod: Pod, tmp_path: Path) -> None:
    home = tmp_path / "its home"
    home.mkdir()
    (home / ".comet.config").write_text("[comet]\nworkspace = mine\n")
    source = f"{HEADER}\n@task\n@track\ndef train() -> None: ...\n"
    run = pod.run(source, "train", environment={"HOME": str(home)})
    assert run.error == ""
    assert (home / ".comet.config").read_text() == "[comet]\nworkspace = mine\n"
    assert [path.name for path in home.rglob("*comet*")] == [".comet.config"]
    assert comet.experiments[KEY].workspace == "my-team"
