"""Distributed tasks: who tracks, and that the others send nothing."""

from __future__ import annotations

import itertools
import json
import os
from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml import InvalidOptionError, comet_ml_login
from flytekitplugins.comet_ml.keys.experiment_key import link_suffix, previous_attempt
from flytekitplugins.comet_ml.ranks import Rank, rank_of

from tests.support.comet_server import CometServer
from tests.support.pod import Pod
from tests.support.pod_environment import InPod
from tests.support.tracked import SECRET, track

KEY = "ahq8bl2jkbsf7wxd4mznn00" + link_suffix("digits", "my-team")


def tensorflow(kind: str, index: int, **cluster: int) -> dict[str, str]:
    addresses = {name: [f"{name}-{number}:2222" for number in range(size)] for name, size in cluster.items()}
    return {"TF_CONFIG": json.dumps({"cluster": addresses, "task": {"type": kind, "index": index}})}


@pytest.mark.parametrize(
    ("environment", "rank"),
    [
        ({}, None),
        ({"RANK": "0", "WORLD_SIZE": "1"}, None),
        ({"RANK": "0", "WORLD_SIZE": "2"}, Rank("0", True)),
        ({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "0"}, Rank("3", False)),
        ({"RANK": "1"}, None),
        ({"RANK": "one", "WORLD_SIZE": "2"}, None),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, Rank("1", False)),
        ({"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}, Rank("0", True)),
        (tensorflow("worker", 0, worker=2), Rank("worker-0", True)),
        (tensorflow("worker", 1, worker=2), Rank("worker-1", False)),
        (tensorflow("worker", 0, worker=1), None),
        (tensorflow("chief", 0, chief=1, worker=1), Rank("chief-0", True)),
        (tensorflow("worker", 0, chief=1, worker=1), Rank("worker-0", False)),
        (tensorflow("ps", 0, worker=1, ps=1), Rank("ps-0", False)),
        ({"TF_CONFIG": "nonsense"}, None),
        ({"TF_CONFIG": "[]"}, None),
    ],
)
def test_the_rank_is_what_the_environment_says(environment: dict[str, str], rank: Rank | None) -> None:
    assert rank_of(environment) == rank


def test_an_unknown_policy_is_refused_at_decoration() -> None:
    with pytest.raises(InvalidOptionError, match="`ranks` must be 'primary' or 'all', not 'some'"):
        comet_ml_login(project_name="p", workspace="w", secret=SECRET, ranks="some")  # type: ignore[arg-type]


OPENINGS: dict[str, Any] = {
    "get_running_experiment": lambda: comet_ml.get_running_experiment(),
    "start": lambda: comet_ml.start(),
    "start with arguments": lambda: comet_ml.start(
        api_key="k", workspace="other", experiment_key="f" * 32, experiment_config=comet_ml.ExperimentConfig(tags=["a"])
    ),
    "start online": lambda: comet_ml.start(online=True, mode="create"),
    "Experiment": lambda: comet_ml.Experiment(),
    "Experiment with arguments": lambda: comet_ml.Experiment(
        "k", "project", "workspace", experiment_key="f" * 32, disabled=False
    ),
    "ExistingExperiment": lambda: comet_ml.ExistingExperiment(previous_experiment="f" * 32),
    "ExistingExperiment without a key": lambda: comet_ml.ExistingExperiment(),
}


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS.keys())
def test_a_rank_that_is_not_primary_is_silent_whatever_it_opens(
    comet: CometServer, in_pod: InPod, opening: Any
) -> None:
    @comet_ml_login(
        project_name="digits",
        workspace="my-team",
        secret=lambda: pytest.fail("the secret was read"),
        host=comet.url,
    )
    def train() -> int:
        experiment = opening()
        assert not experiment.alive
        experiment.log_metric("m", 1, step=1)
        experiment.log_parameters({"a": 1})
        experiment.log_others({"a": 1})
        experiment.set_name("x")
        experiment.add_tag("t")
        experiment.log_text("text")
        experiment.end()
        return 7

    with in_pod(RANK="1", WORLD_SIZE="2"):
        before = dict(os.environ)
        assert train() == 7
        assert dict(os.environ) == before
    assert comet.requests == []


