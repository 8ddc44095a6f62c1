"""Distributed tasks of Flyte 2: clustered ones, each rank an `a0`, and workers that get the pickled function."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.action import CHILD, DOMAIN, PROJECT, RUN_NAME, Actions, links_of
from tests.support.comet_records import Experiment
from tests.support.comet_server import CometServer

MODULE = """
import os
import pathlib
import time

import comet_ml
import flyte
from flytekitplugins.comet_ml import comet_ml_login

env = flyte.TaskEnvironment("ranks")

def login(ranks):
    return comet_ml_login(
        project_name="digits",
        workspace="my-team",
        secret=flyte.Secret("comet-api-key", as_env_var="COMET_API_KEY_SECRET"),
        ranks=ranks,
    )

def meet():
    # As those of a real task do when they make their process group.
    room = pathlib.Path(os.environ["ROOM"])
    (room / os.environ["RANK"]).touch()
    while len(list(room.iterdir())) < 2:
        time.sleep(0.05)

def body(fails):
    rank = os.environ["RANK"]
    meet()
    experiment = comet_ml.get_running_experiment()
    if experiment is not None:
        experiment.log_metric(f"loss_{rank}", 0.5)
    if rank == fails:
        raise ValueError(f"rank {rank} has no luck")
    return 0.5

@login("primary")
@env.task(report=True)
def primary(fails: str = "") -> float:
    return body(fails)

@login("all")
@env.task(report=True)
def everyone(fails: str = "") -> float:
    return body(fails)
"""
# What `launcher_entrypoint` of Flyte's plugin for torch does with them in each of the processes that it spawns.
WORKER = """
import pickle, sys
import cloudpickle, flyte
from flyte._context import internal_ctx
with open(sys.argv[1], "rb") as file:
    context, function = pickle.load(file), file.read()
function = cloudpickle.loads(function)
with internal_ctx().replace_task_context(context):
    function(fails="")
"""


def rank(number: int, **more: str) -> dict[str, str]:
    return {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": "2", "MASTER_ADDR": "host", **more}


def losses(experiment: Experiment) -> set[str]:
    return {name for name in experiment.metrics if name.startswith("loss")}


def run_ranks(actions: Actions, task: str, *, fails: str = "", **more: str) -> str:
    """Run the two ranks of a clustered task, and return the address of its link."""
    module = actions.module(MODULE)
    more["ROOM"] = tempfile.mkdtemp(dir=actions.directory)
    running = [
        actions.start(
            module,
            task,
            action=CHILD,
            inputs={"fails": fails},
            environment=rank(number, FLYTE_CLUSTERED_WORKER="1", **more),
        )
        for number in range(2)
    ]
    runs = [each.wait() for each in running]
    assert [run.status for run in runs] == [int(str(number) == fails) for number in range(2)], runs[0].log
    return links_of(runs[0].wire, action=CHILD)[0]


def test_rank_0_of_a_clustered_task_tracks(actions: Actions, comet: CometServer) -> None:
    link = run_ranks(actions, "primary")
    experiment = comet.only_experiment
    assert link.endswith(experiment.key)
    assert losses(experiment) == {"loss_0"}


def test_all_ranks_of_a_clustered_task_log_to_one_experiment(actions: Actions, comet: CometServer) -> None:
    link = run_ranks(actions, "everyone")
    experiment = comet.only_experiment
    assert link.endswith(experiment.key)
    assert losses(experiment) == {"loss_0", "loss_1"}


def test_a_rank_that_fails_is_named(actions: Actions, comet: CometServer) -> None:
    run_ranks(actions, "everyone", fails="1")
    experiment = comet.only_experiment
    assert experiment.others["flyte_error_message"] == "rank 1 has no luck"
    assert str(experiment.others["flyte_failed_rank"]).startswith("1 (run ")
    assert experiment.states[-1] == "crashed"


def test_a_restart_of_the_pods_goes_on_with_the_experiment(actions: Actions, comet: CometServer) -> None:
    run_ranks(actions, "everyone", fails="1", JOBSET_RESTART_ATTEMPT="0")
    run_ranks(actions, "everyone", JOBSET_RESTART_ATTEMPT="1")
    experiment = comet.only_experiment
    assert experiment.others["flyte_status"] == "finished"
    assert experiment.states[-1] == "finished", experiment.states


@pytest.mark.parametrize("task", ["primary", "everyone"])
def test_a_spawned_worker_that_gets_the_function_is_tracked(
    actions: Actions, comet: CometServer, tmp_path: Path, task: str
) -> None:
    # The function is pickled by value, as that of a notebook or of a pickled bundle is.
    pickling = f"""
import pickle, sys, types
import cloudpickle, flyte.report
from flyte.models import ActionID, RawDataPath, TaskContext
module = types.ModuleType("notebook")
sys.modules["notebook"] = module
exec(compile({MODULE!r}, "notebook.py", "exec"), vars(module))
cloudpickle.register_pickle_by_value(module)
context = TaskContext(
    action=ActionID(name={CHILD!r}, run_name={RUN_NAME!r}, project={PROJECT!r}, domain={DOMAIN!r}, org="local"),
    version="v1",
    raw_data_path=RawDataPath(path={str(tmp_path)!r} + "/raw"),
    output_path={str(tmp_path)!r} + "/{CHILD}/1",
    run_base_dir={str(tmp_path)!r},
    report=flyte.report.Report("report"),
)
with open(sys.argv[1], "wb") as file:
    pickle.dump(context, file)
    file.write(cloudpickle.dumps(module.{task}.func))
"""
    # A blob store has no directories; the local disk has.
    (tmp_path / CHILD / "1").mkdir(parents=True)
    (room := tmp_path / "room").mkdir()
    pickled = tmp_path / "pickled"
    subprocess.run([sys.executable, "-c", pickling, str(pickled)], check=True, timeout=120)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(pickled)],
            env=actions.variables(RUN_NAME, CHILD, 0, rank(number, ROOM=str(room))),
            stdout=(tmp_path / f"log{number}").open("wb"),
            stderr=subprocess.STDOUT,
        )
        for number in range(2)
    ]
    assert [worker.wait(120) for worker in workers] == [0, 0], (tmp_path / "log0").read_text()
    experiment = comet.only_experiment
    assert losses(experiment) == ({"loss_0"} if task == "primary" else {"loss_0", "loss_1"})
    assert experiment.others["flyte_task"] == f"ranks.{task}"
    assert experiment.key in (tmp_path / CHILD / "1" / "report.html").read_text()
