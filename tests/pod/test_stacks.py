"""Stacks of decorators in processes of their own: with memray's, and by the real entrypoint."""

from __future__ import annotations

import pytest

from tests.support.comet_server import CometServer
from tests.support.pod import Pod
from tests.support.stacks import KEY

# flytekit 1.12 has vscode in a plugin of its own.
pytestmark = pytest.mark.newest

PROFILED = """
import comet_ml
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.memray import memray_profiling

track = comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key")
)
partner = memray_profiling()

{decorators}
def body(epochs: int) -> int:
    comet_ml.get_running_experiment().log_metric("m", epochs)
    return epochs + 1

if __name__ == "__main__":
    assert body(epochs=3) == 4
"""


@pytest.mark.by_default("partner over ours")
@pytest.mark.parametrize(
    "decorators",
    ["@task\n@partner\n@track", "@task\n@track\n@partner", "@track\n@task\n@partner"],
    ids=["partner over ours", "ours over the partner", "ours over @task"],
)
def test_memray_and_ours_both_act_in_a_local_run(laptop: CometServer, pod: Pod, decorators: str) -> None:
    pytest.importorskip("flytekitplugins.memray")
    run = pod.script(PROFILED.format(decorators=decorators))
    assert run.status == 0
    assert laptop.only_experiment.metrics["m"] == [(None, 3)]
    assert laptop.only_experiment.parameters["epochs"] == 3
    assert not laptop.only_experiment.alive
    assert any((run.directory / "work").glob("memray_bin/body.*.bin"))


STACKED = """
import functools
import os
from flytekit import Secret, task
from flytekit.interactive import vscode
from flytekitplugins.comet_ml import comet_ml_login
import comet_ml

def plain(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) + 1
    return wrapper

ours = comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"),
)
editor = vscode(enable=False)

{decorators}
def train(epochs: int) -> int:
    comet_ml.get_running_experiment().log_metric("m", epochs)
    return epochs
"""


@pytest.mark.by_default("on top")
@pytest.mark.parametrize(
    "decorators",
    ["@task\n@editor\n@plain\n@ours", "@task\n@ours\n@editor\n@plain", "@ours\n@task\n@editor\n@plain"],
    ids=["at the bottom", "on top", "over @task"],
)
def test_a_stack_is_tracked_by_the_real_entrypoint(comet: CometServer, pod: Pod, decorators: str) -> None:
    run = pod.run(STACKED.format(decorators=decorators), "train", inputs={"epochs": 3})
    assert (run.error, run.output()) == ("", 4)
    assert comet.experiments[KEY].metrics["m"] == [(None, 3)]
