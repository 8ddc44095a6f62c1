"""SIGTERM in a local run whose task runs in a thread of Flyte's, where Python lets nobody watch for signals."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.comet_server import CometServer
from tests.support.signalled import script

STEPS = 50
TASKS = """
    import asyncio
    import comet_ml
    from flytekit import eager, task
    from flytekitplugins.comet_ml import comet_ml_login

    track = comet_ml_login(project_name="digits", workspace="my-team", secret=lambda: "unused", end_timeout=10)

    async def log():
        for step in range({steps}):
            comet_ml.get_running_experiment().log_metric("loss", step, step=step)
        ready()
        await asyncio.sleep(60)

    @task
    @track
    async def train() -> float:
        await log()
        return 0.5

    @eager
    async def around() -> float:
        return await train()

    @eager
    @track
    async def itself() -> float:
        await log()
        return 0.5

    asyncio.run({run}())
"""


@pytest.mark.newest
@pytest.mark.parametrize("run", ["around", "itself"], ids=["an async task in an eager one", "an eager one"])
def test_everything_that_was_logged_arrives_and_comet_shows_a_terminated_task(
    laptop: CometServer, tmp_path: Path, run: str
) -> None:
    status, output, _ = script(tmp_path, TASKS.format(steps=STEPS, run=run))
    assert status == -signal.SIGTERM, output
    experiment = laptop.only_experiment
    assert len(experiment.metrics["loss"]) == STEPS
    assert experiment.others["flyte_status"] == "terminated"
    assert experiment.states[-1] == "crashed"
