"""The examples, each by `pyflyte run` and by the real entrypoint in a pod: what Comet received.

Those that need frameworks which take long to install are marked `full`; `make examples-full` runs them.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core import dynamic_job_pb2
from flytekit.core.utils import load_proto_from_file
from flytekit.image_spec.image_spec import ImageBuildEngine
from flytekitplugins.comet_ml.keys.experiment_key import link_suffix

from tests.support import ROOT
from tests.support.canary import CANARY
from tests.support.comet_server import CometServer, Experiment
from tests.support.pod import Pod, Run, RunningPod
from tests.support.pod_environment import POD_ENVIRONMENT

EXAMPLES = ROOT / "examples"
EXECUTION = POD_ENVIRONMENT["FLYTE_INTERNAL_EXECUTION_ID"]

pytestmark = pytest.mark.newest
full = pytest.mark.full

RunExample = Callable[..., Experiment]


@pytest.fixture(autouse=True)
def _no_image_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no registry to look for the images in."""
    monkeypatch.setattr(ImageBuildEngine, "build", lambda image_spec: None)


def pyflyte_run(file: Path, workflow: str, inputs: dict[str, Any]) -> Run:
    """What a user types, in the environment that the `laptop` fixture makes."""
    values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in inputs.items()}
    arguments = [word for name, value in values.items() for word in (f"--{name}", value)]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("pyflyte")), "run", str(file), workflow, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=200,
    )
    print(done.stdout)
    assert done.returncode == 0
    return Run(done.returncode, done.stdout, Path.cwd())


def start_pod(
    pod: Pod,
    comet: CometServer,
    source: str,
    task: str,
    inputs: dict[str, Any],
    *,
    generated_name: str = f"{EXECUTION}-n0-0",
    previous: Path | None = None,
    **environment: str,
) -> RunningPod:
    """Start a task of an example, with an attempt's checkpoints if there was one before."""
    command, room = pod.register(source, task, inputs=inputs, generated_name=generated_name)
    if previous is not None:
        command[command.index("--prev-checkpoint") + 1] = str(previous)
    return pod.start(command, room, {"COMET_URL_OVERRIDE": f"{comet.url}/clientlib/", **environment})


def succeeded(running: RunningPod) -> Run:
    """Wait for a pod that is to succeed."""
    run = running.wait(200)
    print(run.log)
    assert (run.status, run.error) == (0, "")
    return run


@pytest.fixture
def pod(tmp_path: Path, comet: CometServer) -> Pod:
    """Pods as in a cluster: nothing is loaded before the command line is read."""
    return Pod(tmp_path / "pods", {"COMET_HOST_FOR_TESTS": comet.url}, fresh=True)


@pytest.fixture(params=["pyflyte run", "pod"])
def run_example(request: pytest.FixtureRequest, laptop: CometServer, pod: Pod) -> RunExample:
    """Runs an example in one of the two ways, and returns its experiment, which is as every tracked one is."""

    def run(file: str | Path, workflow: str, *, environment: dict[str, str] | None = None, **inputs: Any) -> Experiment:
        path = EXAMPLES / file
        # Of this process too, in which the task is registered.
        os.environ.update(environment or {})
        if request.param == "pod":
            succeeded(start_pod(pod, laptop, path.read_text(), "train", inputs, **(environment or {})))
        else:
            pyflyte_run(path, workflow, inputs)
        experiment = laptop.only_experiment
        assert experiment.others["flyte_task"].endswith(".train")
        assert experiment.states[0] == "alive"
        assert experiment.states[-1] == "ended"
        if request.param == "pod":
            assert experiment.key == f"{EXECUTION}n00{link_suffix(str(experiment.project), 'my-team')}"
            assert experiment.others["flyte_execution"] == EXECUTION
        return experiment

    return run


def uploaded(comet: CometServer, kind: str) -> list[str]:
    """Names of the assets of a kind."""
    return [Path(r.query["fileName"]).name for r in comet.requests if r.query.get("type") == kind]


def is_installed(distribution: str) -> bool:
    return any(importlib.metadata.distributions(name=distribution))


def steps(experiment: Experiment, metric: str) -> list[int | None]:
    return [step for step, _ in experiment.metrics[metric]]


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


SEARCH = EXAMPLES / "search.py"
SEARCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "map_task": ("grid", {"costs": [0.1, 10.0]}),
    "dynamic": ("random_search", {"trials": 2, "seed": 1}),
}


@pytest.mark.by_default("map_task")
@pytest.mark.parametrize("kind", SEARCHES)
def test_every_trial_of_a_local_search_is_an_experiment(laptop: CometServer, kind: str) -> None:
    workflow, inputs = SEARCHES[kind]
    run = pyflyte_run(SEARCH, workflow, inputs)
    scores = trials(laptop, number=2)
    assert f"\n{max(scores)}\n" in run.log


@pytest.mark.slow
def test_every_node_of_a_mapped_search_is_an_experiment(laptop: CometServer, pod: Pod) -> None:
    # The map task is a node of the workflow, under no name of its own.
    source = f"{SEARCH.read_text()}\nmapped = grid.nodes[0].flyte_entity\n"
    inputs = {"cost": [0.1, 10.0], "gamma": 0.001}
    nodes = []
    for index in range(2):
        name = f"{EXECUTION}-n0-0-n{index}-0"
        variables = {
            "BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_K8S_ARRAY_INDEX",
            "FLYTE_K8S_ARRAY_INDEX": str(index),
        }
        nodes.append(start_pod(pod, laptop, source, "mapped", inputs, generated_name=name, **variables))
    for node in nodes:
        succeeded(node)
    trials(laptop, number=2)
    assert {experiment.others["flyte_execution"] for experiment in laptop.experiments.values()} == {EXECUTION}
    assert {experiment.parameters["cost"] for experiment in laptop.experiments.values()} == {0.1, 10.0}


@pytest.mark.slow
def test_every_child_of_a_dynamic_search_is_an_experiment(laptop: CometServer, pod: Pod) -> None:
    source = SEARCH.read_text()
    parent = succeeded(start_pod(pod, laptop, source, "sample", {"trials": 2, "seed": 1}))
    assert laptop.experiments == {}
    job = load_proto_from_file(dynamic_job_pb2.DynamicJobSpec, str(parent.directory / "out" / "futures.pb"))
    children = []
    for node in job.nodes:
        inputs = {given.var: given.binding.scalar.primitive.float_value for given in node.inputs}
        name = f"{EXECUTION}-n0-0-{node.id}-0"
        children.append(start_pod(pod, laptop, source, "trial", inputs, generated_name=name))
    for child in children:
        succeeded(child)
    trials(laptop, number=2)


def trials(comet: CometServer, number: int) -> list[float]:
    """The scores of a search, each from an experiment that has ended."""
    assert len(comet.experiments) == number
    scores = []
    for experiment in comet.experiments.values():
        assert set(experiment.parameters) == {"cost", "gamma"}
        assert experiment.states == ["alive", "ended"]
        ((_, score),) = experiment.metrics["accuracy"]
        scores.append(score)
    return scores


# Configs and artifacts


def test_every_config_of_a_local_map_task_is_an_experiment(laptop: CometServer) -> None:
    pyflyte_run(EXAMPLES / "configs.py", "compare", {"hidden": [8, 16]})
    models(laptop, hidden={8, 16})


