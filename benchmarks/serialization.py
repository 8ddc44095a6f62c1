"""What 500 decorated tasks add when they are loaded and serialized."""

from __future__ import annotations

import json
from pathlib import Path

from . import processes
from .environments import Environment
from .report import median, ratio, seconds, table

ROUNDS = 9
NUMBER = 500
SCRIPT = Path(__file__).parent / "inside" / "serialization.py"
SECRET = 'Secret(group="comet-ml", key="comet-ml-api-key")'
BODY = "def task_{number}(epochs: int, rate: float = 0.1) -> float:\n    return epochs * rate\n\n\n"
DECORATORS = {
    "bare": "@task\n",
    "with_secret": "@task(secret_requests=[secret])\n",
    "decorated": "@task\n@track\n",
}
PLUGIN = "from flytekitplugins.comet_ml import comet_ml_login\n"
TRACK = 'track = comet_ml_login(project_name="digits", workspace="my-team", secret=secret)\n'


def measure(ours: Environment, existing: Environment, directory: Path) -> list[str]:
    """The translator alone, and the command `pyflyte package`."""
    code = directory / "serialization"
    for name, decorators in DECORATORS.items():
        (code / name).mkdir(parents=True)
        head = f"from flytekit import Secret, task\n{PLUGIN if name == 'decorated' else ''}secret = {SECRET}\n"
        for module, tasks in ((f"first_{name}", 1), (name, NUMBER)):
            body = "".join(decorators + BODY.format(number=number) for number in range(tasks))
            (code / name / f"{module}.py").write_text(f"{head}{TRACK if name == 'decorated' else ''}\n\n{body}")
    variants = {
        "`@task`": (ours, "bare"),
        "`@task(secret_requests=[...])`": (ours, "with_secret"),
        "decorated, this plugin": (ours, "decorated"),
        "decorated, existing plugin": (existing, "decorated"),
    }

    def inside(environment: Environment, name: str) -> list[float]:
        run = processes.run(
            [environment.python, str(SCRIPT), name],
            binaries=environment.binaries,
            directory=code / name,
            environment={"PYTHONPATH": "."},
        )
        return list(json.loads(processes.succeeded(run).output.splitlines()[-1]))

    def packaged(environment: Environment, name: str) -> processes.Finished:
        command = ["pyflyte", "--pkgs", name, "package", "--image", "example.com/image:v1", "--source", ".", "--force"]
        return processes.succeeded(
            processes.run(command, binaries=environment.binaries, directory=code / name, environment={})
        )

    loops = processes.interleaved(
        ROUNDS, {name: lambda variant=variant: inside(*variant) for name, variant in variants.items()}
    )
    commands = processes.interleaved(
        5, {name: lambda variant=variant: packaged(*variant) for name, variant in variants.items()}
    )
    base = "`@task`"
    rows = [
        [
            name,
            f"{median([run[0] for run in loops[name]]) * 1000:.0f}",
            f"{median([run[1] for run in loops[name]]) * 1000:.0f}",
            ratio(median([sum(run) for run in loops[name]]), median([sum(run) for run in loops[base]])),
            seconds([run.seconds for run in commands[name]]),
            ratio(median([run.cpu for run in commands[name]]), median([run.cpu for run in commands[base]])),
        ]
        for name in variants
    ]
    return [
        f"## Serialization of {NUMBER} tasks",
        "",
        "Milliseconds of processor time for loading the module and for making the templates, in a process that has",
        "done both for another task; and what `pyflyte package` takes. The template of a decorated task has a secret",
        "request and six entries in its config, which that of a bare task has not.",
        "",
        *table(
            ["tasks", "load", "templates", "ratio of both", "`pyflyte package`, s", "its ratio of processor time"],
            rows,
        ),
    ]
