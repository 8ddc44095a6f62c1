"""What Comet receives of a call by itself: inputs, outputs, source, and which run it belongs to."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import comet_ml
import pytest
from flytekit import Secret, dynamic, task, workflow
from flytekit.types.file import FlyteFile
from flytekitplugins.comet_ml import InvalidOptionError, comet_ml_login, source
from flytekitplugins.comet_ml.front_end import plan

from tests.support.canary import CANARY
from tests.support.comet_records import Experiment
from tests.support.comet_server import CometServer

Track = Callable[..., Any]


def track(**options: Any) -> comet_ml_login:
    return comet_ml_login(
        project_name="digits", workspace="my-team", secret=Secret(group="never", key="read"), **options
    )


class Scores(NamedTuple):
    accuracy: float
    verdict: str


@task
@track()
def train(hidden: list[int], config: dict[str, float], file: FlyteFile, hub_token: str, model: Any = None) -> None: ...


def test_inputs_are_parameters_data_is_an_other_and_secrets_are_named_once(
    laptop: CometServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    train.task_function([64, 32], {"lr": 0.1, "note": CANARY}, FlyteFile("s3://bucket/a.csv"), "hf_x", object())
    experiment = laptop.only_experiment
    assert experiment.parameters["hidden"] == "[64, 32]"
    assert experiment.parameters["config.lr"] == 0.1
    assert not {"hub_token", "config.note", "file", "file.path"} & set(experiment.parameters)
    assert json.loads(experiment.others["flyte_data"]) == {
        "file": {"address": "s3://bucket/a.csv", "type": "FlyteFile"}
    }
    [line] = [record.getMessage() for record in caplog.records if "not logged as parameters" in record.getMessage()]
    assert line == "Inputs that are not logged as parameters: config.note, hub_token, model."


@task
@track()
def configured(config: dict[str, int]) -> None: ...


def test_too_many_inputs_are_in_one_asset_and_the_log_says_so_once(
    laptop: CometServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    values = {f"v{n}": n for n in range(300)}
    configured(config=values)
    experiment = laptop.only_experiment
    [asset] = [asset for asset in experiment.assets.values() if asset.get("fileName") == "inputs.json"]
    assert b'"v299": 299' in asset["content"]
    assert sum("inputs.json" in record.getMessage() for record in caplog.records) == 1


def test_much_data_is_json_in_comet(laptop: CometServer) -> None:
    def reads(files: list[FlyteFile]) -> None: ...

    track()(reads)([FlyteFile(f"s3://bucket/{n}.csv") for n in range(100)])
    assert json.loads(laptop.only_experiment.others["flyte_data"])["files.0"]["address"] == "s3://bucket/0.csv"


class Leaves:
    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise self.kind


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, BaseException])
def test_an_input_or_output_that_exits_when_it_is_looked_at_does_not_fail_the_task(
    laptop: CometServer, kind: type[BaseException]
) -> None:
    def passes(value: Any, epochs: int) -> Any:
        return value

    value = Leaves(kind)
    assert track(log_outputs=True)(passes)(value, 3) is value
    assert laptop.only_experiment.parameters["epochs"] == 3


@task
@track(log_outputs=True)
def scored() -> Scores:
    return Scores(0.9, "good")


@task
@track(log_outputs=True)
async def measured() -> float:
    return 0.5


@task
@track(log_outputs=["accuracy"])
def partly_scored() -> Scores:
    return Scores(0.9, "good")


@task
@track()
def silent() -> float:
    return 0.5


@task
@track(log_outputs=True)
def scored_alone() -> NamedTuple("Alone", loss=float):  # type: ignore[valid-type]
    return (0.5,)


@task
@track(log_outputs=True)
def much() -> dict[str, int]:
    return {f"v{n}": n for n in range(300)}


def test_a_returned_number_is_a_metric_and_a_text_is_an_other(laptop: CometServer) -> None:
    assert scored() == Scores(0.9, "good")
    experiment = laptop.only_experiment
    assert [value for _, value in experiment.metrics["accuracy"]] == [0.9]
    assert experiment.others["verdict"] == "good"


def test_the_only_field_of_a_named_tuple_can_be_returned_in_a_plain_tuple(laptop: CometServer) -> None:
    scored_alone()
    assert [value for _, value in laptop.only_experiment.metrics["loss"]] == [0.5]


def logged_lines(caplog: pytest.LogCaptureFixture, what: str) -> list[str]:
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("flytekitplugins.comet_ml")]
    return [line for line in ours if what in line]


def test_outputs_over_the_bound_are_named_in_one_line(laptop: CometServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    much()
    assert len([name for name in laptop.only_experiment.metrics if name.startswith("o0.v")]) == 200
    [line] = logged_lines(caplog, "Outputs that are not logged, or not in full")
    assert line.endswith("o0.v219, and 80 more.")


@dynamic
@track(log_outputs=True)
def fan_in() -> tuple[int, list[int]]:
    return step(n=1), [step(n=2)]


def test_what_a_dynamic_task_passes_on_is_not_said_to_be_left_out(
    laptop: CometServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fan_in()
    assert logged_lines(caplog, "Outputs that are not logged") == []


def test_an_unnamed_output_has_flytekit_s_name(laptop: CometServer) -> None:
    import asyncio

    assert asyncio.run(measured.task_function()) == 0.5
    assert [value for _, value in laptop.only_experiment.metrics["o0"]] == [0.5]


def test_only_chosen_outputs_are_logged(laptop: CometServer) -> None:
    partly_scored()
    assert "accuracy" in laptop.only_experiment.metrics
    assert "verdict" not in laptop.only_experiment.others


def test_no_output_is_logged_unless_asked_for(laptop: CometServer) -> None:
    silent()
    assert "o0" not in laptop.only_experiment.metrics


@task
@track(log_outputs=True)
def ends_it() -> float:
    comet_ml.get_running_experiment().end()
    return 0.5


def test_an_output_after_the_end_of_the_experiment_is_said_to_be_lost(
    laptop: CometServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert ends_it() == 0.5
    assert "has ended the Comet experiment" in caplog.text


class Awkward:
    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no")


def test_an_output_of_any_make_is_returned(laptop: CometServer) -> None:
    awkward = Awkward()

    def returns() -> Any:
        return awkward

    assert track(log_outputs=True)(returns)() is awkward


def test_outputs_are_checked_when_the_task_is_decorated() -> None:
    def f() -> Scores: ...

    with pytest.raises(
        InvalidOptionError, match="`log_outputs` names 'loss', but the outputs of 'f' are 'accuracy', 'verdict'"
    ):
        track(log_outputs=["loss"])(f)
    with pytest.raises(InvalidOptionError, match="`log_outputs` must be True, False or a list of output names"):
        track(log_outputs="accuracy")
    track(log_outputs=["accuracy"])(f)


def test_a_secret_that_is_named_is_refused_when_the_task_is_decorated() -> None:
    def f(api_key: str) -> None: ...

    with pytest.raises(InvalidOptionError, match="`log_inputs` names 'api_key', which speaks of a secret"):
        track(log_inputs=["api_key"])(f)


PACKAGE = """
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login

