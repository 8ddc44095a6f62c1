"""The examples with a framework each: what Comet received.

Those that need frameworks which take long to install are marked `full`; `make examples-full` runs them.
"""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.comet_server import CometServer
from tests.support.examples import (
    EXAMPLES,
    RunExample,
    is_installed,
    pyflyte_run,
    start_pod,
    steps,
    succeeded,
    uploaded,
)
from tests.support.pod import Pod

pytestmark = pytest.mark.newest
full = pytest.mark.full


# Quick ones


@pytest.mark.by_default("pod")
def test_scikit_learn_logs_the_hyperparameters_of_what_it_fits(run_example: RunExample, laptop: CometServer) -> None:
    experiment = run_example("scikit_learn.py", "forest", trees=10)
    assert {"trees": 10, "n_estimators": 10, "max_depth": 4}.items() <= experiment.parameters.items()
    ((_, score),) = experiment.metrics["f1"]
    assert score > 0.9
    assert uploaded(laptop, "confusion-matrix") == ["confusion-matrix.json"]
    assert len(uploaded(laptop, "source_code")) == 1


@pytest.mark.slow
def test_a_pytorch_loop_logs_its_loss_by_itself(run_example: RunExample, laptop: CometServer) -> None:
    experiment = run_example("pytorch_loop.py", "digits", epochs=2)
    assert experiment.parameters["epochs"] == 2
    assert steps(experiment, "loss") == [0, 10, 20, 30, 40]
    assert len(experiment.metrics["accuracy"]) == 2
    assert experiment.metrics["accuracy"][-1][1] > 0.8
    assert uploaded(laptop, "model-element") == ["model.pt"]


@pytest.mark.slow
def test_xgboost_logs_the_parameters_that_it_trains_with(run_example: RunExample) -> None:
    experiment = run_example("xgboost_trees.py", "boosting", rounds=3)
    assert {"rounds": 3, "max_depth": 3, "eta": 0.1}.items() <= experiment.parameters.items()
    ((_, accuracy),) = experiment.metrics["accuracy"]
    assert accuracy > 0.8
    # The SDK asks for the version of the distribution `xgboost`, and does without its callback for `xgboost-cpu`.
    assert ("logloss" in experiment.metrics) == is_installed("xgboost")


@pytest.mark.slow
def test_in_an_elastic_task_rank_0_tracks_for_both(run_example: RunExample) -> None:
    experiment = run_example("elastic.py", "digits", epochs=2)
    losses = [loss for _, loss in experiment.metrics["mean_loss"]]
    assert len(losses) == 2
    assert losses[1] < losses[0]
    assert steps(experiment, "loss") == [0, 10, 20]
    assert experiment.parameters["epochs"] == 2


# With the frameworks of `make examples-full`


@full
def test_lightning_s_logger_joins_the_task_s_experiment(run_example: RunExample, laptop: CometServer) -> None:
    experiment = run_example("lightning_trainer.py", "digits", epochs=2)
    assert {"epochs": 2, "hidden": 32, "learning_rate": 0.01}.items() <= experiment.parameters.items()
    assert steps(experiment, "train_loss") == [4, 9, 14, 19, 24, 29, 34, 39, 44]
    assert steps(experiment, "accuracy") == [22, 45]
    assert experiment.others["Created from"] == "pytorch-lightning"
    assert len(uploaded(laptop, "source_code")) == 1


@full
def test_a_task_after_one_with_lightning_is_logged_automatically(laptop: CometServer, tmp_path: Path) -> None:
    """`CometLogger` sets COMET_DISABLE_AUTO_LOGGING, which is as it was after the task."""
    file = tmp_path / "both.py"
    file.write_text(
        "from flytekit import workflow\nimport lightning_trainer, scikit_learn\n\n@workflow\ndef both() -> None:\n"
        "    lightning_trainer.train(epochs=1) >> scikit_learn.train(trees=3)\n"
    )
    os.environ["PYTHONPATH"] = str(EXAMPLES)
    pyflyte_run(file, "both", {})
    (experiment,) = (e for e in laptop.experiments.values() if e.project == "breast-cancer")
    assert experiment.parameters["n_estimators"] == 3


@full
def test_lightning_s_logger_in_an_elastic_task_joins_in_rank_0_alone(laptop: CometServer, pod: Pod) -> None:
    elastic = "task_config=Elastic(nproc_per_node=2, start_method='fork', monitor_interval=1)"
    source = (EXAMPLES / "lightning_trainer.py").read_text()
    source = source.replace("image)\n@comet", f"image, {elastic})\n@comet").replace('"cpu",', '"cpu", devices=2,')
    source = source.replace("\nimage =", "\nfrom flytekitplugins.kfpytorch import Elastic\nimage =", 1)
    succeeded(start_pod(pod, laptop, source, "train", {"epochs": 2}))
    experiment = laptop.only_experiment
    # Half of the batches, and each of them once.
    assert steps(experiment, "train_loss") == [4, 9, 14, 19]
    assert steps(experiment, "accuracy") == [11, 23]
    assert experiment.states == ["alive", "ended"]


OLDER = EXAMPLES / "lightning_older.py"
# Else the SDK does not log the Others of the environment, which a logger's own experiment has the task's by.
DETAILS = {"COMET_AUTO_LOG_ENV_DETAILS": "1"}
older_start = pytest.mark.parametrize("start", ["    start=False,\n", ""], ids=["start=False", "start=True"])


