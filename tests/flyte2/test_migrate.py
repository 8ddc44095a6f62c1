"""Code of Flyte 1 under the real flyte-migrate: the examples of this repository run as actions of Flyte 2."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest

from tests.support import ROOT as CHECKOUT
from tests.support.action import CHILD, ROOT, Actions, links_of
from tests.support.comet_records import Experiment
from tests.support.comet_server import CometServer

pytest.importorskip("flyte_migrate")
SECRET = "COMET_ML_COMET_ML_API_KEY"
ELASTIC = ("torch", "flytekitplugins.kfpytorch", "flyteplugins.pytorch.task")
BOTH = """
from flytekit import Secret, task
import comet_ml
from flytekitplugins.comet_ml import comet_ml_login

login = comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key")
)

@task(enable_deck=True)
@login
def below(epochs: int) -> float:
    comet_ml.get_running_experiment().log_metric("loss", 0.5)
    return 0.5

@login
@task(enable_deck=True)
def above(epochs: int) -> float:
    comet_ml.get_running_experiment().log_metric("loss", 0.5)
    return 0.5

@login
@task(enable_deck=True)
def failing(epochs: int) -> float:
    raise ValueError("no luck")
"""


@pytest.fixture
def migrated(actions: Actions) -> Actions:
    """Actions that find the secret where flyte-migrate has Flyte 2 put it."""
    return Actions(actions.directory, {**actions.environment, SECRET: actions.environment["COMET_API_KEY_SECRET"]})


def example(name: str) -> Any:
    """A module of the examples, as flyte-migrate loads it."""
    sys.path.insert(0, str(CHECKOUT / "examples"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(CHECKOUT / "examples"))


def test_the_plugin_is_found_after_the_shim_and_loads_nothing() -> None:
    code = (
        "import flyte_migrate, sys; from flytekitplugins.comet_ml import comet_ml_login;"
        "print('comet_ml' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().endswith("False"), done.stderr


DECORATED = """
import os, sys
from flytekitplugins.comet_ml import comet_ml_login
from flytekit import Secret

