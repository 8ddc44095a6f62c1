"""The Comet deck of a task in a pod."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flytekit import Deck
from flytekitplugins.comet_ml.keys.experiment_key import link_suffix

from tests.support.canary import CANARY
from tests.support.comet_server import CometServer
from tests.support.deck_page import Page, comet_part
from tests.support.deck_tasks import tabs
from tests.support.pod import Pod, Run
from tests.support.pod_environment import POD_ENVIRONMENT

HEAD = """
import asyncio, os, sys
import comet_ml
from flytekit import Deck, FlyteContextManager, Secret, dynamic, map_task, task
from flytekitplugins.comet_ml import comet_ml_login

track = comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"),
)

def log():
    experiment = comet_ml.get_running_experiment()
    print(f"RECORDED {'_log_metric' in vars(experiment)}")
    file = f"{FlyteContextManager.current_context().user_space_params.output_metadata_prefix}/deck.html"
    print(f"WHILE RUNNING {'Running' in open(file).read() if os.path.exists(file) else None}")
    for step in range(30):
        experiment.log_metric("loss", 1 / (step + 1), step=step)
"""

POD_TASKS = {
    "a function": "@task(enable_deck=True)\n@track\ndef train() -> int:\n    log()\n    return 1",
    "above the task": "@track\n@task(enable_deck=True)\ndef train() -> int:\n    log()\n    return 1",
    "async": "@task(enable_deck=True)\n@track\nasync def train() -> int:\n    log()\n    return 1",
    "dynamic": "@dynamic(enable_deck=True)\n@track\ndef train() -> int:\n    log()\n    return 1",
    "raises": "@task(enable_deck=True)\n@track\ndef train() -> None:\n    log()\n    raise ValueError('no data')",
}


def deck_of(run: Run) -> str:
    return (run.directory / "out" / "deck.html").read_text()


@pytest.mark.by_default("above the task", "raises")
@pytest.mark.parametrize("body", POD_TASKS.values(), ids=POD_TASKS)
def test_a_task_in_a_pod_has_a_deck_when_it_starts_and_when_it_ends(comet: CometServer, pod: Pod, body: str) -> None:
    run = pod.run(f"{HEAD}\n\n{body}\n", "train")
    html = deck_of(run)
    page = Page(comet_part(html))
    raises = "raise" in body
    key = comet.only_experiment.key
    assert (f"{comet.url}/my-team/digits/{key}", "Open in Comet") in page.links
    for text in (
        "Crashed" if raises else "Finished",
        key,
        "30 values",
        "loss0.033333",
        POD_ENVIRONMENT["FLYTE_INTERNAL_TASK_NAME"],
    ):
        assert text in page.text
    assert ("The task failed. ValueError: no data" in page.text) == raises
    assert tabs(html)[:2] == ["Timeline", "Comet"]
    assert CANARY not in html
    if hasattr(Deck, "publish"):
        assert "WHILE RUNNING True" in run.log


@pytest.mark.newest  # Deck.publish
def test_a_task_in_a_pod_that_leaves_the_process_has_a_deck(comet: CometServer, pod: Pod) -> None:
    run = pod.run(
        f"{HEAD}\n@task(enable_deck=True)\n@track\ndef train() -> None:\n    log()\n    sys.exit(3)\n", "train"
    )
    page = Page(comet_part(deck_of(run)))
    assert run.status == 3
    assert "Crashed" in page.text
    assert "SystemExit: 3" in page.text


@pytest.mark.newest
def test_the_other_decks_are_those_that_were_asked_for(comet: CometServer, pod: Pod) -> None:
    fields = "deck_fields=(DeckField.INPUT, DeckField.OUTPUT)"
    body = f"@task(enable_deck=True, {fields})\n@track\ndef train(x: int) -> int:\n    log()\n    return x"
    run = pod.run(f"{HEAD}\nfrom flytekit.deck import DeckField\n{body}\n", "train", inputs={"x": 3})
    assert tabs(deck_of(run)) == ["Comet", "Input", "Output"]


def test_a_retried_attempt_s_deck_links_to_the_earlier_ones(comet: CometServer, pod: Pod) -> None:
    run = pod.run(
        f"{HEAD}\n\n{POD_TASKS['a function']}\n",
        "train",
        generated_name="ahq8bl2jkbsf7wxd4mzn-n0-2",
        environment={"FLYTE_ATTEMPT_NUMBER": "2"},
    )
    links = Page(comet_part(deck_of(run))).links
    suffix = link_suffix("digits", "my-team")
    assert links == [
        (f"{comet.url}/my-team/digits/ahq8bl2jkbsf7wxd4mznn0{attempt}{suffix}", text)
        for attempt, text in [(2, "Open in Comet"), (1, "attempt 1"), (0, "attempt 0")]
    ]


def test_a_pod_without_decks_records_nothing(comet: CometServer, pod: Pod) -> None:
    run = pod.run(f"{HEAD}\n@task\n@track\ndef train() -> None:\n    log()\n", "train")
    assert "RECORDED False" in run.log
    assert not (run.directory / "out" / "deck.html").exists()


@pytest.mark.newest
@pytest.mark.slow
def test_a_map_task_which_has_no_decks_records_nothing(comet: CometServer, pod: Pod) -> None:
    body = "@task(enable_deck=True)\n@track\ndef train(x: int) -> int:\n    log()\n    return x\n"
    index = {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_K8S_ARRAY_INDEX", "FLYTE_K8S_ARRAY_INDEX": "1"}
    run = pod.run(f"{HEAD}\n\n{body}\nmapped = map_task(train)\n", "mapped", inputs={"x": [1, 2]}, environment=index)
    assert (run.error, run.status) == ("", 0)
    assert "RECORDED False" in run.log
    assert not (run.directory / "out" / "deck.html").exists()


# By default, tests/pod/test_ranks.py has the ranks.
@pytest.mark.slow
@pytest.mark.newest
@pytest.mark.parametrize("where", ["pod", "local"])
@pytest.mark.parametrize("start_method", ["spawn", "fork"])
def test_a_torch_elastic_task_s_deck_is_that_of_rank_0(
    comet: CometServer, pod: Pod, start_method: str, where: str
) -> None:
    pytest.importorskip("flytekitplugins.kfpytorch")
    pytest.importorskip("torch")
    source = f"""{HEAD}
