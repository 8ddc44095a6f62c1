"""The recorded course of a metric: bounded, and true at its first, last, lowest and highest value."""

from __future__ import annotations

import math
import threading
import warnings
from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml.deck.metric_history import MAX_BUCKETS, MAX_GAPS, MAX_METRICS, MetricCourse, MetricHistory
from flytekitplugins.comet_ml.sdk import logged_values as logged
from flytekitplugins.comet_ml.sdk.comet_sdk import CometSDK
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.comet_server import CometServer


def course_of(values: list[float]) -> MetricCourse:
    history = MetricHistory()
    for step, value in enumerate(values):
        history.record("m", value, step)
    (course,) = history.courses()
    return course


def test_a_short_course_is_kept_as_it_is() -> None:
    course = course_of([3.0, 1.0, 2.0])
    assert [(point.number, point.step, point.value) for point in course.points] == [(0, 0, 3), (1, 1, 1), (2, 2, 2)]
    assert (course.name, course.last, course.count, course.not_finite) == ("m", 2.0, 3, 0)


def test_a_long_course_keeps_its_shape_and_its_one_peak() -> None:
    values = [math.sin(step / 10_000) for step in range(100_000)]
    values[54_321] = 99.0
    course = course_of(values)
    assert course.count == 100_000
    assert MAX_BUCKETS <= len(course.points) + 2 <= 2 * MAX_BUCKETS + 4
    assert 99.0 in [point.value for point in course.points]
    distances = [b.number - a.number for a, b in zip(course.points, course.points[1:], strict=False)]
    assert max(distances) < 100_000 / MAX_BUCKETS * 4


@given(st.lists(st.floats(width=32), min_size=1, max_size=60), st.integers(1, 40))
@settings(deadline=None)
def test_whatever_is_recorded_its_ends_and_extremes_are_exact(some: list[float], times: int) -> None:
    values = some * times
    course = course_of(values)
    assert course.count == len(values)
    assert course.not_finite == sum(not math.isfinite(value) for value in values)
    assert len(course.points) <= 2 * MAX_BUCKETS + 4
    assert [point.number for point in course.points] == sorted({point.number for point in course.points})
    assert all(values[point.number] == point.value and point.step == point.number for point in course.points)
    finite = [value for value in values if math.isfinite(value)]
    kept = [point.value for point in course.points]
    if finite:
        assert (kept[0], min(kept), max(kept)) == (finite[0], min(finite), max(finite))
    if math.isfinite(values[-1]):
        assert kept[-1] == values[-1] == course.last


def test_runs_of_values_that_are_not_finite_are_known_by_their_ends() -> None:
    course = course_of([1.0, math.nan, math.inf, 2.0, -math.inf, 3.0])
    assert [(first.step, last.step) for first, last in course.gaps] == [(1, 2), (4, 4)]
    assert [point.value for point in course.points] == [1, 2, 3]


def test_a_course_without_a_finite_value_has_no_points() -> None:
    course = course_of([math.nan] * 5)
    assert (course.points, course.not_finite, course.nan, len(course.gaps)) == ([], 5, 5, 1)


def test_many_runs_are_counted_only() -> None:
    course = course_of([1.0, math.nan] * 1000)
    assert (course.not_finite, len(course.gaps)) == (1000, MAX_GAPS)


@pytest.mark.parametrize("value", ["high", None, [1, 2], 10**400, object()])
def test_what_is_no_number_is_not_recorded(value: Any) -> None:
    history = MetricHistory()
    history.record("m", value)
    assert history.courses() == []


@pytest.mark.parametrize("step", [None, "seven", 10**400])
def test_a_step_that_is_no_number_is_unknown(step: Any) -> None:
    history = MetricHistory()
    history.record("m", 1, step)
    assert math.isnan(history.courses()[0].points[0].step)


def test_the_number_of_metrics_is_bounded() -> None:
    history = MetricHistory()
    for number in range(MAX_METRICS + 10):
        history.record(f"m{number}", number)
        history.record("m0", number)
    assert len(history.courses()) == MAX_METRICS
    assert history.courses()[0].count == MAX_METRICS + 11


def test_threads_lose_nothing() -> None:
    history = MetricHistory()

    def record() -> None:
        for step in range(5000):
            history.record("m", step, step)

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert history.courses()[0].count == 20_000


# With the SDK


def started() -> Any:
    return comet_ml.start(**CometSDK.of(comet_ml).start_arguments(workspace="w", project_name="p"))


