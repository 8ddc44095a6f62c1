"""How a task ended, as Comet shows it: finished, crashed or cancelled, and by which error."""

from __future__ import annotations

import asyncio
import threading

import comet_ml
import pytest

from tests.support.canary import CANARY
from tests.support.comet_http import Request
from tests.support.comet_server import CometServer
from tests.support.local_task import pipeline, track
from tests.support.pod_environment import InPod
from tests.support.told import PLUGIN, told_in
from tests.support.tracked import tracked


class OwnError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "crashed"),
    [
        (OwnError(f"no good: {CANARY}"), True),
        (KeyboardInterrupt(), True),
        (SystemExit(3), True),
        (SystemExit(0), False),
        (SystemExit(), False),
    ],
    ids=["exception", "interrupt", "exit 3", "exit 0", "exit"],
)
def test_comet_shows_how_the_task_ended(laptop: CometServer, error: BaseException, crashed: bool) -> None:
    @track
    def body() -> None:
        comet_ml.get_running_experiment().log_metric("m", 1)
        raise error

    with pytest.raises(type(error)) as raised:
        body()
    assert raised.value is error
    experiment = laptop.only_experiment
    assert experiment.metrics["m"] == [(None, 1)]
    assert (experiment.states[-1] == "crashed") is crashed
    status = "terminated" if isinstance(error, KeyboardInterrupt) else "failed"
    assert (experiment.others.get("flyte_status") == status) is crashed
    if isinstance(error, OwnError):
        assert experiment.others["flyte_error_type"] == "OwnError"
        assert experiment.others["flyte_error_message"] == "no good: ***"
        (traceback,) = [r for r in laptop.requests if r.query.get("fileName") == "traceback.txt"]
        assert "OwnError" in repr(traceback.body)


def test_a_task_that_succeeds_is_not_shown_as_crashed(laptop: CometServer) -> None:
    pipeline()
    assert laptop.only_experiment.states[-1] == "ended"
    assert "flyte_status" not in laptop.only_experiment.others


def test_a_cancelled_coroutine_is_shown_as_crashed(laptop: CometServer) -> None:
    async def cancel() -> None:
        begun = asyncio.Event()

        @track
        async def body() -> None:
            begun.set()
            await asyncio.sleep(60)

        running = asyncio.ensure_future(body())
        await begun.wait()
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
    assert laptop.only_experiment.states[-1] == "crashed"


def test_a_coroutine_that_is_cancelled_before_its_body_has_begun_leaves_nothing_running(laptop: CometServer) -> None:
    async def cancel() -> None:
        asked, cancelled = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        @track
        async def body() -> None:
            pytest.fail("the body began")

        def hold(request: Request) -> None:
            if request.path.endswith("/add/run"):
                loop.call_soon_threadsafe(asked.set)
                assert cancelled.wait(60)

        with laptop.fault(hold):
            running = asyncio.ensure_future(body())
            await asked.wait()
            running.cancel()
            cancelled.set()
            await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
    assert laptop.only_experiment.states[-1] == "crashed"
    assert laptop.only_experiment.others["flyte_status"] == "terminated"


def test_an_error_that_cannot_be_put_into_words_does_not_keep_the_experiment_open(laptop: CometServer) -> None:
    class SpeechlessError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    @track
    def body() -> None:
        raise SpeechlessError

    with pytest.raises(SpeechlessError):
        body()
    assert laptop.only_experiment.states[-1] == "crashed"
    assert laptop.only_experiment.others["flyte_error_message"] == "(no message: its __str__ raised RuntimeError)"


def test_the_error_of_a_decorated_function_in_a_task_is_not_the_task_s(comet: CometServer, in_pod: InPod) -> None:
    def part(rate: float) -> None:
        raise ValueError("no luck")

    def train(epochs: int) -> None:
        with pytest.raises(ValueError, match="no luck"):
            tracked(comet, part)(0.1)

    with in_pod():
        tracked(comet, train)(3)
    experiment = comet.only_experiment
    assert "crashed" not in experiment.states
    assert "flyte_status" not in experiment.others
    assert (experiment.parameters["epochs"], experiment.parameters["part/rate"]) == (3, 0.1)


def test_a_decorated_function_in_a_task_does_not_say_again_where_the_experiment_is(
    comet: CometServer, in_pod: InPod, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", PLUGIN)
    with in_pod():
        inner = tracked(comet)
        tracked(comet, lambda: inner())()
    assert len([text for text in told_in(caplog) if comet.only_experiment.key in text]) == 1
