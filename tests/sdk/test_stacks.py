"""Stacks: other people's decorators above and below ours; both act, and the console has the links of both."""

from __future__ import annotations

import asyncio
import functools
import importlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekit import task, workflow
from flytekitplugins.comet_ml import UnsupportedFunctionError, comet_ml_login

from tests.support.comet_server import CometServer
from tests.support.pod import template_of
from tests.support.pod_environment import InPod
from tests.support.stacks import (
    COMET,
    KEY,
    LINK,
    SWITCH,
    WANDB_SECRET,
    Partner,
    by_order,
    by_partner,
    config_of,
    in_this_process,
    memray_profiling,
    plain,
    plain_calls,
    secrets_of,
    track,
    vscode,
    wandb_init,
    wandb_ran,
)
from tests.support.told import warnings_in
from tests.support.tracked import SECRET

# flytekit 1.12 has vscode in a plugin of its own.
pytestmark = pytest.mark.newest


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


# At run time


@in_this_process
@by_order
@pytest.mark.by_default(
    "partner over ours-vscode", "ours over the partner-wandb_init", "ours over @task-functools.wraps"
)
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
@pytest.mark.by_default(
    "partner over ours-vscode", "ours over the partner-wandb_init", "ours over @task-functools.wraps"
)
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


# In the template


@by_partner
@by_order
@pytest.mark.by_default(
    "partner over ours-memray_profiling", "ours over the partner-functools.wraps", "ours over @task-wandb_init"
)
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
@pytest.mark.by_default(
    "partner over ours-wandb_init", "ours over the partner-memray_profiling", "ours over @task-functools.wraps"
)
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
@pytest.mark.by_default("ours between")
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
@pytest.mark.by_default("partner over ours")
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
@pytest.mark.by_default("ours over the partner")
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