def test_without_start_a_rank_that_is_not_primary_starts_nothing_either(comet: CometServer, in_pod: InPod) -> None:
    @track(host=comet.url, start=False)
    def train() -> None:
        assert comet_ml.get_running_experiment() is None
        comet_ml.start(experiment_key="f" * 32).log_metric("m", 1)
        comet_ml.Experiment(experiment_key="f" * 32).log_metric("m", 1)

    with in_pod(RANK="1", WORLD_SIZE="2"):
        train()
    assert comet.requests == []


def test_the_primary_rank_tracks(comet: CometServer, in_pod: InPod) -> None:
    @track(host=comet.url)
    def train() -> None:
        comet_ml.get_running_experiment().log_metric("m", 1)

    with in_pod(RANK="0", WORLD_SIZE="2"):
        train()
    assert comet.experiments[KEY].metrics["m"] == [(None, 1)]


def test_with_all_ranks_the_others_join_and_report_no_state(comet: CometServer, in_pod: InPod) -> None:
    @track(host=comet.url, ranks="all")
    def train(epochs: int) -> None:
        experiment = comet_ml.start()
        experiment.log_metric(f"m{os.environ['RANK']}", 1)
        assert experiment.distributed_node_identifier == f"rank-{os.environ['RANK']}"

    with in_pod(RANK="0", WORLD_SIZE="2"):
        train(epochs=1)
    states = len(comet.experiments[KEY].states)
    with in_pod(RANK="1", WORLD_SIZE="2"):
        train(epochs=2)
    experiment = comet.only_experiment
    assert {"m0", "m1"} <= set(experiment.metrics)
    assert experiment.parameters["epochs"] == 1
    assert "ended" not in experiment.states[states:]


def ranks_of_one_task(comet: CometServer) -> Any:
    @track(host=comet.url, ranks="all")
    def train(fails: bool) -> None:
        if fails:
            raise ValueError("rank 1 has no luck")

    return train


def test_the_experiment_has_its_name_and_its_others_whichever_rank_comes_first(
    comet: CometServer, in_pod: InPod
) -> None:
    for rank in ("1", "0"):
        with in_pod(RANK=rank, WORLD_SIZE="2"):
            ranks_of_one_task(comet)(fails=False)
    experiment = comet.only_experiment
    assert experiment.name == "train ahq8bl2jkbsf7wxd4mzn"
    assert experiment.others["flyte_task"] == "my_pkg.workflows.train"
    assert experiment.parameters["fails"] is False
    assert experiment.others["flyte_status"] == "finished"


@pytest.mark.parametrize("restarted", [False, True])
def test_a_primary_rank_that_succeeds_does_not_hide_that_another_one_has_failed(
    comet: CometServer, in_pod: InPod, restarted: bool
) -> None:
    train = ranks_of_one_task(comet)
    with in_pod(RANK="1", WORLD_SIZE="2", TORCHELASTIC_RESTART_COUNT="0"), pytest.raises(ValueError, match="no luck"):
        train(fails=True)
    with in_pod(RANK="2", WORLD_SIZE="3", TORCHELASTIC_RESTART_COUNT="0"):
        train(fails=False)
    with in_pod(RANK="0", WORLD_SIZE="2", TORCHELASTIC_RESTART_COUNT="1" if restarted else "0"):
        train(fails=False)
    experiment = comet.only_experiment
    assert experiment.states[-1] == ("finished" if restarted else "crashed")
    assert experiment.others["flyte_status"] == ("finished" if restarted else "failed")
    # It says of which rank and run.
    assert experiment.others["flyte_error_message"] == "rank 1 has no luck"
    assert experiment.others["flyte_failed_rank"].startswith("1 ")


ELASTIC = """
import os
from flytekit import Secret, task, workflow
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.kfpytorch import Elastic
import comet_ml

@task(task_config=Elastic(nnodes=1, nproc_per_node=2, start_method="{start_method}"))
@comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"), ranks="{ranks}",
)
def train(epochs: int) -> int:
    import torch
    import torch.distributed
    torch.distributed.init_process_group("gloo")
    total = torch.ones(1)
    torch.distributed.all_reduce(total)
    rank = torch.distributed.get_rank()
    experiment = comet_ml.get_running_experiment()
    for step in range(epochs):
        experiment.log_metric(f"rank{{rank}}", float(total), step=step)
    torch.distributed.destroy_process_group()
    return rank

if __name__ == "__main__":
    print("RESULT", train(epochs=3))
"""


