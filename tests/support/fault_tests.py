"""The tests of the fault matrix, for both generations of Flyte.

A test module imports them, and calls `parametrize` and `played` with its generation.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from tests.support.canary import CANARY
from tests.support.faults import standing_for_comet
from tests.support.generation import Generation
from tests.support.matrix import Outcome, play, registered
from tests.support.scenario import Scenario
from tests.support.scenarios import BARE, SCENARIOS
from tests.support.stage import delivered

WORKERS = int(os.environ.get("FAULT_WORKERS", "4"))
"""Pods at a time: most of them wait."""

SLACK = 5.0
"""Seconds that a busy machine may take besides: the limits are counted in seconds of waiting."""


def parametrize(generation: Generation, metafunc: pytest.Metafunc) -> None:
    """Give each test of scenarios those that this generation has."""
    if "scenario" in metafunc.fixturenames:
        scenarios = generation.scenarios(SCENARIOS)
        cases = [pytest.param(each, marks=[pytest.mark.slow] * each.slow, id=each.name) for each in scenarios]
        metafunc.parametrize("scenario", cases)
    if "bare" in metafunc.fixturenames:
        metafunc.parametrize("bare", generation.scenarios(BARE), ids=lambda scenario: scenario.name)


@contextmanager
def played(generation: Generation, request: pytest.FixtureRequest, directory: Path) -> Iterator[dict[str, Any]]:
    """Play every scenario that a module's tests ask for; they run beside each other.

    Yields:
        Their outcomes, by name; and by the empty name, the server that stands for Comet's own.
    """
    calls = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    scenarios = [call.params["scenario"] for call in calls if call is not None and "scenario" in call.params]
    wanted = {scenario.name: scenario for scenario in scenarios}
    fresh = request.config.getoption("--slow")
    with standing_for_comet(directory) as comets_own, ThreadPoolExecutor(WORKERS) as threads:
        futures: dict[str, Any] = {}
        for number, (name, scenario) in enumerate(wanted.items()):
            futures[name] = Future()
            try:
                task = registered(generation, scenario, directory / str(number), fresh=fresh)
            except Exception as error:
                futures[name].set_exception(error)
            else:
                futures[name] = threads.submit(play, scenario, task, comets_own, directory)
        yield {**futures, "": comets_own}
        for future in futures.values():
            future.cancel()


def outcome_of(scenario: Scenario, outcomes: dict[str, Future[Outcome]]) -> Outcome:
    """The outcome of a scenario, when it is there; its log is printed."""
    outcome = outcomes[scenario.name].result()
    print(outcome.run.log)
    return outcome


def test_the_task_ends_as_it_would_without_the_plugin(scenario: Scenario, outcome: Outcome) -> None:
    assert outcome.run.status == scenario.status
    assert scenario.error in outcome.run.error
    assert bool(outcome.run.error) == bool(scenario.error)
    assert (outcome.run.directory / "body").exists() == scenario.runs


def test_comet_shows_what_happened(scenario: Scenario, outcome: Outcome) -> None:
    assert outcome.state in scenario.state.split("|")
    assert outcome.flyte_status in scenario.flyte_status.split("|")


def test_every_metric_is_delivered_or_in_an_archive(scenario: Scenario, outcome: Outcome) -> None:
    if scenario.runs:
        assert outcome.logged
    if not scenario.lost:
        assert outcome.lost == set()
    assert bool(outcome.archives) == scenario.archive or scenario.archive is None


def test_tracking_takes_no_longer_than_it_may(scenario: Scenario, outcome: Outcome) -> None:
    assert outcome.seconds.get("start", 0) <= scenario.start_limit + SLACK
    assert outcome.seconds.get("end", 0) <= scenario.end_limit + SLACK
    assert outcome.seconds.get("signal", 0) <= scenario.signal_limit + SLACK


def test_the_log_says_it_once_and_where_the_archive_is(scenario: Scenario, outcome: Outcome) -> None:
    expected = (0, 1) if scenario.warns is None else (scenario.warns,)
    assert len(outcome.warnings) in expected, outcome.warnings
    if scenario.archive:
        assert sorted(outcome.uploads) == sorted(map(str, outcome.archives))
    elif scenario.local:
        assert any(str(file) in line for file in outcome.run.directory.rglob("*.zip") for line in outcome.lines)
    assert scenario.proof in outcome.run.log
    assert len(outcome.run.log.splitlines()) < (5000 if "DEBUG" in scenario.name else 500)


def test_the_api_key_is_nowhere(outcome: Outcome) -> None:
    assert CANARY not in outcome.run.log
    for directory in (outcome.run.directory, outcome.raw):
        for file in directory.rglob("*"):
            assert not (file.is_file() and _holds_the_key(file)), file
    for experiment in outcome.comet.experiments.values():
        assert CANARY not in repr(experiment)


def _holds_the_key(file: Path) -> bool:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            return any(CANARY.encode() in archive.read(name) for name in archive.namelist())
    return CANARY.encode() in file.read_bytes()


def test_the_process_is_as_it_was(generation: Generation, scenario: Scenario, outcome: Outcome) -> None:
    if outcome.process is None:
        assert generation.leaves_the_body(outcome), "the process ended before the call did"
        return
    before, after = outcome.process
    before.pop(scenario.changes, None), after.pop(scenario.changes, None)
    assert after == before


@pytest.mark.slow
def test_it_ends_the_same_without_the_plugin(generation: Generation, bare: Scenario, tmp_path: Path) -> None:
    with standing_for_comet(tmp_path) as comets_own:
        outcome = play(bare, registered(generation, bare, tmp_path), comets_own, tmp_path, plugin=False)
    assert outcome.run.status == bare.status
    assert bare.error in outcome.run.error
    assert bool(outcome.run.error) == bool(bare.error)


# It waits for all scenarios, and comes before the tests of each.
@pytest.mark.timeout(1800)
# Twice, since each run has scenarios of its own: `make test`, and `make test-rest`.
@pytest.mark.parametrize("run", ["test", pytest.param("test-rest", marks=pytest.mark.slow)])
def test_comet_s_own_service_hears_of_nothing(outcomes: dict[str, Any], run: str) -> None:
    wait(future for name, future in outcomes.items() if name)
    assert [(request.path, request.body) for request in outcomes[""].requests] == []


def test_comet_s_own_service_is_what_a_pod_without_a_host_talks_to(generation: Generation, tmp_path: Path) -> None:
    # That the one above can fail.
    with standing_for_comet(tmp_path) as comets_own:
        scenario = Scenario(name="own", group="", host=lambda server, room: nullcontext("https://www.comet.com"))
        play(scenario, registered(generation, scenario, tmp_path), comets_own, tmp_path)
        assert delivered(comets_own) == set(range(200))
