"""The task with Comet's calls written by hand, with an experiment key that a link could be made from."""

import os

import comet_ml
from flytekit import Secret, current_context, map_task, task
from timing import timed

WITH_KEY = os.environ.get("BY_HAND_WITHOUT_KEY") is None
ONLINE = os.environ.get("BENCHMARK_OFFLINE") is None


@task(secret_requests=[Secret(group="comet-ml", key="comet-ml-api-key")])
@timed
def train(steps: int) -> float:
    """Pretend to train, with an experiment from login to end."""
    if ONLINE:
        comet_ml.login(api_key=current_context().secrets.get("comet-ml", "comet-ml-api-key"))
    experiment = comet_ml.start(
        workspace="my-team",
        project_name="digits",
        experiment_key=os.environ["BY_HAND_KEY"] if WITH_KEY else None,
        online=ONLINE,
    )
    loss = 0.0
    for step in range(steps):
        loss = 1 / (step + 1)
        experiment.log_metric("loss", loss, step=step)
    experiment.end()
    return loss


mapped = map_task(train)
