"""Actions of Flyte 2 in one process: local runs, and actions of a reusable container."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import comet_ml
import flyte
import flyte.report
import pytest
from flytekitplugins.comet_ml.keys.action_key import derive_action_key

from tests.support.action import CHILD, DOMAIN, PROJECT, RUN_NAME
from tests.support.action_in_process import run_action
from tests.support.action_login import COMET, SECRET, login
from tests.support.comet_http import Request
from tests.support.comet_records import Experiment
from tests.support.comet_server import CometServer


def log_loss(name: str) -> None:
    experiment = comet_ml.get_running_experiment()
    assert experiment is not None
    experiment.log_other("body", name)
    experiment.log_metric("loss", 0.5, step=1)


def run_locally(task: Any, **inputs: Any) -> Any:
    return flyte.with_runcontext(mode="local").run(task, **inputs)


def by_body(comet: CometServer) -> dict[str, Experiment]:
    return {str(experiment.others.get("body")): experiment for experiment in comet.experiments.values()}


# Local runs


def test_local_actions_of_one_run_have_experiments_of_their_own(laptop: CometServer) -> None:
    env = flyte.TaskEnvironment("local")

    @login()
    @env.task
    async def child(number: int) -> int:
        log_loss(f"child {number}")
        return number

    @login()
    @env.task
    async def parent(number: int) -> int:
        log_loss("before")
        results = await asyncio.gather(child(number), child(number + 1))
        log_loss("parent")
        return sum(results)

    assert run_locally(parent, number=1).outputs()[0] == 3
    experiments = by_body(laptop)
    assert set(experiments) == {"parent", "child 1", "child 2"}
    assert {experiment.states[-1] for experiment in experiments.values()} == {"ended"}
    assert len({experiment.others["flyte_run"] for experiment in experiments.values()}) == 1
    assert len({experiment.others["flyte_action"] for experiment in experiments.values()}) == 3


def test_a_local_sync_task_and_its_map_are_tracked(laptop: CometServer) -> None:
    env = flyte.TaskEnvironment("map")

    @login()
    @env.task
    def one(number: int) -> int:
        log_loss(f"one {number}")
        return number

    @env.task
    def every(count: int) -> int:
        return sum(flyte.map(one, range(count)))

    assert run_locally(every, count=3).outputs()[0] == 3
    assert set(by_body(laptop)) == {"one 0", "one 1", "one 2"}


def test_a_traced_step_logs_to_the_task_s_experiment(laptop: CometServer) -> None:
    env = flyte.TaskEnvironment("trace")

    @flyte.trace
    async def step(number: int) -> int:
        log_loss("step")
        return number

    @login()
    @env.task
    async def task(number: int) -> int:
        return await step(number)

    assert run_locally(task, number=1).outputs()[0] == 1
    assert set(by_body(laptop)) == {"step"}


def test_a_task_that_is_called_as_a_function_is_tracked(laptop: CometServer) -> None:
    env = flyte.TaskEnvironment("call")

    @login()
    @env.task
    def task(number: int) -> int:
        log_loss("called")
        return number

    assert task(1) == 1
    assert by_body(laptop)["called"].states == ["alive", "ended"]


def test_a_local_task_that_raises_is_shown_as_crashed(laptop: CometServer) -> None:
    env = flyte.TaskEnvironment("fail")

    @login()
    @env.task
    async def task(number: int) -> int:
        raise ValueError("no luck")

    with pytest.raises(Exception, match="no luck"):
        run_locally(task, number=1)
    assert laptop.only_experiment.others["flyte_error_message"] == "no luck"


# Several actions in one process


def test_every_action_of_a_reusable_container_has_its_own_key(cluster: CometServer, tmp_path: Path) -> None:
    env = flyte.TaskEnvironment("reusable", reusable=flyte.ReusePolicy(replicas=2, concurrency=5), secrets=[SECRET])

    @login()
    @env.task
    async def task(number: int) -> int:
        log_loss(str(number))
        await asyncio.sleep(0.2)
        log_loss(str(number))
        return number

    async def both() -> None:
        names = [f"{CHILD[:-1]}{number}" for number in range(3)]
        await asyncio.gather(
            *(run_action(task, tmp_path, action=name, attempt=i, number=i) for i, name in enumerate(names))
        )

    asyncio.run(both())
    for number, experiment in by_body(cluster).items():
        names = {"run": RUN_NAME, "action": f"{CHILD[:-1]}{number}", "attempt": number}
        assert experiment.key == derive_action_key(
            "attempt", flyte_project=PROJECT, flyte_domain=DOMAIN, **names, **COMET
        )
        assert experiment.others["flyte_attempt"] == number
        assert experiment.states == ["alive", "ended"]
        assert len(experiment.metrics["loss"]) == 2
    assert len(cluster.experiments) == 3


def test_the_event_loop_is_not_held(cluster: CometServer, tmp_path: Path) -> None:
    env = flyte.TaskEnvironment("loop")

    @login()
    @env.task
    async def task(number: int) -> int:
        log_loss(str(number))
        return number

    ticks, held = 0, []

    def wait_for_the_loop(request: Request) -> None:
        due, deadline = ticks + 3, time.monotonic() + 20
        while ticks < due:
            if time.monotonic() > deadline:
                held.append(request.path)
                return
            time.sleep(0.01)

    async def watched() -> None:
        nonlocal ticks
        running = [
            asyncio.ensure_future(run_action(task, tmp_path, action=f"{CHILD[:-1]}{number}", number=number))
            for number in range(3)
        ]
        while not all(action.done() for action in running):
            await asyncio.sleep(0.01)
            ticks += 1
        # What is sent after the loop has ended waits for nobody.
        ticks += 1_000_000
        await asyncio.gather(*running)

    cluster.faults.append(wait_for_the_loop)
    asyncio.run(watched())
    assert len(cluster.experiments) == 3
    assert held == []


def test_a_cancelled_action_is_shown_as_terminated(cluster: CometServer, tmp_path: Path) -> None:
    env = flyte.TaskEnvironment("cancel")
    started = asyncio.Event()

    @login()
    @env.task
    async def task(number: int) -> int:
        log_loss("cancelled")
        started.set()
        await asyncio.sleep(60)
        return number

    async def cancelled() -> None:
        action = asyncio.ensure_future(run_action(task, tmp_path, number=1))
        await started.wait()
        action.cancel()
        with pytest.raises(asyncio.CancelledError):
            await action

    asyncio.run(cancelled())
    assert cluster.only_experiment.others["flyte_status"] == "terminated"


def test_a_process_of_flyte_2_loads_neither_flytekit_nor_the_sdk() -> None:
    code = (
        "import flyte, sys; from flytekitplugins.comet_ml import comet_ml_login; env = flyte.TaskEnvironment('lazy');"
        "comet_ml_login(project_name='a', workspace='b', secret=flyte.Secret('c'))(env.task(lambda: None));"
        "print([name for name in ('flytekit', 'comet_ml') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr
