"""A million experiment keys."""

from __future__ import annotations

import time

from flytekitplugins.comet_ml.keys.experiment_key import derive_experiment_key

from .report import table

NUMBER = 1_000_000


def measure() -> list[str]:
    """Keys of the pods of many executions, by both rules: plain nodes and nodes of map tasks."""
    names = [
        (f"a{execution:019d}", suffix)
        for execution in range(NUMBER // 100)
        for suffix in [f"n{node}-0" for node in range(50)] + [f"n0-0-n{index}-0" for index in range(50)]
    ]
    began = time.process_time()
    keys = [
        derive_experiment_key(
            flyte_project="flytesnacks",
            flyte_domain="development",
            execution=execution,
            generated_name=f"{execution}-{suffix}",
            workspace="my-team",
            project_name="digits",
        )
        for execution, suffix in names
    ]
    taken = time.process_time() - began
    return [
        "## Experiment keys",
        "",
        *table(
            ["derived", "distinct", "µs each"],
            [[f"{len(keys):,}", f"{len(set(keys)):,}", f"{taken / len(keys) * 1e6:.1f}"]],
        ),
    ]
