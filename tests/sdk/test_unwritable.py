"""A value that the SDK cannot write costs what it is, and nothing that was logged before or after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comet_ml
import pytest

from tests.support.comet_server import CometServer
from tests.support.told import warnings_in
from tests.support.tracked import track

UNWRITABLE: dict[str, tuple[str, Callable[[Any], object]]] = {
    "half a character in a text": ("the asset,", lambda experiment: experiment.log_text("a\ud800b")),
    "half a character in an asset": (
        "the asset x.txt,",
        lambda experiment: experiment.log_asset_data("a\ud800b", name="x.txt"),
    ),
    "a number of 5000 digits": ("the metric big,", lambda experiment: experiment.log_metric("big", 10**5000)),
}


@pytest.mark.newest
@pytest.mark.parametrize(("what", "log"), UNWRITABLE.values(), ids=UNWRITABLE)
def test_only_that_is_lost_and_one_warning_says_so(
    laptop: CometServer, caplog: pytest.LogCaptureFixture, what: str, log: Callable[[Any], object]
) -> None:
    @track()
    def body() -> None:
        experiment = comet_ml.get_running_experiment()
        experiment.log_metric("before", 1)
        log(experiment)
        experiment.log_metric("after", 1)

    body()
    experiment = laptop.only_experiment
    assert {"before", "after"} <= set(experiment.metrics)
    assert experiment.states[-1] in ("ended", "finished")
    (warning,) = [text for text in warnings_in(caplog) if "it is lost" in text]
    assert warning.startswith(f"The Comet SDK cannot write {what}")
