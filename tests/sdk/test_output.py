"""What a body prints is in its experiment, and nothing of the SDK stays in the output's way."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import comet_ml
import pytest
from flytekitplugins.comet_ml.sdk import patches

from tests.support.comet_server import CometServer
from tests.support.tracked import track


@pytest.fixture
def on_standard_error() -> Iterator[logging.StreamHandler[io.TextIOBase]]:
    """A handler that an application has given its own logger."""
    handler: logging.StreamHandler[io.TextIOBase] = logging.StreamHandler(sys.stderr)  # type: ignore[arg-type]
    logger = logging.getLogger("an.application")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


# Older SDKs listen to the file descriptors by default.
simple = functools.partial(track, auto_output_logging="simple")


def overlapping(first: Callable[[], None], second: Callable[[], None]) -> None:
    """Two tracked calls: the second begins while the first runs, and runs on when the first has ended."""
    began, both, ended = threading.Event(), threading.Event(), threading.Event()

    def runs_first() -> None:
        began.set()
        assert both.wait(60)
        first()

    def runs_second() -> None:
        both.set()
        assert ended.wait(60)
        second()

    with ThreadPoolExecutor() as pool:
        one = pool.submit(simple(name="first")(runs_first))
        assert began.wait(60)
        two = pool.submit(simple(name="second")(runs_second))
        one.result()
        ended.set()
        two.result()


def output(comet: CometServer, name: str) -> str:
    (experiment,) = [each for each in comet.experiments.values() if each.name == name]
    return experiment.output


def test_a_call_that_goes_on_when_another_has_ended_has_what_its_body_prints(laptop: CometServer) -> None:
    overlapping(lambda: print("of the first"), lambda: print("of the second"))
    assert "of the second" in output(laptop, "second")
    assert "of the second" not in output(laptop, "first")


def test_what_a_call_prints_while_another_one_runs_is_in_its_own_experiment(laptop: CometServer) -> None:
    first, second = threading.Event(), threading.Event()

    def runs_first() -> None:
        first.set()
        assert second.wait(60)
        print("of the first")

    def runs_second() -> None:
        second.set()

    with ThreadPoolExecutor() as pool:
        one = pool.submit(simple(name="first")(runs_first))
        assert first.wait(60)
        pool.submit(simple(name="second")(runs_second)).result()
        one.result()
    assert "of the first" in output(laptop, "first")


def test_a_call_that_goes_on_when_another_has_ended_has_what_its_body_logs(
    laptop: CometServer, on_standard_error: object
) -> None:
    overlapping(lambda: None, lambda: logging.getLogger("an.application").warning("of the second"))
    assert "of the second" in output(laptop, "second")


def test_after_calls_that_overlap_the_streams_are_as_before(
    laptop: CometServer, on_standard_error: logging.StreamHandler[io.TextIOBase]
) -> None:
    streams = (sys.stdout, sys.stderr, on_standard_error.stream)
    overlapping(lambda: None, lambda: None)
    assert (sys.stdout, sys.stderr, on_standard_error.stream) == streams


def test_a_late_end_leaves_an_output_that_was_redirected_meanwhile(laptop: CometServer) -> None:
    patches.apply()
    closed, open_still = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(closed):
        experiment = comet_ml.Experiment(project_name="digits", auto_output_logging="simple")
    closed.close()
    with contextlib.redirect_stdout(open_still):
        experiment.end()
        print("after the end")
    assert open_still.getvalue().endswith("after the end\n")


def test_who_redirects_in_the_body_and_stops_later_has_the_output_back(laptop: CometServer) -> None:
    stack = contextlib.ExitStack()
    redirected = io.StringIO()

    @simple()
    def body() -> None:
        stack.enter_context(contextlib.redirect_stdout(redirected))

    body()
    print("to where it is redirected")
    stack.close()
    assert "to where it is redirected" in redirected.getvalue()
    print("to standard output", file=sys.stdout)


@pytest.mark.parametrize("listener", ["simple", "native"])
def test_in_a_call_alone_either_way_to_listen_has_what_the_body_prints(laptop: CometServer, listener: str) -> None:
    @track(name="alone", auto_output_logging=listener)
    def body() -> None:
        print("of the body", flush=True)

    streams = (sys.stdout, sys.stderr)
    body()
    assert (sys.stdout, sys.stderr) == streams
