"""The task without Comet."""

from flytekit import map_task, task
from timing import timed


@task
@timed
def train(steps: int) -> float:
    """Pretend to train."""
    loss = 0.0
    for step in range(steps):
        loss = 1 / (step + 1)
    return loss


mapped = map_task(train)
