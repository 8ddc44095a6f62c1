"""The task, tracked by this plugin."""

import os

import comet_ml
from flytekit import Secret, map_task, task
from flytekitplugins.comet_ml import comet_ml_login
from timing import timed


@task
@timed
@comet_ml_login(
    project_name="digits",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("BENCHMARK_HOST", "https://www.comet.com"),
    online=os.environ.get("BENCHMARK_OFFLINE") is None,
)
def train(steps: int) -> float:
    """Pretend to train, with the experiment that is there."""
    experiment = comet_ml.get_running_experiment()
    loss = 0.0
    for step in range(steps):
        loss = 1 / (step + 1)
        experiment.log_metric("loss", loss, step=step)
    return loss


mapped = map_task(train)
