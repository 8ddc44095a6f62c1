"""Every shape of task in both orders: called, in a workflow, serialized and in a pod. Makes docs/task-shapes.md."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flyteidl.core import dynamic_job_pb2
from flytekit.core.utils import load_proto_from_file

from tests.support import ROOT
from tests.support.canary import CANARY
from tests.support.comet_records import Experiment
from tests.support.comet_server import CometServer
from tests.support.fleet import Fleet
from tests.support.task_shapes import NOT_RUN, ROWS, SUFFIX, Cell, Row, table

PAGE = ROOT / "docs" / "task-shapes.md"
pytestmark = pytest.mark.newest

LINK_TYPE = "comet-ml-execution-id"


def test_the_page_s_table_is_this_matrix() -> None:
    assert table() in PAGE.read_text(), "run `python -m tests.pod.test_shapes`"


# A laptop and a pod for each row, side by side


@pytest.fixture(scope="module")
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The laptop and the pod of every row that is asked for, started at once."""
    calls = {item: getattr(item, "callspec", None) for item in request.session.items if item.path == request.path}
    asked = {item: call.params["row"] for item, call in calls.items() if call is not None and "row" in call.params}
    rows = [row for row in ROWS if row in asked.values()]
    in_pods = [row for item, row in asked.items() if "in_a_pod" in item.nodeid]
    with CometServer(accepted_keys={CANARY}) as comet, ThreadPoolExecutor(4) as threads:
        fleet = Fleet(tmp_path_factory.mktemp("fleet"), comet, fresh=request.config.getoption("--slow"))
        fleet.start(rows, in_pods, threads)
        yield fleet


# One of each kind; what is above @task gets into a pod in one way.
BY_DEFAULT = {
    "below": (
        "`@task`",
        "`@task` of an `async def`",
        "`@dynamic` with tracked children",
        "`map_task`",
        "`@task` in a class body alone",
        "`@task` in a notebook",
        "a lambda",
        "a generator",
        "`@workflow`",
    ),
    "above": ("`@task`", "`map_task`"),
}
by_row = pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=[pytest.mark.slow] * (row.shape not in BY_DEFAULT[row.order])) for row in ROWS],
    ids=[row.name for row in ROWS],
)


def check(cell: Cell, error: str, text: str) -> None:
    """Whether an outcome is the one that the matrix has."""
    if cell.error:
        assert error == cell.error, f"{error}: {text}"
        assert cell.text in text
    else:
        assert error == "", f"{error}: {text}"


def outcome(report: dict[str, Any], column: str) -> tuple[str, str]:
    found = report.get(column, report["defined"])
    return found.get("error", ""), found.get("text", "")


def metrics_of(fleet: Fleet, keys: list[str]) -> list[Any]:
    assert len(set(keys)) == len(keys)
    return [fleet.comet.experiments[key].metrics["m"] for key in keys]


@pytest.mark.slow
@by_row
@pytest.mark.parametrize("column", ["called", "in a workflow"])
def test_a_local_run(fleet: Fleet, row: Row, column: str) -> None:
    report = fleet.reports[row.name]
    check(row.cells[column], *outcome(report, column))
    if row.cells[column].error:
        return
    mapped = isinstance(row.inputs["n"], list)
    expected: Any = (row.output if row.output is not None else 4) if "lambda" not in row.shape else None
    logged = [3]
    if mapped:
        given = [1, 3] if column == "called" else [1, 3, 5]
        expected, logged = [row.output - 3 + n for n in given if row.output is not None], given
    elif "children" in row.shape or "`@dynamic`" in row.shape:
        logged = [3, 3]
    value = report[column]["value"]
    assert (value if "lambda" not in row.shape else None) == expected
    keys = report[f"keys {column}"]
    assert metrics_of(fleet, keys) == [[(None, n)] for n in logged]
    assert all(fleet.comet.experiments[key].others["Created from"] == "flyte" for key in keys)
    assert not any(fleet.comet.experiments[key].alive for key in keys)


@pytest.mark.slow
@by_row
def test_no_request_and_no_body_while_a_workflow_compiles_or_a_task_is_serialized(fleet: Fleet, row: Row) -> None:
    report = fleet.reports[row.name]
    assert report.get("keys before", []) == []
    assert [path for path in fleet.comet.paths() if f"/silent/{row.module}/" in path] == []
    if not row.cells["in a workflow"].error:
        assert report["compiled"] == {"value": 1}


@by_row
def test_the_template(fleet: Fleet, row: Row) -> None:
    report = fleet.reports[row.name]
    check(row.cells["serialized"], *outcome(report, "serialized"))
    if row.cells["serialized"].error:
        return
    template = report["serialized"]["value"]
    assert template["config"] == {
        "link_type": LINK_TYPE,
        "host": fleet.comet.url,
        "workspace": "my-team",
        "project_name": "digits",
        "link_suffix": SUFFIX,
    }
    assert template["secrets"] == ["comet-ml-api-key"]
    words = [word.replace("{module}", row.module) for word in row.resolver]
    assert template["arguments"][-len(words) :] == words


@by_row
def test_a_run_in_a_pod(fleet: Fleet, row: Row) -> None:
    cell = row.cells["in a pod"]
    if cell is NOT_RUN:
        pytest.skip("needs a Flyte backend")
    run = fleet.runs[row.name].result()
    error = run.error or (run.log if run.status else "")
    if cell.error:
        assert cell.error in error or cell.error in run.log, error
        assert cell.text in error + run.log
        assert row.key not in fleet.comet.experiments
        return
    assert error == ""
    if row.output is not None:
        assert run.output() == row.output
    experiment = fleet.comet.experiments[row.key]
    assert experiment.metrics["m"] == [(None, 3)]
    assert experiment.others["flyte_execution"] == row.execution
    assert not experiment.alive


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.shape == "`@dynamic` with tracked children"], ids=lambda row: row.order
)
def test_the_children_of_a_dynamic_task_in_a_pod_have_links_and_secrets_of_their_own(fleet: Fleet, row: Row) -> None:
    run = fleet.runs[row.name].result()
    job = load_proto_from_file(dynamic_job_pb2.DynamicJobSpec, str(run.directory / "out" / "futures.pb"))
    (child,) = job.tasks
    assert child.config["link_type"] == LINK_TYPE
    assert [secret.key for secret in child.security_context.secrets] == ["comet-ml-api-key"]
    # The child is only planned: nobody has run it.
    assert len(experiments_of(fleet.comet, row.execution)) == 1


def experiments_of(comet: CometServer, execution: str) -> list[Experiment]:
    return [found for found in comet.experiments.values() if found.others.get("flyte_execution") == execution]


INTRODUCTION = """# Shapes of tasks

`comet_ml_login` tracks every task that is a Python function. It can stand below flytekit's decorator (`@task` on top)
or above it: the table is the same for both.

There are four places: the task is *called* in Python, called *in a workflow* in a local run, *serialized* for
registration, and run *in a pod*. What does not work gives the error in the table. An error that is *flytekit's own*
comes without this plugin, too.

"""

if __name__ == "__main__":
    before = PAGE.read_text().partition("\n| task |")[0] + "\n" if PAGE.exists() else INTRODUCTION
    PAGE.write_text(before + table())
