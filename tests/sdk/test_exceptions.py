"""What the body raises: passed on as it is, whatever it is, but for the API key in it."""

from __future__ import annotations

import gc
import logging
import os
import sys
import traceback
import weakref
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