@task
@comet_ml_login(project_name="digits", workspace="my-team", secret=Secret(group="g", key="k"){more})
def train() -> None: ...
"""


def run_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str = "") -> None:
    name = f"package_{abs(hash((str(tmp_path), more))) % 10**8}"
    monkeypatch.setattr(plan, "package_files", source.package_files)
    root = tmp_path / "project" / name
    root.mkdir(parents=True)
    (root / "__init__.py").write_text("# a package\n")
    (root / "model.py").write_text("layers = 3\n")
    (root / "leak.py").write_text(f"key = {CANARY!r}\n")
    (root / "task.py").write_text(PACKAGE.format(more=more))
    monkeypatch.syspath_prepend(str(root.parent))
    __import__(f"{name}.task")
    sys.modules[f"{name}.task"].train()
    # What a test leaves on the disk must not have the key in it.
    (root / "leak.py").unlink()


def sources(experiment: Experiment) -> set[str]:
    found = [asset for asset in experiment.assets.values() if asset.get("type") == "source_code"]
    return {Path(asset["fileName"]).name for asset in found}


def test_the_package_of_the_task_is_its_source(
    laptop: CometServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run_package(tmp_path, monkeypatch)
    assert sources(laptop.only_experiment) == {"task.py", "model.py", "__init__.py"}
    assert "leak.py" in caplog.text


def test_no_source_is_logged_without_log_code(
    laptop: CometServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_package(tmp_path, monkeypatch, ", log_code=False")
    assert sources(laptop.only_experiment) == set()


@task
@track()
def step(n: int) -> int:
    return n


@workflow
def inner(n: int) -> int:
    return step(n=n)


@dynamic
def fan_out(n: int) -> int:
    return step(n=n)


@workflow
def outer() -> int:
    step(n=1)
    fan_out(n=2)
    return inner(n=3)


def test_the_experiments_of_one_local_run_share_an_other(laptop: CometServer) -> None:
    outer()
    first = {experiment.others["flyte_local_run"] for experiment in laptop.experiments.values()}
    assert len(laptop.experiments) == 3
    assert len(first) == 1
    outer()
    assert len({experiment.others["flyte_local_run"] for experiment in laptop.experiments.values()}) == 2


def test_a_plain_call_belongs_to_no_run(laptop: CometServer) -> None:
    step.task_function(1)
    assert "flyte_local_run" not in laptop.only_experiment.others
