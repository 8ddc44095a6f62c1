"""The task with the existing plugin, which logs in and leaves the rest to the task."""

import comet_ml
from flytekit import Secret, map_task, task
from flytekitplugins.comet_ml import comet_ml_login
from timing import timed


@task(secret_requests=[Secret(group="comet-ml", key="comet-ml-api-key")])
@timed
@comet_ml_login(
    project_name="digits",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
)
def train(steps: int) -> float:
    """Pretend to train, with an experiment of its own."""
    experiment = comet_ml.start()
    loss = 0.0
    for step in range(steps):
        loss = 1 / (step + 1)
        experiment.log_metric("loss", loss, step=step)
    experiment.end()
    return loss


mapped = map_task(train)
