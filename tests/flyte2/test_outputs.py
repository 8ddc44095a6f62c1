"""What a task of Flyte 2 returns is logged by the names of its outputs, which are known when it is decorated."""

from __future__ import annotations

from typing import Any, NamedTuple

import flyte
import pytest
from flytekitplugins.comet_ml import InvalidOptionError

from tests.support.action_login import login
from tests.support.comet_records import Experiment
from tests.support.comet_server import CometServer


class Scores(NamedTuple):
    loss: float
    verdict: str


class Alone(NamedTuple):
    loss: float


class Leaking(NamedTuple):
    api_key: str


def returning(annotation: Any, value: Any) -> Any:
    """A function that returns a value, under an annotation that it need not fit."""

    async def task() -> None:
        return value  # type: ignore[no-any-return]

    task.__annotations__["return"] = annotation
    return task


def logged(laptop: CometServer) -> set[str]:
    experiment: Experiment = laptop.only_experiment
    return {"loss", "verdict", "o0", "o1"} & {*experiment.metrics, *experiment.others}


@pytest.mark.parametrize(
    ("annotation", "value", "names"),
    [
        (Scores, Scores(0.5, "good"), {"loss", "verdict"}),
        (Scores, (0.5, "good"), {"loss", "verdict"}),
        (tuple[float, str], (0.5, "good"), {"o0", "o1"}),
        (tuple[float, str], Scores(0.5, "good"), {"o0", "o1"}),
        (Alone, Alone(0.5), {"loss"}),
        (Alone, (0.5,), {"loss"}),
        (float, 0.5, {"o0"}),
        (None, None, set()),
    ],
    ids=["named", "plain as named", "plain", "named as plain", "alone", "plain as alone", "one", "none"],
)
def test_outputs_have_the_names_of_the_annotation(
    laptop: CometServer, annotation: Any, value: Any, names: set[str]
) -> None:
    task = login(log_outputs=True)(flyte.TaskEnvironment("named").task(returning(annotation, value)))
    flyte.with_runcontext(mode="local").run(task)
    assert logged(laptop) == names


def test_only_chosen_outputs_are_logged(laptop: CometServer) -> None:
    task = login(log_outputs=["verdict"])(flyte.TaskEnvironment("chosen").task(returning(Scores, (0.5, "good"))))
    flyte.with_runcontext(mode="local").run(task)
    assert logged(laptop) == {"verdict"}


@pytest.mark.parametrize("order", ["above", "below"])
@pytest.mark.parametrize(
    ("annotation", "chosen", "message"),
    [
        (Scores, "lost", "`log_outputs` names 'lost', but the outputs of 'task' are 'loss', 'verdict'"),
        (float, "loss", "`log_outputs` names 'loss', but the outputs of 'task' are 'o0'"),
        (Leaking, "api_key", "`log_outputs` names 'api_key'"),
    ],
    ids=["unknown", "unnamed", "secret"],
)
def test_outputs_are_checked_when_the_task_is_decorated(order: str, annotation: Any, chosen: str, message: str) -> None:
    env, function = flyte.TaskEnvironment("checked"), returning(annotation, None)
    with pytest.raises(InvalidOptionError, match=message):
        login(log_outputs=[chosen])(env.task(function) if order == "above" else function)
