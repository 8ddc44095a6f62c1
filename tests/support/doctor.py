"""The command `doctor`, and modules that it is asked about."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result
from flytekitplugins.comet_ml.cli import main

HEADER = """
from typing import List
from flytekit import Secret, dynamic, map_task, task, workflow
from flytekitplugins.comet_ml import comet_ml_login

SECRET = Secret(group="comet-ml", key="comet-ml-api-key")
OPTIONS = dict(project_name="digits", workspace="my-team", secret=SECRET)
track = comet_ml_login(**OPTIONS)

"""

PLAIN = "@task\n@track\ndef train(n: int) -> int:\n    return n\n"

NODES = (
    PLAIN
    + """
@workflow
def part(n: int) -> int:
    return train(n=n)

@workflow
def pipeline(n: int) -> int:
    train(n=n).with_overrides(node_name="my-train")
    map_task(train)(n=[1, 2])
    part(n=n)
    return train(n=n)
"""
)


def options(text: str, name: str = "train") -> str:
    """A task whose decorator has further options."""
    return f"@task\n@comet_ml_login(**{{**OPTIONS, **dict({text})}})\ndef {name}(n: int) -> int:\n    return n\n"


def doctor(target: str) -> Result:
    return CliRunner().invoke(main, ["doctor", target])


def examined(source: str, target: str = "train") -> Result:
    """What it says of a module in the working directory."""
    Path("train.py").write_text(HEADER + source)
    return doctor(target)