def test_every_metric_that_comet_receives_is_seen(laptop: CometServer) -> None:
    experiment = started()
    seen: list[tuple[str, Any, Any]] = []
    stop = logged.watch_metrics(experiment, lambda *metric: seen.append(metric))
    experiment.log_metric("a", 1, step=3)
    experiment.log_metrics({"b": 2, "c": {"d": 3}}, step=4, prefix="p")
    experiment.log_metric("text", "good")
    experiment.log_metric("nothing", None)
    with experiment.train():
        experiment.log_metric("loss", 0.5, step=5)
        experiment.log_metric("bare", 0.25, include_context=False)
    experiment.__internal_api__log_metric__("automatic", 4, framework="sklearn")
    experiment.__internal_api__log_metric__("rank-0.sys.gpu.0.free_memory", 4, framework="comet")
    stop()
    experiment.log_metric("late", 1)
    experiment.end()
    assert [metric for metric in seen if metric[0] != "text"] == [
        ("a", 1, 3),
        ("p_b", 2, 4),
        ("p_c/d", 3, 4),
        ("train_loss", 0.5, 5),
        ("bare", 0.25, 5),
        ("automatic", 4, 5),
    ]
    received = {name for name in laptop.only_experiment.metrics if "sys." not in name}
    assert {name.removeprefix("train_") for name, _, _ in seen} | {"late"} == received


@pytest.mark.parametrize("name", ["n" * 500, "layer/" * 40 + "loss"])
def test_a_name_that_the_sdk_cuts_off_keeps_its_course_under_the_name_that_comet_has(
    laptop: CometServer, name: str
) -> None:
    experiment = started()
    seen: list[tuple[str, Any, Any]] = []
    logged.watch_metrics(experiment, lambda *metric: seen.append(metric))
    for step in range(3):
        experiment.log_metric("n" * 80, 7, step=step)
        experiment.log_metric(name, step, step=step)
    experiment.end()
    (received,) = (each for each in laptop.only_experiment.metrics if each[:60] == name[:60] and each != "n" * 80)
    assert [metric for metric in seen if metric[0] != "n" * 80] == [(received, step, step) for step in range(3)]


class Tensor:
    """A tensor of one value that has a gradient: `float` warns of it, and `item` does not."""

    def item(self) -> float:
        return 0.5

    def __float__(self) -> float:
        warnings.warn("Converting a tensor with requires_grad=True to a scalar", UserWarning, stacklevel=2)
        return 0.5


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_tensor_with_a_gradient_is_recorded_without_a_warning(laptop: CometServer) -> None:
    experiment = started()
    history = MetricHistory()
    logged.watch_metrics(experiment, history.record)
    experiment.log_metric("loss", Tensor())
    experiment.end()
    # It is not converted any more, and nothing arrives.
    experiment.log_metric("late", Tensor())
    assert [(course.name, course.last) for course in history.courses()] == [("loss", 0.5), ("late", 0.5)]


@pytest.mark.slow
@pytest.mark.newest
@pytest.mark.filterwarnings("error")
def test_tensors_of_torch_are_recorded_without_a_warning() -> None:
    torch = pytest.importorskip("torch")
    history = MetricHistory()
    assert history.record("loss", torch.tensor(0.5, requires_grad=True))
    assert history.record("loss", torch.tensor([0.25]))
    assert not history.record("loss", torch.tensor([0.25, 1.0]))
    assert history.courses()[0].last == 0.25


def test_an_automatic_metric_that_comet_is_told_to_ignore_is_not_seen(laptop: CometServer) -> None:
    experiment = started()
    experiment.autolog_metrics_ignore = {"keras:lr"}
    seen: list[Any] = []
    logged.watch_metrics(experiment, lambda *metric: seen.append(metric))
    experiment.__internal_api__log_metric__("lr", 4, framework="keras")
    experiment.end()
    assert seen == []


def test_an_error_while_recording_does_not_reach_the_user(laptop: CometServer) -> None:
    experiment = started()
    logged.watch_metrics(experiment, lambda *metric: 1 / 0)
    experiment.log_metric("m", 1)
    experiment.end()
    assert laptop.only_experiment.metrics["m"] == [(None, 1)]


def test_an_experiment_is_watched_once_and_left_as_it_was(laptop: CometServer) -> None:
    experiment = started()
    seen: list[Any] = []
    stops = [logged.watch_metrics(experiment, lambda *metric: seen.append(metric)) for _ in range(2)]
    experiment.log_metric("m", 1)
    assert len(seen) == 1
    for stop in stops:
        stop()
    assert "_log_metric" not in vars(experiment)
    experiment.end()


def test_an_sdk_without_that_method_is_not_heard_and_no_error() -> None:
    class Experiment:
        metrics = {"loss": 0.5, "sys.cpu": 3}  # noqa: RUF012 - as in the SDK

    stop = logged.watch_metrics(Experiment(), lambda *metric: None)
    stop()
    assert logged.last_metrics(Experiment()) == {"loss": 0.5}