from flytekitplugins.kfpytorch import Elastic

@task(task_config=Elastic(nnodes=1, nproc_per_node=2, start_method="{start_method}"), enable_deck=True)
@track
def train() -> int:
    log()
    return 1

if __name__ == "__main__":
    context = FlyteContextManager.current_context()
    train()
    # Forked processes share flytekit's directory: of several runs, the last.
    decks = context.file_access.local_sandbox_dir.rglob("deck.html")
    print("DECK", max(decks, key=lambda deck: deck.stat().st_mtime))
"""
    if where == "pod":
        run = pod.run(source, "train")
        assert run.error == ""
        html = deck_of(run)
    else:
        run = pod.script(source)
        (file,) = re.findall(r"DECK (\S+deck.html)\n", run.log)
        html = Path(file).read_text()
    page = Page(comet_part(html))
    assert tabs(html).count("Comet") == 1
    assert comet.only_experiment.key in page.text
    assert "30 values" in page.text
    assert "Finished" in page.text
    assert len(comet.only_experiment.metrics["loss"]) == 30


@pytest.mark.slow
@pytest.mark.newest
def test_a_torch_elastic_task_without_decks_records_nothing(comet: CometServer, pod: Pod) -> None:
    pytest.importorskip("flytekitplugins.kfpytorch")
    pytest.importorskip("torch")
    elastic = 'Elastic(nnodes=1, nproc_per_node=2, start_method="spawn")'
    body = f"@task(task_config={elastic})\n@track\ndef train() -> None:\n    log()"
    run = pod.run(f"{HEAD}\nfrom flytekitplugins.kfpytorch import Elastic\n{body}\n", "train")
    assert run.error == ""
    assert "RECORDED False" in run.log
    assert "RECORDED True" not in run.log