@pytest.mark.slow
def test_every_node_of_a_map_task_has_its_config_and_its_name(laptop: CometServer, pod: Pod) -> None:
    path = EXAMPLES / "configs.py"
    source = f"{path.read_text()}\nmapped = compare.nodes[1].flyte_entity\n"
    # What the entrypoint reads are the inputs of all elements. The example's own class is in the pod's module alone.
    config = pytest.importorskip("pydantic").create_model("Config", hidden=(int, ...), optimizer=(dict, {"epochs": 2}))
    configs = [config(hidden=8), config(hidden=16)]
    nodes = []
    for index in range(2):
        name = f"{EXECUTION}-n1-0-n{index}-0"
        variables = {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_K8S_ARRAY_INDEX", "FLYTE_K8S_ARRAY_INDEX": str(index)}
        nodes.append(start_pod(pod, laptop, source, "mapped", {"config": configs}, generated_name=name, **variables))
    for node in nodes:
        succeeded(node)
    assert {experiment.name for experiment in models(laptop, hidden={8, 16})} == {
        f"train[0] {EXECUTION}",
        f"train[1] {EXECUTION}",
    }


def models(comet: CometServer, hidden: set[int]) -> list[Experiment]:
    """The experiments of some configs, each with its parameters, losses and result."""
    experiments = list(comet.experiments.values())
    assert {experiment.parameters["config.hidden"] for experiment in experiments} == hidden
    assert len(experiments) == len(hidden)
    for experiment in experiments:
        assert experiment.parameters["config.optimizer.learning_rate"] == 0.01
        assert len(experiment.metrics["loss"]) == experiment.parameters["config.optimizer.epochs"]
        ((_, accuracy),) = experiment.metrics["o0"]
        assert accuracy > 0.1
    return experiments


@pytest.mark.slow
def test_the_artifact_of_one_task_is_a_parameter_of_the_next(laptop: CometServer) -> None:
    pyflyte_run(EXAMPLES / "artifact.py", "versioned", {"noise": 0.1})
    prepared, trained = laptop.experiments.values()
    (artifact,) = laptop.artifacts
    assert (artifact.experiment_key, artifact.version, set(artifact.files)) == (prepared.key, "1.0.0", {"digits.npz"})
    assert trained.parameters["version"] == "1.0.0"
    assert trained.states[-1] == "ended"
    assert trained.metrics["accuracy"][0][1] > 0.8
    asked = [request.query for request in laptop.requests if "versionOrAlias" in request.query]
    assert [(query["consumerExperimentKey"], query["versionOrAlias"]) for query in asked] == [(trained.key, "1.0.0")]


@pytest.mark.slow
def test_an_artifact_that_was_logged_offline_is_made_by_the_upload(comet: CometServer) -> None:
    run = pyflyte_run(EXAMPLES / "artifact.py", "versioned", {"noise": 0.1})
    assert comet.experiments == {}
    assert run.status == 0
    account = {"COMET_API_KEY": CANARY, "COMET_URL_OVERRIDE": f"{comet.url}/clientlib/"}
    command = [sys.executable, "-m", "flytekitplugins.comet_ml", "upload", ".cometml-runs"]
    subprocess.run(command, check=True, env={**os.environ, **account})
    assert len(comet.experiments) == 2
    assert [(artifact.name, set(artifact.files)) for artifact in comet.artifacts] == [("noisy-digits", {"digits.npz"})]


# Resuming


@pytest.mark.slow
def test_the_resuming_example_runs_locally(laptop: CometServer) -> None:
    pyflyte_run(EXAMPLES / "resume.py", "digits", {"epochs": 20})
    experiment = laptop.only_experiment
    assert steps(experiment, "accuracy") == list(range(1, 21))
    assert experiment.states[-1] == "ended"


@pytest.mark.slow
def test_a_killed_attempt_is_resumed_in_the_same_experiment(laptop: CometServer, pod: Pod, tmp_path: Path) -> None:
    source, inputs = (EXAMPLES / "resume.py").read_text(), {"epochs": 60}
    # Where the control plane has the pod put its checkpoints.
    checkpoints = tmp_path / "pods" / "raw" / "i4" / f"{EXECUTION}-n0-0" / "_flytecheckpoints"

    first = start_pod(pod, laptop, source, "train", inputs)
    wait_for(lambda: any(path.stat().st_size for path in checkpoints.glob("*")), first)
    first.process.kill()
    assert first.wait().status == -signal.SIGKILL
    sent = steps(laptop.only_experiment, "accuracy")
    assert 10 <= len(sent) < 60

    retry = {"generated_name": f"{EXECUTION}-n0-1", "FLYTE_ATTEMPT_NUMBER": "1"}
    succeeded(start_pod(pod, laptop, source, "train", inputs, previous=checkpoints, **retry))
    experiment = laptop.only_experiment
    resumed = steps(experiment, "accuracy")[len(sent) :]
    assert resumed[0] in range(11, len(sent) + 2), "it starts after a checkpoint, not at the beginning"
    assert sorted({*sent, *resumed}) == list(range(1, 61))
    assert experiment.others["flyte_status"] == "finished"
    assert "crashed" not in experiment.states
    assert not experiment.alive


def wait_for(condition: Callable[[], bool], running: RunningPod, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert running.process.poll() is None, running.wait().log
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


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
