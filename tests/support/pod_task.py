"""A tracked function that logs a metric, for a process that is a pod."""

from __future__ import annotations

import os
from typing import Any

import comet_ml

from tests.support.comet_server import CometServer
from tests.support.tracked import track


def tracked(comet: CometServer, **options: Any) -> Any:
    """A function that logs a metric, tracked."""

    @track(**{"host": comet.url, **options})
    def train(epochs: int = 3) -> str:
        experiment = comet_ml.get_running_experiment()
        if experiment is not None:
            experiment.log_metric("loss", 0.5)
        return os.environ.get("COMET_API_KEY", "")

    return train
