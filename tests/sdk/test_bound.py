"""Server and key of a session are those of its start, whatever the body does to the environment."""

from __future__ import annotations

import os
from collections.abc import Callable

import comet_ml
import pytest
from flytekitplugins.comet_ml import comet_ml_login

from tests.support.canary import CANARY
from tests.support.comet_server import CometServer
from tests.support.pod_environment import InPod
from tests.support.tracked import tracked


@pytest.mark.parametrize(
    "leave",
    [
        lambda: os.environ.clear(),
        lambda: os.environ.pop("COMET_URL_OVERRIDE", None),
        lambda: os.environ.pop("COMET_API_KEY", None),
        lambda: os.environ.update(COMET_API_KEY="another", COMET_WORKSPACE="another"),
    ],
    ids=["empty", "no server", "no key", "another key"],
)
def test_a_failure_is_shown_whatever_the_body_has_left_in_the_environment(
    comet: CometServer, in_pod: InPod, leave: Callable[[], object]
) -> None:
    def train() -> None:
        comet_ml.get_running_experiment().log_metric("loss", 1)
        leave()
        raise ValueError("no luck")

    before = dict(os.environ)
    with in_pod(), pytest.raises(ValueError, match="no luck"):
        tracked(comet, train)()
    os.environ.update(before)
    experiment = comet.only_experiment
    assert experiment.states[-1] == "crashed"
    assert experiment.others["flyte_error_message"] == "no luck"
    assert experiment.metrics["loss"] == [(None, 1)]


def test_a_server_that_the_body_names_gets_no_key_of_the_task_s(comet: CometServer, in_pod: InPod) -> None:
    with CometServer() as other:

        def train() -> None:
            os.environ["COMET_URL_OVERRIDE"] = f"{other.url}/clientlib/"
            raise ValueError("no luck")

        with in_pod(), pytest.raises(ValueError, match="no luck"):
            tracked(comet, train)()
        assert not [request.path for request in other.requests if request.api_key == CANARY]
    assert comet.only_experiment.states[-1] == "crashed"


@pytest.mark.newest
def test_a_child_process_that_crashes_does_not_make_the_task_s_success_a_crash(laptop: CometServer) -> None:
    @comet_ml_login(project_name="digits", workspace="my-team", secret=lambda: "unused")
    def train() -> int:
        import subprocess
        import sys

        source = "import comet_ml; comet_ml.start().log_metric('child', 1); raise ValueError('no luck')"
        return subprocess.run([sys.executable, "-c", source], check=False, timeout=120).returncode

    assert train() == 1
    experiment = laptop.only_experiment
    assert "child" in experiment.metrics
    assert experiment.states[-1] == "finished"
