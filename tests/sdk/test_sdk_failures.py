"""Whatever the SDK raises, wherever: a task returns what it returns, and raises what it raises."""

from __future__ import annotations

from typing import Any

import comet_ml
import pytest
from comet_ml.exceptions import CometException
from pytest_mock import MockerFixture

from tests.support.comet_server import CometServer
from tests.support.pod_environment import InPod
from tests.support.tracked import tracked

pytestmark = pytest.mark.newest


class HostileError(Exception):
    """No text, no arguments, no way to look at it."""

    def __str__(self) -> str:
        raise RuntimeError("no text for this")

    __repr__ = __str__

    @property
    def args(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no arguments for this")


ERRORS: dict[str, BaseException | type[BaseException]] = {
    "an error of the SDK": CometException("no luck"),
    "a bug": AttributeError("'NoneType' object has no attribute 'get'"),
    "no memory": MemoryError(),
    "endless recursion": RecursionError("maximum recursion depth exceeded"),
    "no disk": OSError(28, "No space left on device"),
    "no text": HostileError(),
    "the end of an iterator": StopIteration(),
    "an encoding": UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
}

AT_THE_START = [
    "comet_ml.login",
    "comet_ml.start",
    "comet_ml.Experiment",
    "comet_ml.ExperimentConfig",
    "comet_ml.API",
    "comet_ml.is_valid_experiment_key",
    "comet_ml.CometExperiment.log_others",
    "comet_ml.CometExperiment.set_name",
    "comet_ml.CometExperiment.log_parameters",
    "comet_ml.CometExperiment.log_code",
    "comet_ml.CometExperiment.log_asset_data",
    "comet_ml.CometExperiment.url",
    "comet_ml.connection.connection_api.RestApiClient.__init__",
    "comet_ml.streamer.online.OnlineStreamer.start",
]

AT_THE_END = [
    "comet_ml.CometExperiment.log_others",
    "comet_ml.CometExperiment.log_asset_data",
    "comet_ml.CometExperiment.end",
    "comet_ml.CometExperiment.get_key",
    "comet_ml.APIExperiment",
    "comet_ml.APIExperiment.set_state",
    "comet_ml.APIExperiment.get_others_summary",
    "comet_ml.streamer.online.OnlineStreamer.wait_for_finish",
    "comet_ml.streamer.offline.OfflineStreamer.abort_and_wait",
    "comet_ml.connection.connection_api.RestApiClient.update_experiment_status",
]

SOON = ("a bug",)
every_error = pytest.mark.parametrize(
    "error",
    [pytest.param(error, id=name, marks=[pytest.mark.slow] * (name not in SOON)) for name, error in ERRORS.items()],
)


class BodyError(Exception):
    """What the body raises."""


def breaking(mocker: MockerFixture, name: str, error: Any) -> None:
    """Have something in the SDK raise an error from now on."""

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    owner, _, attribute = name.rpartition(".")
    found: Any = comet_ml
    for part in owner.split(".")[1:]:
        found = getattr(found, part)
    stands = vars(found)[attribute] if isinstance(found, type) and attribute in vars(found) else None
    mocker.patch(name, new=property(fail) if isinstance(stands, property) else fail)


@every_error
@pytest.mark.parametrize("name", AT_THE_START)
def test_at_the_start(comet: CometServer, in_pod: InPod, mocker: MockerFixture, name: str, error: Any) -> None:
    breaking(mocker, name, error)
    with in_pod():
        assert tracked(comet, lambda: 42)() == 42


@every_error
@pytest.mark.parametrize("raises", [False, True], ids=["returns", "raises"])
@pytest.mark.parametrize("name", AT_THE_END)
@pytest.mark.by_default(
    "comet_ml.CometExperiment.log_others-raises-a bug",
    "comet_ml.CometExperiment.end-raises-a bug",
    "comet_ml.APIExperiment-returns-a bug",
    "comet_ml.streamer.online.OnlineStreamer.wait_for_finish-raises-a bug",
    "comet_ml.streamer.offline.OfflineStreamer.abort_and_wait-returns-a bug",
)
def test_at_the_end(
    comet: CometServer, in_pod: InPod, mocker: MockerFixture, name: str, raises: bool, error: Any
) -> None:
    raised = BodyError("no luck")

    def train() -> int:
        comet_ml.get_running_experiment().log_metric("loss", 1)
        breaking(mocker, name, error)
        if raises:
            raise raised
        return 42

    with in_pod():
        if raises:
            with pytest.raises(BodyError) as passed:
                tracked(comet, train)()
            assert passed.value is raised
        else:
            assert tracked(comet, train)() == 42
