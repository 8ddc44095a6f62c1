"""What the body raises: passed on as it is, whatever it is, but for the API key in it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import comet_ml
import pytest

from tests.support.canary import CANARY
from tests.support.comet_server import CometServer
from tests.support.pod_environment import InPod
from tests.support.tracked import track


def raising(comet: CometServer, error: BaseException) -> Any:
    """A tracked function that raises."""

    @track(host=comet.url)
    def train() -> None:
        raise error

    return train


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no text for this")


@dataclass(frozen=True)
class FrozenError(Exception):
    reason: str


@pytest.mark.parametrize("error", [ValueError(Unprintable()), FrozenError(f"with {CANARY}")], ids=["no text", "frozen"])
def test_an_exception_that_cannot_be_searched_is_raised_and_everything_is_put_back(
    comet: CometServer, in_pod: InPod, error: BaseException
) -> None:
    with in_pod():
        before = dict(os.environ)
        with pytest.raises(type(error)) as raised:
            raising(comet, error)()
        assert raised.value is error
        assert dict(os.environ) == before
    assert comet_ml.get_running_experiment() is None
    assert comet.only_experiment.states[-1] == "crashed"
    assert comet.only_experiment.others["flyte_error_type"] == type(error).__name__


def trap(self: object, *args: object) -> Any:
    raise SystemExit(0)


OF_ANY_MAKE: dict[str, type[BaseException]] = {
    name: type("OfAnyMakeError", bases, {each: value})
    for name, bases, each, value in [
        ("its class raises", (Exception,), "__class__", property(trap)),
        ("its class lies", (Exception,), "__class__", property(lambda self: KeyboardInterrupt)),
        ("its cause raises", (Exception,), "__cause__", property(trap)),
        ("its context raises", (Exception,), "__context__", property(trap)),
        ("its traceback raises", (Exception,), "__traceback__", property(trap)),
        ("its traceback is a text", (Exception,), "__traceback__", property(lambda self: "here")),
        ("its attributes raise", (Exception,), "__getattribute__", trap),
        ("it cannot be compared", (Exception,), "__eq__", trap),
        ("it is not true", (Exception,), "__bool__", trap),
        ("its status raises", (SystemExit,), "code", property(trap)),
        ("its status is success", (ValueError,), "code", 0),
    ]
}


@pytest.mark.parametrize("kind", OF_ANY_MAKE)
def test_an_exception_of_any_make_is_passed_on_and_shown_as_a_failure(
    comet: CometServer, in_pod: InPod, kind: str
) -> None:
    error, caught = OF_ANY_MAKE[kind](3), list[BaseException]()

    def train() -> None:
        comet_ml.get_running_experiment().log_metric("loss", 1)
        raise error

    with in_pod():
        try:
            track(host=comet.url)(train)()
        except BaseException as raised:
            caught.append(raised)
    assert [id(each) for each in caught] == [id(error)]
    assert comet.only_experiment.states[-1] == "crashed"
    assert comet.only_experiment.others["flyte_error_type"] == "OfAnyMakeError"
    assert [value for _, value in comet.only_experiment.metrics["loss"]] == [1]


@pytest.mark.parametrize("kind", ["note", "group", "argument"])
def test_the_api_key_is_masked_wherever_it_is_in_an_exception(comet: CometServer, in_pod: InPod, kind: str) -> None:
    if sys.version_info < (3, 11) and kind in ("note", "group"):
        pytest.skip("Python 3.10 has none")
    inner = ValueError(f"rejected {CANARY}")
    error: Any = RuntimeError("no luck")
    if kind == "note":
        error.add_note(f"tried {CANARY}")
    elif kind == "group":
        error = ExceptionGroup("some", [inner])  # noqa: F821 - not in Python 3.10
    else:
        error = RuntimeError(inner)
    with in_pod(), pytest.raises(type(error)) as raised:
        raising(comet, error)()
    assert raised.value is error
    text = "".join(traceback.format_exception(error))
    assert "***" in text
    assert CANARY not in text
    assert CANARY not in str(error)


def behind(error: BaseException) -> BaseException:
    raised = RuntimeError("after it")
    raised.__cause__ = error
    return raised


def within_a_group(error: BaseException) -> BaseException:
    group: BaseException = BaseExceptionGroup("of several", [error])  # noqa: F821 - not in Python 3.10
    return group


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no groups")
@pytest.mark.parametrize("around", [lambda error: error, behind, within_a_group], ids=["it", "its cause", "in a group"])
def test_the_api_key_in_the_message_of_a_group_is_masked_in_another_group_like_it(
    comet: CometServer, in_pod: InPod, around: Callable[[BaseException], BaseException]
) -> None:
    group: Any = ExceptionGroup(f"rejected {CANARY}", [ValueError("inner")])  # noqa: F821 - not in Python 3.10
    group.add_note("a note")
    error = around(group)
    with in_pod(), pytest.raises(type(error)) as raised:
        raising(comet, error)()
    text = "".join(traceback.format_exception(raised.value))
    assert CANARY not in text
    assert CANARY not in repr([raised.value, raised.value.__context__])
    assert all(part in text for part in ("rejected ***", "inner", "a note"))
    assert comet.only_experiment.states[-1] == "crashed"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no groups")
def test_the_message_of_a_group_that_an_async_task_raises_is_masked(comet: CometServer, in_pod: InPod) -> None:
    @track(host=comet.url)
    async def train() -> None:
        raise ExceptionGroup(f"rejected {CANARY}", [ValueError("inner")])  # noqa: F821 - not in Python 3.10

    with in_pod(), pytest.raises(Exception, match=r"rejected \*\*\*") as raised:
        asyncio.run(train())
    assert CANARY not in "".join(traceback.format_exception(raised.value))
    assert CANARY not in repr(raised.value.__context__)


def test_the_frames_of_an_exception_that_the_sdk_logs_are_not_kept(comet: CometServer, in_pod: InPod) -> None:
    class Batch:
        """What a frame of the SDK can hold."""

    freed: list[bool] = []

    @track(secret=lambda: CANARY, host=comet.url)
    def train() -> None:
        alive = logged(Batch())
        gc.collect()
        freed.append(alive() is None)

    def logged(batch: Batch) -> weakref.ref[Batch]:
        try:
            raise ValueError("lost")
        except ValueError:
            # pytest keeps the record.
            logging.getLogger("comet_ml.streamer").warning("lost", exc_info=True)
        return weakref.ref(batch)

    with in_pod():
        train()
    assert freed == [True]