@comet_ml_login(project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"))
def train(epochs: int) -> float:
    return 0.5

assert "flyte" not in sys.modules
"""


@pytest.mark.parametrize(
    "later",
    [
        "import flyte; task = flyte.TaskEnvironment('later').task(train)",
        "from flyte import TaskEnvironment; task = TaskEnvironment('later').task(train)",
        "import flyte.extend; task = flyte.TaskEnvironment('later').task(train)",
        "import flyte_migrate; from flytekit import task; task = task(train)",
    ],
    ids=["import", "from", "submodule", "shim"],
)
def test_a_function_that_was_decorated_before_flyte_2_was_imported_has_link_and_secret(later: str) -> None:
    code = f"{DECORATED}\n{later}\nprint([type(link).__name__ for link in task.links], [s.key for s in task.secrets])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "['CometActionLink'] ['comet-ml-api-key']", done.stderr


@pytest.mark.parametrize("task", ["above", "below"])
@pytest.mark.parametrize("action", [ROOT, CHILD])
def test_a_task_of_flyte_1_is_tracked_as_an_action(
    migrated: Actions, comet: CometServer, task: str, action: str
) -> None:
    run = migrated.run(migrated.module(f"import flyte_migrate\n{BOTH}"), task, action=action, inputs={"epochs": 3})
    assert run.status == 0, run.log
    experiment = comet.only_experiment
    assert links_of(run.wire, action=action) == [f"https://www.comet.com/my-team/digits/{experiment.key}"]
    assert experiment.states == ["alive", "ended"]
    assert experiment.others["flyte_action"] == action
    (secret,) = run.wire.task_template.security_context.secrets
    assert (secret.group, secret.key, secret.env_var) == ("comet-ml", "comet-ml-api-key", SECRET)
    assert experiment.key in run.report


def test_a_task_of_flyte_1_that_raises_is_shown_as_crashed(migrated: Actions, comet: CometServer) -> None:
    run = migrated.run(migrated.module(f"import flyte_migrate\n{BOTH}"), "failing", inputs={"epochs": 3})
    assert "no luck" in run.error
    assert comet.only_experiment.others["flyte_error_message"] == "no luck"
    assert comet.only_experiment.key in run.report


def test_what_cannot_be_sent_is_in_the_raw_data_path(migrated: Actions, comet: CometServer) -> None:
    comet.stop()
    run = migrated.run(migrated.module(f"import flyte_migrate\n{BOTH}"), "below", inputs={"epochs": 3})
    assert run.status == 0, run.log
    assert [path.name.partition("-")[0] for path in run.archives] == [links_of(run.wire)[0].rpartition("/")[2]]


# The example `resume` is not among them: flyte-migrate has no `current_context().checkpoint`.
@pytest.mark.parametrize(
    ("name", "task", "inputs", "metric"),
    [
        pytest.param("scikit_learn", "train", {"trees": 5}, "f1", id="scikit-learn"),
        pytest.param("search", "trial", {"cost": 1.0, "gamma": 0.001}, "accuracy", id="search"),
        pytest.param("pytorch_loop", "train", {"epochs": 1}, "loss", id="pytorch"),
        pytest.param("xgboost_trees", "train", {"rounds": 2}, "accuracy", id="xgboost"),
        pytest.param("elastic", "train", {"epochs": 1}, "mean_loss", id="elastic"),
    ],
)
def test_an_example_runs_as_an_action(
    migrated: Actions, comet: CometServer, name: str, task: str, inputs: dict[str, Any], metric: str
) -> None:
    for module in {"pytorch_loop": ("torch",), "xgboost_trees": ("xgboost",), "elastic": ELASTIC}.get(name, ()):
        pytest.importorskip(module)
    check_action(migrated, comet, example(name), task, inputs, metric)


def test_the_example_with_configs_runs_as_an_action(migrated: Actions, comet: CometServer) -> None:
    configs = example("configs")
    inputs = {"config": configs.Config(hidden=8, optimizer=configs.Optimizer(epochs=2))}
    experiment = check_action(migrated, comet, configs, "train", inputs, "loss")
    assert experiment.parameters["config.hidden"] == 8
    assert "o0" in experiment.metrics


def test_the_example_with_an_artifact_runs_as_an_action(migrated: Actions, comet: CometServer) -> None:
    run = migrated.run(example("artifact"), "prepare", inputs={"noise": 0.1})
    assert run.status == 0, run.log
    assert [(artifact.name, artifact.experiment_key) for artifact in comet.artifacts] == [
        ("noisy-digits", comet.only_experiment.key)
    ]


def check_action(
    migrated: Actions, comet: CometServer, module: Any, task: str, inputs: dict[str, Any], metric: str
) -> Experiment:
    """Run a task of an example, which is tracked under the key of its link, and return its experiment."""
    run = migrated.run(module, task, inputs=inputs)
    assert run.status == 0, run.log
    experiment = comet.only_experiment
    assert [link.rpartition("/")[2] for link in links_of(run.wire)] == [experiment.key]
    assert experiment.states[-1] == "ended"
    assert experiment.metrics[metric]
    return experiment


def test_the_example_of_the_readme_runs(migrated: Actions, comet: CometServer) -> None:
    digits = example("digits")
    inputs = {"epochs": 2, "optimizer": digits.Optimizer()}
    run = migrated.run(digits, "train", action=CHILD, inputs=inputs)
    assert run.status == 0, run.log
    experiment = comet.only_experiment
    assert links_of(run.wire, action=CHILD) == [f"https://www.comet.com/my-team/digits/{experiment.key}"]
    assert [step for step, _ in experiment.metrics["accuracy"]] == [1, 2]
    assert experiment.key in run.report
