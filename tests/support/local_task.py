"""A task and a workflow of a local run, which must not read the secret of pods."""

from __future__ import annotations

from dataclasses import dataclass

import comet_ml
from flytekit import Secret, task, workflow
from flytekitplugins.comet_ml import comet_ml_login

KEY = "0123456789abcdef0123456789abcdef"
NEVER = Secret(group="never", key="read")
track = comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER)


@dataclass
class Config:
    lr: float = 0.1


@task
@track
def train(epochs: int, config: Config) -> float:
    experiment = comet_ml.get_running_experiment()
    for epoch in range(epochs):
        experiment.log_metric("loss", 1 / (epoch + 1), step=epoch)
    return 0.5


@workflow
def pipeline(epochs: int = 2) -> float:
    return train(epochs=epochs, config=Config())
