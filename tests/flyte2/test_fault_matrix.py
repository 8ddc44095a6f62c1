"""The fault matrix on Flyte 2: the scenarios that Flyte 1 has, and the tests that judge them, with the real `a0`."""

from __future__ import annotations

from collections.abc import Iterator
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
from tests.support.flyte2 import Flyte2
from tests.support.generation import Generation
from tests.support.matrix import Outcome
from tests.support.scenario import Scenario

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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize(Flyte2(), metafunc)


@pytest.fixture(scope="module")
def generation() -> Generation:
    return Flyte2()


@pytest.fixture(scope="module")
def outcomes(
    generation: Generation, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    with played(generation, request, tmp_path_factory.mktemp("faults")) as outcomes:
        yield outcomes


@pytest.fixture
def outcome(outcomes: dict[str, Any], scenario: Scenario) -> Outcome:
    return outcome_of(scenario, outcomes)
