"""Stacks: other people's decorators above and below ours; both act, and the console has the links of both."""

from __future__ import annotations

import asyncio
import functools
import importlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekit import Secret, task, workflow
from flytekitplugins.comet_ml import UnsupportedFunctionError, comet_ml_login
from flytekitplugins.comet_ml.keys.experiment_key import link_suffix

from tests.support.comet_server import CometServer
from tests.support.pod import Pod, template_of
from tests.support.pod_environment import InPod
from tests.support.tracked import SECRET

# flytekit 1.12 has vscode in a plugin of its own.
pytestmark = pytest.mark.newest

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
# memray's hooks into the threads of a process can crash one that has had hundreds: it runs in one of its own, below.
in_this_process = pytest.mark.parametrize(
    "partner", [p for p in PARTNERS if p.name != MEMRAY], ids=[p.name for p in PARTNERS if p.name != MEMRAY]
)
by_order = pytest.mark.parametrize("stack", ORDERS.values(), ids=ORDERS.keys())


@pytest.fixture(autouse=True)
def _wandb_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "work"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.delenv(SWITCH, raising=False)
    plain_calls.clear()


@pytest.fixture
def in_body() -> dict[str, Any]:
    """What the body of the task saw."""
    return {}


@pytest.fixture
def body(in_body: dict[str, Any]) -> Any:
    """A task's function that notes which trackers are live."""

    def body(epochs: int) -> int:
        experiment = comet_ml.get_running_experiment()
        assert experiment is not None
        experiment.log_metric("m", epochs)
        in_body["comet"] = experiment.get_key()
        in_body["wandb"] = _wandb_run() is not None
        return epochs + 1

    return body


def _wandb_run() -> Any:
    try:
        return importlib.import_module("wandb").run
    except ImportError:
        return None


def config_of(entity: Any) -> dict[str, str]:
    return dict(template_of(entity).config)


def secrets_of(entity: Any) -> list[tuple[str | None, str | None]]:
    context = template_of(entity).security_context
    return [(secret.group, secret.key) for secret in (context.secrets or [])] if context else []


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "flytekitplugins.comet_ml" and record.levelno >= logging.WARNING
    ]


# At run time


@in_this_process
@by_order
def test_both_decorators_act_in_a_local_run(
    laptop: CometServer, tmp_path: Path, body: Any, in_body: dict[str, Any], partner: Partner, stack: Any
) -> None:
    train = stack(partner.decorator(), track, body)
    assert train(epochs=3) == 4
    experiment = laptop.only_experiment
    assert experiment.key == in_body["comet"]
    assert experiment.metrics["m"] == [(None, 3)]
    assert experiment.parameters["epochs"] == 3
    assert not experiment.alive
    assert partner.acted(tmp_path / "work", in_body)


@by_partner
@by_order
def test_neither_acts_while_a_workflow_compiles(
    laptop: CometServer, tmp_path: Path, body: Any, in_body: dict[str, Any], partner: Partner, stack: Any
) -> None:
    train = stack(partner.decorator(), track, body)

    @workflow
    def pipeline(epochs: int) -> int:
        return train(epochs=epochs)

    template_of(train)
    pipeline.compile()
    assert laptop.requests == []
    assert in_body == {}
    assert list((tmp_path / "work").iterdir()) == []


PROFILED = """
import comet_ml
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.memray import memray_profiling

track = comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key")
)
partner = memray_profiling()

{decorators}
def body(epochs: int) -> int:
    comet_ml.get_running_experiment().log_metric("m", epochs)
    return epochs + 1

if __name__ == "__main__":
    assert body(epochs=3) == 4
"""


@pytest.mark.by_default("partner over ours")
@pytest.mark.parametrize(
    "decorators",
    ["@task\n@partner\n@track", "@task\n@track\n@partner", "@track\n@task\n@partner"],
    ids=["partner over ours", "ours over the partner", "ours over @task"],
)
def test_memray_and_ours_both_act_in_a_local_run(laptop: CometServer, pod: Pod, decorators: str) -> None:
    pytest.importorskip("flytekitplugins.memray")
    run = pod.script(PROFILED.format(decorators=decorators))
    assert run.status == 0
    assert laptop.only_experiment.metrics["m"] == [(None, 3)]
    assert laptop.only_experiment.parameters["epochs"] == 3
    assert not laptop.only_experiment.alive
    assert any((run.directory / "work").glob("memray_bin/body.*.bin"))


# In the template


@by_partner
@by_order
def test_the_template_has_the_config_of_both_and_lists_both_links(body: Any, partner: Partner, stack: Any) -> None:
    train = stack(partner.decorator(), track, body)
    link_types = {COMET, partner.link_type} - {""}
    for config in (config_of(train), config_of(train)):
        listed = config.pop("link_type")
        assert " " not in listed
        assert sorted(listed.split(",")) == sorted(link_types)
        assert config == {**partner.config, **{name: text for name, text in LINK.items() if name != "link_type"}}
    assert secrets_of(train) == [("comet-ml", "comet-ml-api-key")]


