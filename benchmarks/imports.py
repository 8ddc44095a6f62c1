"""What an import of the plugin adds to one of flytekit."""

from __future__ import annotations

from pathlib import Path

from . import processes
from .environments import Environment
from .report import median, ratio, seconds, table

ROUNDS = 13


def measure(ours: Environment, existing: Environment, directory: Path) -> list[str]:
    """Processes that import one thing and end."""
    variants = {
        "`import flytekit`": (ours, "flytekit"),
        "`import flytekitplugins.comet_ml`": (ours, "flytekitplugins.comet_ml"),
        "`import flytekit`, then `import comet_ml`": (ours, "flytekit, comet_ml"),
        "existing plugin's environment: `import flytekit`": (existing, "flytekit"),
        "existing plugin: `import flytekitplugins.comet_ml`": (existing, "flytekitplugins.comet_ml"),
    }
    found = processes.interleaved(
        ROUNDS,
        {
            name: lambda environment=environment, module=module: processes.succeeded(
                processes.run(
                    [environment.python, "-c", f"import {module}"],
                    binaries=environment.binaries,
                    directory=directory / "imports",
                    environment={},
                )
            )
            for name, (environment, module) in variants.items()
        },
    )
    walls = {name: [run.seconds for run in runs] for name, runs in found.items()}
    cpus = {name: [run.cpu for run in runs] for name, runs in found.items()}
    base = {name: list(variants)[3 if "existing" in name else 0] for name in variants}
    rows = [
        [
            name,
            seconds(walls[name]),
            ratio(median(walls[name]), median(walls[base[name]])),
            ratio(min(walls[name]), min(walls[base[name]])),
            ratio(median(cpus[name]), median(cpus[base[name]])),
        ]
        for name in variants
    ]
    return [
        "## Import",
        "",
        "A process that imports it and ends. The plugin loads the Comet SDK when the first tracked task is called:",
        "`pyflyte register` of a module that does not import `comet_ml` itself does not pay for it.",
        "",
        *table(["process", "seconds", "ratio", "ratio of the least", "ratio of processor time"], rows),
    ]