@full
@older_start
def test_an_older_lightning_s_logger_logs_to_the_task_s_experiment(
    run_example: RunExample, tmp_path: Path, start: str
) -> None:
    """Which it opens itself, or joins; it ends it after `fit`, and opens it again if it has more to log."""
    assert importlib.metadata.version("pytorch-lightning").startswith("2.4.")
    file = tmp_path / "lightning_older.py"
    afterwards = "    trainer.logger.log_metrics({'afterwards': 1.0})\n    return float("
    source = OLDER.read_text().replace("    start=False,\n", start).replace("    return float(", afterwards)
    file.write_text(source)
    experiment = run_example(file, "digits", environment=DETAILS, epochs=2)
    assert experiment.parameters["hidden"] == 32
    assert steps(experiment, "train_loss") == list(range(4, 58, 5))
    assert [value for _, value in experiment.metrics["afterwards"]] == [1.0]
    assert ("epochs" in experiment.parameters) == (start == "")


@full
def test_the_example_with_an_older_lightning(run_example: RunExample) -> None:
    experiment = run_example(OLDER, "digits", environment=DETAILS, epochs=1)
    assert steps(experiment, "train_loss") == [4, 9, 14, 19, 24]


@full
@older_start
def test_a_task_that_fails_after_an_older_lightning_s_fit_is_shown_as_crashed(
    laptop: CometServer, pod: Pod, start: str
) -> None:
    source = OLDER.read_text().replace("    start=False,\n", start)
    source = source.replace("    return float(", "    raise ValueError('afterwards')\n    return float(")
    run = start_pod(pod, laptop, source, "train", {"epochs": 1}).wait(200)
    assert "afterwards" in run.error
    assert laptop.only_experiment.states[-1] == "crashed"


@full
def test_the_transformers_trainer_joins_the_task_s_experiment(run_example: RunExample) -> None:
    experiment = run_example("transformers_trainer.py", "counting", steps=10)
    assert steps(experiment, "train/loss") == [5, 10]
    assert len(experiment.metrics["eval/loss"]) == 1
    assert {"steps": 10, "args|max_steps": 10, "config|n_embd": 32}.items() <= experiment.parameters.items()
    assert experiment.others["Created from"] == "transformers"


@full
def test_transformers_must_be_told_to_report_to_comet_by_name(laptop: CometServer, pod: Pod) -> None:
    """It asks for an API key when it is imported, and in a pod there is one only while a tracked task runs."""
    source = (EXAMPLES / "transformers_trainer.py").read_text().replace('report_to="comet_ml"', 'report_to="all"')
    succeeded(start_pod(pod, laptop, source, "train", {"steps": 5}))
    assert not [name for name in laptop.only_experiment.metrics if name.startswith("train/")]


@full
def test_xgboost_logs_the_evaluation_of_every_round(run_example: RunExample) -> None:
    assert is_installed("xgboost")
    experiment = run_example("xgboost_trees.py", "boosting", rounds=3)
    assert steps(experiment, "logloss") == [0, 1, 2]
    assert {"rounds": 3, "max_depth": 3, "eta": 0.1}.items() <= experiment.parameters.items()


@full
def test_keras_logs_every_epoch_by_itself(run_example: RunExample) -> None:
    experiment = run_example("keras_classifier.py", "digits", environment={"KERAS_BACKEND": "torch"}, epochs=2)
    assert len(experiment.metrics["val_accuracy"]) == 2
    assert experiment.metrics["test_accuracy"][0][1] > 0.7
    assert {"epochs": 2, "adam_beta_1": 0.9}.items() <= experiment.parameters.items()


# The order of imports


AUTOMATIC = {
    "torch": ("pytorch_loop.py", "digits", {"epochs": 1}, "loss"),
    "xgboost": ("xgboost_trees.py", "boosting", {"rounds": 3}, "logloss"),
    "keras": ("keras_classifier.py", "digits", {"epochs": 1}, "val_accuracy"),
}


@full
@pytest.mark.parametrize(("file", "workflow", "inputs", "metric"), AUTOMATIC.values(), ids=AUTOMATIC.keys())
def test_a_framework_that_is_imported_before_comet_is_logged_automatically(
    laptop: CometServer, tmp_path: Path, file: str, workflow: str, inputs: dict[str, Any], metric: str
) -> None:
    ours = ["import comet_ml\n", "from flytekitplugins.comet_ml import comet_ml_login\n"]
    source = (EXAMPLES / file).read_text()
    for line in ours:
        assert line in source
        source = source.replace(line, "")
    moved = tmp_path / file
    moved.write_text(source.replace("\nimage = ", "\n" + "".join(reversed(ours)) + "\nimage = ", 1))
    os.environ["KERAS_BACKEND"] = "torch"
    run = pyflyte_run(moved, workflow, inputs)
    assert laptop.only_experiment.metrics[metric]
    assert "import comet_ml before" not in run.log


@full
def test_torch_in_spawned_ranks_is_logged_automatically(laptop: CometServer, tmp_path: Path) -> None:
    """A spawned process imports torch before it knows what it is to run."""
    file = tmp_path / "elastic.py"
    file.write_text((EXAMPLES / "elastic.py").read_text().replace('start_method="fork"', 'start_method="spawn"'))
    pyflyte_run(file, "digits", {"epochs": 1})
    assert laptop.only_experiment.metrics["loss"]
