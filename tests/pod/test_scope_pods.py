"""Scopes in pods: which experiment a decorated task starts, and that the link leads to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekit import task
from flytekitplugins.comet_ml import CometLink
from flytekitplugins.comet_ml.cli.config import platform_config
from flytekitplugins.comet_ml.keys.experiment_key import SCOPES
from flytekitplugins.comet_ml.keys.node_id import shortened

from tests.support.comet_server import CometServer
from tests.support.console import links, templates
from tests.support.pod import Pod, template_of
from tests.support.pod_environment import InPod
from tests.support.tracked import track

NAMES = {"workspace": "my-team", "project_name": "digits"}
EXECUTION = "ahq8bl2jkbsf7wxd4mzn"
LONG = "train-resnet50-on-imagenet-with-lr-0001-seed77"


def tracked(comet: CometServer, **options: Any) -> Any:
    @track(**{"host": comet.url, **options})
    def train() -> str:
        return str(comet_ml.get_running_experiment().get_key())

    return train


@pytest.mark.parametrize(("scope", "experiments"), [("attempt", 4), ("node", 2), ("execution", 1)])
def test_two_attempts_of_two_nodes_have_as_many_experiments_as_the_scope_says(
    comet: CometServer, in_pod: InPod, scope: str, experiments: int
) -> None:
    train = tracked(comet, scope=scope)
    for node in ("n0", "n1"):
        for attempt in ("0", "1"):
            with in_pod(f"{EXECUTION}-{node}-{attempt}", FLYTE_ATTEMPT_NUMBER=attempt):
                train()
    assert len(comet.experiments) == experiments


@pytest.mark.parametrize(("scope", "named"), [("attempt", True), ("node", False), ("execution", False)])
def test_only_an_attempt_names_the_experiment_of_the_attempt_before(
    comet: CometServer, in_pod: InPod, scope: str, named: bool
) -> None:
    with in_pod(f"{EXECUTION}-n0-1", FLYTE_ATTEMPT_NUMBER="1"):
        tracked(comet, scope=scope)()
    assert ("flyte_previous_experiment" in comet.only_experiment.others) is named


@pytest.mark.parametrize("scope", SCOPES)
def test_the_link_of_the_task_s_template_leads_to_the_experiment(comet: CometServer, in_pod: InPod, scope: Any) -> None:
    link = CometLink(**NAMES, host=comet.url, scope=scope)
    config = template_of(task(tracked(comet, scope=scope))).config
    assert config == link.config()
    names = {"executionName": EXECUTION, "nodeId": "n0", "taskRetryAttempt": "0"}
    (url,) = links(templates(platform_config()), config, names)
    with in_pod():
        assert url == link.url(tracked(comet, scope=scope)())


@pytest.mark.parametrize("scope", SCOPES)
def test_locally_every_call_has_an_experiment_of_its_own(laptop: CometServer, scope: str) -> None:
    train = tracked(laptop, scope=scope)
    assert train() != train()


class PodOfANode(Pod):
    """Pods whose output prefix is that of a node, as the control plane gives it to them."""

    def command(self, module: str, task: Any, inputs: Mapping[str, Any], out: Path, name: str) -> list[str]:
        attempt = str(self.count)
        self.count += 1
        prefix = self.directory / f"flytesnacks-development-{LONG}" / "n0" / "data" / attempt
        prefix.mkdir(parents=True)
        command = super().command(module, task, inputs, out, name)
        return [str(prefix) if argument == str(out) else argument for argument in command]

    count = 0


ELASTIC = """
import os
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.kfpytorch import Elastic
import comet_ml

@task({config})
@comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"), scope="node",
)
def train() -> None:
    comet_ml.get_running_experiment().log_metric("attempt", int(os.environ["FLYTE_ATTEMPT_NUMBER"]))
"""


@pytest.mark.slow
@pytest.mark.newest
def test_attempts_with_hashed_names_find_their_node_in_worker_processes_too(
    comet: CometServer, pod: Pod, tmp_path: Path
) -> None:
    pytest.importorskip("flytekitplugins.kfpytorch")
    pytest.importorskip("torch")
    runner = PodOfANode(tmp_path / "attempts", pod.environment)
    elastic = 'task_config=Elastic(nnodes=1, nproc_per_node=2, start_method="spawn")'
    for attempt, name, config in ((0, "fic64lyy", ""), (1, "fh564iua", elastic)):
        environment = {
            "FLYTE_INTERNAL_EXECUTION_ID": LONG,
            "FLYTE_ATTEMPT_NUMBER": str(attempt),
            "HOSTNAME": name,
            "FLYTE_EXECUTION_URL": None,
        }
        run = runner.run(ELASTIC.format(config=config), "train", generated_name=name, environment=environment)
        assert run.status == 0, run.log
        assert "is as scope" not in run.log
    assert comet.only_experiment.metrics["attempt"] == [(None, 0), (None, 1)]


def test_the_names_of_these_attempts_are_the_control_plane_s() -> None:
    assert [shortened(f"{LONG}-n0-{attempt}", 50) for attempt in (0, 1)] == ["fic64lyy", "fh564iua"]
