"""Experiments that the body opens itself: the decorator's settings hold for them, whatever the body does meanwhile."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comet_ml
import pytest

from tests.support.canary import CANARY
from tests.support.comet_http import Answer, Request
from tests.support.comet_server import CometServer
from tests.support.pod_environment import InPod
from tests.support.told import told_in, warnings_in
from tests.support.tracked import track, tracked

SILENT = {"log_code": False, "auto_output_logging": False, "log_git_metadata": False, "log_env_details": False}
FIRST: dict[str, Callable[[], Any]] = {
    "start": lambda: comet_ml.start(),
    "start with a configuration": lambda: comet_ml.start(experiment_config=comet_ml.ExperimentConfig(tags=["mine"])),
    "Experiment": lambda: comet_ml.Experiment(),
}
SECOND: dict[str, Callable[[], Any]] = {
    "start": lambda: comet_ml.start(mode="create"),
    "start with a configuration": lambda: comet_ml.start(
        mode="create", experiment_config=comet_ml.ExperimentConfig(name="second")
    ),
    "Experiment": lambda: comet_ml.Experiment(project_name="other"),
}
OPENINGS = {
    **{f"the first by {name}": (False, opening) for name, opening in FIRST.items()},
    **{f"a second by {name}": (True, opening) for name, opening in SECOND.items()},
}


def sent(comet: CometServer, part: str) -> list[str]:
    return [request.path for request in comet.requests if part in request.path or part in str(request.query)]


def archives() -> list[Path]:
    return sorted(Path(".cometml-runs").glob("*.zip"))


@pytest.mark.parametrize(("start", "opening"), OPENINGS.values(), ids=OPENINGS)
def test_what_the_decorator_forbids_is_sent_by_none(
    laptop: CometServer, monkeypatch: pytest.MonkeyPatch, start: bool, opening: Callable[[], Any]
) -> None:
    monkeypatch.setenv("COMET_AUTO_LOG_ENV_DETAILS", "1")
    monkeypatch.setenv("COMET_AUTO_LOG_GIT_METADATA", "1")

    @track(start=start, **SILENT)
    def body() -> None:
        opening().log_metric("loss", 1)
        print("nobody is to read this in Comet")

    body()
    for part in ("source_code", "/output", "system-details", "git"):
        assert sent(laptop, part) == [], part
    assert {"loss"} in [set(experiment.metrics) for experiment in laptop.experiments.values()]
    assert "COMET_AUTO_LOG_CODE" not in os.environ


def test_an_offline_one_is_the_task_s_with_its_settings(laptop: CometServer) -> None:
    @track(start=False, name="nightly", tags=["first"], log_code=False)
    def body() -> None:
        comet_ml.OfflineExperiment().log_metric("loss", 1)

    body()
    (archive,) = archives()
    content = zipfile.ZipFile(archive)
    messages = content.read("messages.json").decode()
    assert all(text in messages for text in ("nightly", "flyte_task"))
    assert json.loads(content.read("experiment.json"))["tags"] == ["first"]
    assert "source_code" not in messages


@pytest.mark.parametrize("opening", FIRST.values(), ids=FIRST)
def test_the_first_has_the_decorator_s_name_and_all_tags_once(laptop: CometServer, opening: Callable[[], Any]) -> None:
    @track(start=False, name="nightly", tags=["first"])
    def body() -> None:
        opening()

    body()
    experiment = laptop.only_experiment
    assert experiment.name == "nightly"
    assert set(experiment.tags) - {"mine"} == {"first"}
    assert len(experiment.tags) == len(set(experiment.tags))


DISABLED: dict[str, Callable[[], Any]] = {
    "Experiment": lambda: comet_ml.Experiment(disabled=True),
    "OfflineExperiment": lambda: comet_ml.OfflineExperiment(disabled=True),
    "start": lambda: comet_ml.start(experiment_config=comet_ml.ExperimentConfig(disabled=True)),
}


@pytest.mark.parametrize("opening", DISABLED.values(), ids=DISABLED)
def test_a_disabled_one_does_not_end_the_task_s(laptop: CometServer, opening: Callable[[], Any]) -> None:
    @track()
    def body() -> None:
        own = comet_ml.get_running_experiment()
        own.log_metric("before", 1)
        opening().log_metric("nowhere", 1)
        own.log_metric("after", 1)
        assert comet_ml.get_running_experiment() is own

    body()
    assert {"before", "after"} == set(laptop.only_experiment.metrics)


# The server, and the key


def without_the_server() -> None:
    del os.environ["COMET_URL_OVERRIDE"]


LOSSES: dict[str, Callable[[], object]] = {"server": without_the_server, "everything": lambda: os.environ.clear()}


@pytest.mark.by_default("the first by start-server", "a second by Experiment-everything")
@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize(("start", "opening"), OPENINGS.values(), ids=OPENINGS)
def test_it_is_sent_to_the_session_s_server_whatever_the_body_has_taken_away(
    comet: CometServer, in_pod: InPod, start: bool, opening: Callable[[], Any], lose: Callable[[], object]
) -> None:
    def body() -> None:
        before = dict(os.environ)
        lose()
        left = dict(os.environ)
        opening().log_metric("loss", 1)
        assert dict(os.environ) == left, "it finds what it has left"
        os.environ.update(before)

    with in_pod():
        tracked(comet, body, start=start)()
    assert {"loss"} in [set(experiment.metrics) for experiment in comet.experiments.values()]
    assert len(comet.experiments) == 1 + start


def test_who_gives_a_key_of_his_own_is_not_sent_to_the_session_s_server(comet: CometServer, in_pod: InPod) -> None:
    with CometServer() as theirs, in_pod():

        def body() -> None:
            os.environ["COMET_URL_OVERRIDE"] = f"{theirs.url}/clientlib/"
            comet_ml.Experiment(api_key="theirs", project_name="other").log_metric("loss", 1)

        tracked(comet, body)()
        assert [set(each.metrics) for each in theirs.experiments.values()] == [{"loss"}]
        assert CANARY not in str([(each.body, each.headers) for each in theirs.requests])


@pytest.mark.parametrize("opening", FIRST.values(), ids=FIRST)
def test_without_an_api_key_the_first_is_written_to_an_archive(opening: Callable[[], Any], comet: CometServer) -> None:
    @track(start=False)
    def body() -> None:
        opening().log_metric("loss", 1)

    body()
    assert len(archives()) == 1


def test_without_an_api_key_one_that_the_body_gives_counts(comet: CometServer) -> None:
    os.environ["COMET_URL_OVERRIDE"] = f"{comet.url}/clientlib/"

    @track(start=False)
    def body() -> None:
        comet_ml.Experiment(api_key=CANARY).log_metric("loss", 1)

    body()
    assert set(comet.only_experiment.metrics) == {"loss"}
    assert archives() == []


def test_the_log_has_where_the_first_is(laptop: CometServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "flytekitplugins.comet_ml")

    @track(start=False)
    def body() -> None:
        comet_ml.start()

    body()
    assert [text for text in told_in(caplog) if laptop.only_experiment.key in text]


def test_the_log_has_how_an_archive_of_the_first_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "flytekitplugins.comet_ml")

    @track(start=False, online=False)
    def body() -> None:
        comet_ml.start()

    body()
    assert [text for text in told_in(caplog) if " upload " in text]


@pytest.mark.by_default("start")
@pytest.mark.newest
@pytest.mark.parametrize("opening", FIRST.values(), ids=FIRST)
def test_calls_that_overlap_have_an_experiment_each(
    comet: CometServer, in_pod: InPod, opening: Callable[[], Any]
) -> None:
    begun = asyncio.Semaphore(0)

    async def body(number: int) -> None:
        begun.release()
        while begun._value < 3:
            await asyncio.sleep(0.01)
        opening().log_metric(f"of {number}", number)

    async def together() -> None:
        # The decorator is what an execution's nodes differ by.
        runs = [tracked(comet, body, start=False, project_name=f"project {number}")(number) for number in range(3)]
        await asyncio.gather(*runs)

    with in_pod():
        asyncio.run(together())
    found = {each.project: set(each.metrics) for each in comet.experiments.values()}
    assert found == {f"project {number}": {f"of {number}"} for number in range(3)}


# A server that does not do what it should

OUT_OF_ORDER: dict[str, Answer] = {
    "404": (404, {}),
    "429": (429, {}),
    "a page": (200, b"<html>Please log in</html>"),
    "nothing": (200, b""),
    "a list": (200, []),
    "something else": (200, {"hello": 1}),
}


@pytest.mark.parametrize(
    "opening",
    [*SECOND.values(), lambda: comet_ml.start(mode="get", experiment_key="c" * 32)],
    ids=[*SECOND, "start of one that exists"],
)
@pytest.mark.by_default("429-start", "a list-Experiment")
@pytest.mark.parametrize("answer", OUT_OF_ORDER.values(), ids=OUT_OF_ORDER)
def test_what_is_no_refusal_makes_it_an_offline_one(
    laptop: CometServer, opening: Callable[[], Any], answer: Answer, request: pytest.FixtureRequest
) -> None:
    if answer[0] == 404 and "exists" in request.node.name:
        pytest.skip("404 is how Comet says that there is none")
    refused: list[Request] = []

    @track()
    def body() -> None:
        comet_ml.get_running_experiment().flush()
        laptop.faults.append(lambda each: refused.append(each) or answer)  # type: ignore[func-returns-value]
        opened = opening()
        laptop.faults.clear()
        opened.log_metric("loss", 1)

    body()
    assert refused
    # An upload of the first one, too, can have had such an answer.
    logged = [zipfile.ZipFile(archive).read("messages.json").decode() for archive in archives()]
    assert len([text for text in logged if '"loss"' in text]) == 1


def test_a_refused_one_is_named_in_one_warning(laptop: CometServer, caplog: pytest.LogCaptureFixture) -> None:
    @track()
    def body() -> None:
        laptop.forbidden_workspaces.add("theirs")
        comet_ml.Experiment(workspace="theirs").log_metric("loss", 1)

    body()
    (warning,) = warnings_in(caplog)
    assert warning.startswith("Comet has not started the experiment")
    assert CANARY not in warning


@pytest.mark.newest
def test_start_in_a_forked_child_leaves_the_parent_s_experiment_alone(laptop: CometServer) -> None:
    def child() -> None:
        experiment = comet_ml.start()
        experiment.log_metric("child", 1)
        experiment.end()

    @track()
    def body() -> None:
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(120)
        assert process.exitcode == 0
        own = comet_ml.get_running_experiment()
        own.log_metric("parent", 1)
        own.log_asset_data("content", name="parent.txt")

    body()
    experiment = laptop.only_experiment
    assert {"child", "parent"} <= set(experiment.metrics)
    assert "parent.txt" in str(experiment.assets)