@by_partner
@by_order
def test_one_warning_says_whose_link_will_be_wrong_if_any(
    body: Any, caplog: pytest.LogCaptureFixture, partner: Partner, stack: Any
) -> None:
    train = stack(partner.decorator(), track, body)
    with caplog.at_level(logging.WARNING, "flytekitplugins.comet_ml"):
        template_of(train)
    if partner.name == "wandb_init":
        (warning,) = warnings_in(caplog)
        assert "wandb_init" in warning
        assert "'host'" in warning
        assert "will be wrong" in warning
    else:
        assert warnings_in(caplog) == []


@by_order
def test_no_warning_when_both_want_the_same_host(body: Any, caplog: pytest.LogCaptureFixture, stack: Any) -> None:
    train = stack(wandb_init(host="https://www.comet.com"), track, body)
    with caplog.at_level(logging.WARNING, "flytekitplugins.comet_ml"):
        assert config_of(train)["host"] == "https://www.comet.com"
    assert warnings_in(caplog) == []


# Of two of flytekit's ClassDecorators one directly on the other, flytekit itself skips the inner one.
THREE: dict[str, Callable[[Any], Any]] = {
    "ours between": lambda body: task(vscode()(track(wandb_init()(body)))),
    "ours between, over functools.wraps": lambda body: task(vscode()(track(plain(wandb_init()(body))))),
    "ours between, under functools.wraps": lambda body: task(vscode()(plain(track(wandb_init()(body))))),
}


@pytest.mark.parametrize("stack", THREE.values(), ids=THREE.keys())
def test_three_links_are_listed_and_three_decorators_act(
    laptop: CometServer, tmp_path: Path, body: Any, in_body: dict[str, Any], stack: Any
) -> None:
    train = stack(body)
    config = config_of(train)
    assert sorted(config.pop("link_type").split(",")) == [COMET, "vscode", "wandb-execution-id"]
    assert (config["port"], config["project"], config["host"]) == ("8081", "digits", LINK["host"])
    assert train(epochs=3) == 4
    assert laptop.only_experiment.metrics["m"] == [(None, 3)]
    assert wandb_ran(tmp_path / "work", in_body)


# wandb's secret, in a pod


@by_order
def test_in_a_pod_each_tracker_reads_its_own_secret(
    comet: CometServer, in_pod: InPod, body: Any, in_body: dict[str, Any], monkeypatch: pytest.MonkeyPatch, stack: Any
) -> None:
    wandb = pytest.importorskip("wandb")
    logins: list[Any] = []
    reads: list[str] = []
    monkeypatch.setattr(wandb, "login", lambda **arguments: logins.append(arguments["key"]))
    comet_secret = functools.partial(lambda: (reads.append("comet"), os.environ["_FSEC_COMET-ML_COMET-ML-API-KEY"])[1])
    ours = comet_ml_login(project_name="digits", workspace="my-team", secret=comet_secret, host=comet.url)
    train = stack(wandb_init(secret=lambda: (reads.append("wandb"), "wandb's own")[1]), ours, body)
    with in_pod():
        assert train.task_function(epochs=3) == 4
    assert sorted(reads) == ["comet", "wandb"]
    assert logins == ["wandb's own"]
    assert in_body == {"comet": KEY, "wandb": True}
    assert comet.only_experiment.metrics["m"] == [(None, 3)]


@by_order
def test_in_a_pod_each_tracker_reads_its_own_flyte_secret(
    comet: CometServer, in_pod: InPod, body: Any, in_body: dict[str, Any], monkeypatch: pytest.MonkeyPatch, stack: Any
) -> None:
    wandb = pytest.importorskip("wandb")
    logins: list[Any] = []
    monkeypatch.setattr(wandb, "login", lambda **arguments: logins.append(arguments["key"]))
    ours = comet_ml_login(project_name="digits", workspace="my-team", secret=SECRET, host=comet.url)
    train = stack(wandb_init(), ours, body)
    with in_pod(**{"_FSEC_WANDB_WANDB-API-KEY": "wandb's own"}):
        assert train.task_function(epochs=3) == 4
    assert logins == ["wandb's own"]
    assert in_body == {"comet": KEY, "wandb": True}


@by_order
def test_a_decorator_s_own_attributes_stay_its_own(body: Any, stack: Any) -> None:
    decorator = wandb_init()
    train = stack(decorator, track, body)
    function: Any = train.task_function
    while type(function).__name__ != "wandb_init":
        function = function.__wrapped__
    assert function.secret is WANDB_SECRET
    assert function.host == "https://wandb.ai"
    assert type(function).get_extra_config(function)["host"] == "https://wandb.ai"


