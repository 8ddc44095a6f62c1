"""The plugin's own part of a tracked call."""

from __future__ import annotations

import json
from pathlib import Path

from . import processes
from .environments import Environment
from .report import median, table

ROUNDS = 5
SCRIPT = Path(__file__).parent / "inside" / "overhead.py"


def measure(ours: Environment, existing: Environment, directory: Path) -> list[str]:
    """Calls with the real SDK whose functions that talk to Comet return at once."""

    def calls(environment: Environment) -> list[float]:
        run = processes.run(
            [environment.python, str(SCRIPT)],
            binaries=environment.binaries,
            directory=directory / "calls",
            environment={
                "FLYTE_INTERNAL_EXECUTION_ID": "ahq8bl2jkbsf7wxd4mzn",
                "FLYTE_ATTEMPT_NUMBER": "0",
                "HOSTNAME": "ahq8bl2jkbsf7wxd4mzn-n0-0",
                "_FSEC_COMET-ML_API-KEY": "key",
            },
        )
        return list(json.loads(processes.succeeded(run).output.splitlines()[-1]))

    found = processes.interleaved(ROUNDS, {"ours": lambda: calls(ours), "existing": lambda: calls(existing)})
    ours_, theirs = ([median(values) for values in zip(*found[name], strict=True)] for name in ("ours", "existing"))
    return [
        "## A call, without Comet's own time",
        "",
        "In a pod's context, with the real SDK but for `login`, `start` and what the experiment does, which return at",
        "once. What is left is the plugin's (and the SDK's reading of its settings): who is running, the API key, the",
        "settings in their place and back, the inputs.",
        "",
        *table(
            ["", "ms of processor time a call"],
            [
                ["no plugin", f"{ours_[0]:.4f}"],
                ["by hand", f"{ours_[1]:.4f}"],
                ["this plugin", f"{ours_[2]:.2f}"],
                ["existing plugin (login only)", f"{theirs[2]:.2f}"],
            ],
        ),
    ]