def ways(*values: list[str], quick: list[tuple[str, ...]]) -> list[Any]:
    """All combinations of values. Those that are not quick to run, or like one that is there, are slow."""
    ways = list(itertools.product(*values))
    assert set(quick) < set(ways)
    return [pytest.param(*way, marks=[pytest.mark.slow] * (way not in quick), id="-".join(way)) for way in ways]


@pytest.mark.newest
@pytest.mark.parametrize(
    ("start_method", "ranks", "where"),
    ways(
        ["spawn", "fork"],
        ["primary", "all"],
        ["pod", "local"],
        quick=[("fork", "all", "pod")],
    ),
)
@pytest.mark.slow
def test_a_torch_elastic_task_with_two_ranks(
    comet: CometServer, pod: Pod, start_method: str, ranks: str, where: str
) -> None:
    pytest.importorskip("flytekitplugins.kfpytorch")
    pytest.importorskip("torch")
    source = ELASTIC.format(start_method=start_method, ranks=ranks)
    if where == "pod":
        run = pod.run(source, "train", inputs={"epochs": 3})
        assert (run.error, run.output()) == ("", 0)
        assert list(comet.experiments) == [KEY]
    else:
        assert "RESULT 0" in pod.script(source).log
    experiment = comet.only_experiment
    assert experiment.metrics["rank0"] == [(step, 2.0) for step in range(3)]
    assert len(experiment.metrics.get("rank1", [])) == (3 if ranks == "all" else 0)


FAILING = """
import os
import time
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.kfpytorch import Elastic
import comet_ml

@task(task_config=Elastic(nnodes=1, nproc_per_node=2, start_method="{start_method}", monitor_interval=1))
@comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"), ranks="{ranks}",
)
def train() -> int:
    rank = int(os.environ["RANK"])
    for step in range(100):
        comet_ml.get_running_experiment().log_metric(f"rank{{rank}}", step, step=step)
    if rank == 1:
        while not os.path.exists("rank 0 is there"):
            time.sleep(0.05)
        raise ValueError("rank 1 has no luck")
    open("rank 0 is there", "w").close()
    time.sleep(60)
    return rank
"""


@pytest.mark.by_default("fork-primary")
@pytest.mark.newest
@pytest.mark.parametrize(
    ("start_method", "ranks"),
    ways(["spawn", "fork"], ["primary", "all"], quick=[("fork", "primary"), ("fork", "all")]),
)
def test_a_torch_elastic_task_of_which_another_rank_raises_is_shown_as_crashed(
    comet: CometServer, pod: Pod, start_method: str, ranks: str
) -> None:
    pytest.importorskip("flytekitplugins.kfpytorch")
    pytest.importorskip("torch")
    run = pod.run(FAILING.format(start_method=start_method, ranks=ranks), "train")
    assert "rank 1 has no luck" in run.error
    experiment = comet.only_experiment
    assert experiment.states[-1] == "crashed"
    assert "finished" not in experiment.states
    # Of a primary rank that is alone in Comet nobody but SIGTERM tells it.
    assert experiment.others["flyte_status"] == ("failed" if ranks == "all" else "terminated")
    assert experiment.others.get("flyte_error_message") == ("rank 1 has no luck" if ranks == "all" else None)
    assert len(experiment.metrics["rank0"]) == 100
    assert len(experiment.metrics.get("rank1", [])) == (100 if ranks == "all" else 0)


@pytest.mark.parametrize(
    ("name", "attempt", "previous"),
    [
        ("exec-n0-0", "0", None),
        ("exec-n0-1", "1", "exec-n0-0"),
        ("exec-n0-0-dn1-10", "10", "exec-n0-0-dn1-9"),
        ("exec-n0-0/3/1", "0", "exec-n0-0/3/0"),
        ("exec-n0-1/3/0", "1", None),
        ("fic64lyy", "1", None),
        ("exec", "1", None),
        ("", "", None),
    ],
)
def test_the_attempt_before(name: str, attempt: str, previous: str | None) -> None:
    assert previous_attempt(name, attempt) == previous


def test_a_retried_attempt_names_the_experiment_of_the_earlier_one(comet: CometServer, in_pod: InPod) -> None:
    @track(host=comet.url)
    def train() -> None: ...

    with in_pod("ahq8bl2jkbsf7wxd4mzn-n0-1", FLYTE_ATTEMPT_NUMBER="1"):
        train()
    assert comet.only_experiment.others["flyte_previous_experiment"] == KEY