# flytekit's switch that puts vscode on every task

SWITCHED: dict[str, Callable[[Any], Any]] = {
    "below @task": lambda body: task(track(body)),
    "above @task": lambda body: track(task(body)),
}
by_place = pytest.mark.parametrize("place", SWITCHED.values(), ids=SWITCHED.keys())


def test_the_switch_is_the_one_that_flytekit_reads() -> None:
    assert importlib.import_module("flytekit.interactive.constants").FLYTE_ENABLE_VSCODE_KEY == SWITCH


@by_place
def test_the_switch_puts_vscode_on_a_tracked_task(
    laptop: CometServer, body: Any, monkeypatch: pytest.MonkeyPatch, place: Any
) -> None:
    monkeypatch.setenv(SWITCH, "true")
    train = place(body)
    config = config_of(train)
    assert sorted(config.pop("link_type").split(",")) == [COMET, "vscode"]
    assert config == {"port": "8080", **{name: text for name, text in LINK.items() if name != "link_type"}}
    assert secrets_of(train) == [("comet-ml", "comet-ml-api-key")]
    assert laptop.requests == []
    assert train(epochs=3) == 4
    assert laptop.only_experiment.metrics["m"] == [(None, 3)]
    assert not laptop.only_experiment.alive


@by_place
def test_an_async_task_which_the_switch_spares_is_tracked(
    laptop: CometServer, monkeypatch: pytest.MonkeyPatch, place: Any
) -> None:
    async def body(epochs: int) -> int:
        comet_ml.get_running_experiment().log_metric("m", epochs)
        return epochs + 1

    monkeypatch.setenv(SWITCH, "true")
    train = place(body)
    assert COMET in config_of(train)["link_type"].split(",")
    assert asyncio.run(train(epochs=3)) == 4
    assert laptop.only_experiment.metrics["m"] == [(None, 3)]


def test_the_switch_and_wandb_on_a_tracked_task(
    laptop: CometServer, tmp_path: Path, body: Any, in_body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, "true")
    train = task(track(wandb_init()(body)))
    assert sorted(config_of(train)["link_type"].split(",")) == [COMET, "vscode", "wandb-execution-id"]
    assert train(epochs=3) == 4
    assert laptop.only_experiment.metrics["m"] == [(None, 3)]
    assert wandb_ran(tmp_path / "work", in_body)


# By the real entrypoint

STACKED = """
import functools
import os
from flytekit import Secret, task
from flytekit.interactive import vscode
from flytekitplugins.comet_ml import comet_ml_login
import comet_ml

def plain(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) + 1
    return wrapper

ours = comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"),
)
editor = vscode(enable=False)

{decorators}
def train(epochs: int) -> int:
    comet_ml.get_running_experiment().log_metric("m", epochs)
    return epochs
"""


@pytest.mark.by_default("on top")
@pytest.mark.parametrize(
    "decorators",
    ["@task\n@editor\n@plain\n@ours", "@task\n@ours\n@editor\n@plain", "@ours\n@task\n@editor\n@plain"],
    ids=["at the bottom", "on top", "over @task"],
)
def test_a_stack_is_tracked_by_the_real_entrypoint(comet: CometServer, pod: Pod, decorators: str) -> None:
    run = pod.run(STACKED.format(decorators=decorators), "train", inputs={"epochs": 3})
    assert (run.error, run.output()) == ("", 4)
    assert comet.experiments[KEY].metrics["m"] == [(None, 3)]


# Twice

TWICE: dict[str, Callable[[Any], Any]] = {
    "directly": lambda body: track(track(body)),
    "through vscode": lambda body: track(vscode()(track(body))),
    "through wandb_init": lambda body: track(wandb_init()(track(body))),
    "through memray_profiling": lambda body: track(memray_profiling()(track(body))),
    "through functools.wraps": lambda body: track(plain(track(body))),
    "through all of them": lambda body: track(plain(vscode()(wandb_init()(track(body))))),
    "below and above @task": lambda body: track(task(track(body))),
    "above @task, through vscode": lambda body: track(task(vscode()(track(body)))),
    "above @task, twice": lambda body: track(track(task(body))),
}


@pytest.mark.parametrize("stack", TWICE.values(), ids=TWICE.keys())
def test_twice_in_a_stack_is_an_error(body: Any, stack: Any) -> None:
    with pytest.raises(UnsupportedFunctionError, match=r"@comet_ml_login is on '.*body' twice"):
        stack(body)


@pytest.mark.newest
def test_twice_is_an_error_with_the_switch_too(body: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "true")
    with pytest.raises(UnsupportedFunctionError, match="twice"):
        track(task(track(body)))
