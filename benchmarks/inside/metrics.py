"""100,000 metrics in a loop, with the bare SDK or in a tracked function: prints what the loop took."""

from __future__ import annotations

import os
import sys
import time

import comet_ml
from flytekitplugins.comet_ml import comet_ml_login

METRICS = 100_000


def loop() -> None:
    """Log, and print how long it took: by the clock, and of the processor."""
    experiment = comet_ml.get_running_experiment()
    assert experiment is not None
    began, used = time.perf_counter(), time.process_time()
    for step in range(METRICS):
        experiment.log_metric("loss", 1 / (step + 1), step=step)
    print(f"SECONDS {time.perf_counter() - began}")
    print(f"PROCESSOR {time.process_time() - used}")


if sys.argv[1] == "bare":
    comet_ml.start(workspace="my-team", project_name="digits")
    loop()
    comet_ml.end()
else:
    comet_ml_login(project_name="digits", workspace="my-team", host=os.environ["BENCHMARK_HOST"], secret=lambda: "")(
        loop
    )()
