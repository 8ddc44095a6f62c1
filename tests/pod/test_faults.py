"""The fault matrix: the real SDK and entrypoint, and what can go wrong. Makes the table in docs/reliability.md."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fault_tests import (
    outcome_of,
    parametrize,
    played,
    test_comet_s_own_service_hears_of_nothing,
    test_comet_s_own_service_is_what_a_pod_without_a_host_talks_to,
    test_comet_shows_what_happened,
    test_every_metric_is_delivered_or_in_an_archive,
    test_it_ends_the_same_without_the_plugin,
    test_the_api_key_is_nowhere,
    test_the_log_says_it_once_and_where_the_archive_is,
    test_the_process_is_as_it_was,
    test_the_task_ends_as_it_would_without_the_plugin,
    test_tracking_takes_no_longer_than_it_may,
)
from tests.support.flyte1 import Flyte1
from tests.support.generation import Generation
from tests.support.matrix import Outcome
from tests.support.scenario import Scenario
from tests.support.scenarios import SCENARIOS
from tests.support.table import PAGE, with_table

__all__ = [
    "test_comet_s_own_service_hears_of_nothing",
    "test_comet_s_own_service_is_what_a_pod_without_a_host_talks_to",
    "test_comet_shows_what_happened",
    "test_every_metric_is_delivered_or_in_an_archive",
    "test_it_ends_the_same_without_the_plugin",
    "test_the_api_key_is_nowhere",
    "test_the_log_says_it_once_and_where_the_archive_is",
    "test_the_process_is_as_it_was",
    "test_the_task_ends_as_it_would_without_the_plugin",
    "test_tracking_takes_no_longer_than_it_may",
]
"""The tests that the generations share."""

pytestmark = pytest.mark.newest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize(Flyte1(), metafunc)


@pytest.fixture(scope="module")
def generation() -> Generation:
    return Flyte1()


@pytest.fixture(scope="module")
def outcomes(
    generation: Generation, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    with played(generation, request, tmp_path_factory.mktemp("faults")) as outcomes:
        yield outcomes
    page, ended = os.environ.get("FAULTS_PAGE"), [future for name, future in outcomes.items() if name]
    if page and len(ended) == len(SCENARIOS):
        Path(page).write_text(with_table(Path(page).read_text(), [future.result() for future in ended]))


@pytest.fixture
def outcome(outcomes: dict[str, Any], scenario: Scenario) -> Outcome:
    return outcome_of(scenario, outcomes)


@pytest.mark.skipif("FAULTS_PAGE" in os.environ, reason="the table is written after this")
def test_every_scenario_is_in_the_table() -> None:
    page = PAGE.read_text()
    assert [scenario.name for scenario in SCENARIOS if f"| {scenario.name} |" not in page] == []
