"""Other people's decorators, and the orders in which they are stacked with ours."""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.comet_ml.keys.experiment_key import link_suffix

from tests.support.pod import template_of
from tests.support.tracked import SECRET

WANDB_SECRET = Secret(group="wandb", key="wandb-api-key")
COMET = "comet-ml-execution-id"
KEY = "ahq8bl2jkbsf7wxd4mznn00" + link_suffix("digits", "my-team")
SWITCH = "_F_E_VS"

track = comet_ml_login(project_name="digits", workspace="my-team", secret=SECRET)
LINK = track.get_extra_config()

plain_calls: list[str] = []


def plain(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        plain_calls.append(function.__name__)
        return function(*args, **kwargs)

    return wrapper


def vscode() -> Any:
    return importlib.import_module("flytekit.interactive").vscode(port=8081)


def wandb_init(**arguments: Any) -> Any:
    plugin = pytest.importorskip("flytekitplugins.wandb")
    # wandb keeps the first WANDB_DIR that it sees in a process.
    given = {"secret": WANDB_SECRET, "dir": os.getcwd(), **arguments}
    return plugin.wandb_init(project="digits", entity="my-team", **given)


def memray_profiling() -> Any:
    return pytest.importorskip("flytekitplugins.memray").memray_profiling()


def wandb_ran(where: Path, in_body: dict[str, Any]) -> bool:
    return in_body["wandb"] and any((where / "wandb").glob("offline-run-*"))


@dataclass(frozen=True)
class Partner:
    """Another decorator.

    Attributes:
        name: Its name.
        decorator: Makes it.
        config: What it adds to the template's config beside ours.
        link_type: Its type of link, if it has one.
        acted: Whether it did its work: from the working directory, and what the body saw.
    """

    name: str
    decorator: Callable[[], Any]
    acted: Callable[[Path, dict[str, Any]], bool]
    config: dict[str, str] = field(default_factory=dict)
    link_type: str = ""


MEMRAY = "memray_profiling"
PARTNERS = [
    # In a local run, vscode just calls the task.
    Partner("vscode", vscode, lambda where, in_body: True, {"port": "8081"}, "vscode"),
    Partner(
        "wandb_init", wandb_init, wandb_ran, {"project": "digits", "entity": "my-team"}, link_type="wandb-execution-id"
    ),
    Partner(MEMRAY, memray_profiling, lambda where, in_body: False),
    Partner("functools.wraps", lambda: plain, lambda where, in_body: plain_calls == ["body"]),
]
ORDERS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "partner over ours": lambda partner, ours, body: task(partner(ours(body))),
    "ours over the partner": lambda partner, ours, body: task(ours(partner(body))),
    "ours over @task": lambda partner, ours, body: ours(task(partner(body))),
}
by_partner = pytest.mark.parametrize("partner", PARTNERS, ids=[partner.name for partner in PARTNERS])
# memray's hooks into the threads of a process can crash one that has had hundreds: tests/pod/test_stacks.py gives it
# one of its own.
in_this_process = pytest.mark.parametrize(
    "partner", [p for p in PARTNERS if p.name != MEMRAY], ids=[p.name for p in PARTNERS if p.name != MEMRAY]
)
by_order = pytest.mark.parametrize("stack", ORDERS.values(), ids=ORDERS.keys())


def config_of(entity: Any) -> dict[str, str]:
    return dict(template_of(entity).config)


def secrets_of(entity: Any) -> list[tuple[str | None, str | None]]:
    context = template_of(entity).security_context
    return [(secret.group, secret.key) for secret in (context.secrets or [])] if context else []
