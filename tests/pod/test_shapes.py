"""Every shape of task in both orders: called, in a workflow, serialized and in a pod. Makes docs/task-shapes.md."""

from __future__ import annotations

import asyncio
import copy
import functools
import hashlib
import inspect
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudpickle
import comet_ml
import pytest
from flyteidl.core import dynamic_job_pb2
from flytekit import dynamic, map_task, task, workflow
from flytekit.core.utils import load_proto_from_file
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.comet_ml.keys.experiment_key import link_suffix

from tests.support import ROOT
from tests.support.canary import CANARY
from tests.support.comet_server import CometServer, Experiment
from tests.support.pod import Pod, Run, template_of
from tests.support.pod_environment import POD_ENVIRONMENT, SECRET_VARIABLE
from tests.support.tracked import SECRET

PAGE = ROOT / "docs" / "task-shapes.md"
pytestmark = pytest.mark.newest
SUFFIX = link_suffix("digits", "my-team")
LINK_TYPE = "comet-ml-execution-id"

track = comet_ml_login(project_name="digits", workspace="my-team", secret=SECRET)

# The matrix


@dataclass(frozen=True)
class Cell:
    """What is expected of a shape at one place.

    Attributes:
        error: The error's class; empty where it works.
        text: What the error says, or a remark on what works.
        own: Whether flytekit gives the same error without this plugin.
    """

    error: str = ""
    text: str = ""
    own: bool = False

    def __str__(self) -> str:
        if self.error:
            return f"no: `{self.error}`: {self.text}" + (" (flytekit's own)" if self.own else "")
        return "yes" + (f", {self.text}" if self.text else "")


WORKS = Cell()
NOT_RUN = Cell(text="the pod is not run by our tests: it needs a Flyte backend")
COLUMNS = ("called", "in a workflow", "serialized", "in a pod")


@dataclass(frozen=True)
class Row:
    """A shape of task, in one order.

    Attributes:
        shape: What it is.
        order: Whether `comet_ml_login` is below or above flytekit's decorator.
        source: The module that `train` stands in; `called()` and `compiled()` in it call it.
        cells: What is expected, by column.
        inputs: The inputs in a pod.
        environment: Of the pod.
        node: The generated name of the pod, after the execution's name.
        output: What the pod returns.
        place: Where the source is: a "module", the "script" itself, or a "notebook".
        resolver: Last words of the command line; `{module}` is the module's name.
    """

    shape: str
    order: str
    source: str
    cells: Mapping[str, Cell] = field(default_factory=lambda: dict.fromkeys(COLUMNS, WORKS))
    inputs: Mapping[str, Any] = field(default_factory=lambda: {"n": 3})
    environment: Mapping[str, str] = field(default_factory=dict)
    node: str = "-n0-0"
    output: int | None = 4
    place: str = "module"
    resolver: tuple[str, ...] = ("task-module", "{module}", "task-name", "train")

    @property
    def name(self) -> str:
        return f"{self.shape}, {self.order}"

    @property
    def module(self) -> str:
        return "shape_" + re.sub(r"\W+", "_", self.name).strip("_").lower()

    @property
    def execution(self) -> str:
        """An execution's name that no other row has; 20 characters, as Flyte makes them."""
        return "a" + hashlib.sha256(self.name.encode()).hexdigest()[:19]

    @property
    def key(self) -> str:
        """The experiment's key in a pod, by the rule in docs/experiment-keys.md."""
        if self.node == "-n0-0":
            return f"{self.execution}n00{SUFFIX}"
        names = ["flytesnacks", "development", self.execution, self.execution + self.node, "my-team", "digits"]
        text = json.dumps(["flytekitplugins-comet-ml/1", *names], separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:40]


HEADER = """
import asyncio
import functools
import os
import typing
import comet_ml
from flytekit import ContainerTask, Secret, dynamic, map_task, task, workflow
from flytekitplugins.comet_ml import comet_ml_login

keys = []
track = comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"),
)

def log(n):
    experiment = comet_ml.get_running_experiment()
    experiment.log_metric("m", n)
    keys.append(experiment.get_key())
    return n + 1
"""

CALLED = """
def called():
    return train(n=3)

@workflow
def pipeline(n: int) -> int:
    return train(n=n)
"""

AWAITED = """
def called():
    return asyncio.run(train(n=3))

@workflow
def pipeline(n: int) -> int:
    return train(n=n)
"""

MAPPED = """
entity = {mapping}

@workflow
def pipeline(n: typing.List[int]) -> typing.List[int]:
    return entity(n=n)

def called():
    return pipeline(n=[1, 3])
"""

PLAIN = "{decorators}\ndef train(n: int) -> int:\n    return log(n)\n"
WITH_M = "{decorators}\ndef train(n: int, m: int) -> int:\n    return log(n) + m\n"
ASYNC = "{decorators}\nasync def train(n: int) -> int:\n    await asyncio.sleep(0)\n    return log(n)\n"
LOGGING = "    comet_ml.get_running_experiment()\n"
DYNAMIC = (
    "@task\n@track\ndef child(n: int) -> int:\n    return log(n)\n"
    "{decorators}\ndef train(n: int) -> int:\n    log(n)\n    return child(n=n)\n"
)
EAGER = (
    "from flytekit import eager\n@task\n@track\ndef child(n: int) -> int:\n    return log(n)\n"
    "{decorators}\nasync def train(n: int) -> int:\n    log(n)\n    return child(n=n)\n"
)
IN_CLASS = "class Steps:\n    {decorators}\n    def train(n: int) -> int:\n        return log(n)\ntrain = Steps.train\n"
LOADED_FROM_CLASS = "class Steps:\n    {decorators}\n    def train(n: int) -> int:\n        return log(n)\n"
CALLED_IN_CLASS = CALLED.replace("train(", "Steps.train(")
NESTED = "def make():\n    {decorators}\n    def train(n: int) -> int:\n        return log(n)\n    return train\n"
NESTED += "train = make()\n"
GENERATOR = "{decorators}\ndef train(n: int) -> int:\n    yield log(n)\n"
ASYNC_GENERATOR = "{decorators}\nasync def train(n: int) -> int:\n    yield log(n)\n"
WORKFLOW = (
    "@task\ndef child(n: int) -> int:\n    return n\n{decorators}\ndef train(n: int) -> int:\n    return child(n=n)\n"
)
LEGACY = "from flytekit.core.legacy_map_task import map_task as legacy_map_task\n"
CONTAINER = "train = track(ContainerTask(name='train', image='image', command=['true']))\n"
INDEX = {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_K8S_ARRAY_INDEX", "FLYTE_K8S_ARRAY_INDEX": "1"}
MAP_RESOLVER = ("vars", "", "resolver", "flytekit.core.python_auto_container.default_task_resolver")
BY_MODULE = ("task-module", "{module}", "task-name", "train")


def decorators(kind: str, order: str) -> str:
    """The lines above a function."""
    return "\n".join(["track", kind] if order == "above" else [kind, "track"]).replace("\n", "\n@").join(["@", ""])


def written(body: str, kind: str, order: str, rest: str = CALLED) -> str:
    indent = re.search(r"^( *)\{decorators\}", body, re.MULTILINE)
    lines = decorators(kind, order).replace("\n", "\n" + (indent.group(1) if indent else ""))
    return HEADER + body.replace("{decorators}", lines) + rest


def cells(
    called: Cell = WORKS, in_workflow: Cell = WORKS, serialized: Cell = WORKS, pod: Cell = WORKS
) -> dict[str, Cell]:
    return dict(zip(COLUMNS, (called, in_workflow, serialized, pod), strict=True))


def everywhere(error: str, text: str, own: bool = False) -> dict[str, Cell]:
    """Refused when it is decorated."""
    return dict.fromkeys(COLUMNS, Cell(error, text, own))


def rows() -> Iterator[Row]:
    unawaited = Cell("FlyteValidationException", "Failed to bind output", own=True)
    for order in ("below", "above"):
        yield Row("`@task`", order, written(PLAIN, "task", order))
        yield Row(
            "`@task` of an `async def`", order, written(ASYNC, "task", order, AWAITED), cells(in_workflow=unawaited)
        )
        yield Row("`@dynamic` with tracked children", order, written(DYNAMIC, "dynamic", order), output=None)
        yield Row(
            "`@eager` with tracked children",
            order,
            written(EAGER, "eager", order, AWAITED),
            cells(in_workflow=unawaited, pod=NOT_RUN),
        )
        mapping = MAPPED.format(mapping="map_task(train)")
        yield Row(
            "`map_task`",
            order,
            written(PLAIN, "task", order, mapping),
            inputs={"n": [1, 3, 5]},
            environment=INDEX,
            node="-n0-0-n1-0",
            resolver=(*MAP_RESOLVER, *BY_MODULE),
        )
        yield Row(
            "`map_task` of a `functools.partial`",
            order,
            written(WITH_M, "task", order, MAPPED.format(mapping="map_task(functools.partial(train, m=10))")),
            inputs={"n": [1, 3, 5], "m": 10},
            environment=INDEX,
            node="-n0-0-n1-0",
            output=14,
            resolver=("vars", "m", *MAP_RESOLVER[2:], *BY_MODULE),
        )
        yield Row(
            "legacy `map_task` (before ArrayNode)",
            order,
            written(LEGACY + PLAIN, "task", order, MAPPED.format(mapping="legacy_map_task(train)")),
            inputs={"n": [1, 3, 5]},
            environment=INDEX,
            node="-n0-0/1/0",
            resolver=(*MAP_RESOLVER, *BY_MODULE),
        )
        yield Row("`@task` in a class body, with a name in the module", order, written(IN_CLASS, "task", order))
        yield Row(
            "`@task` in a class body alone",
            order,
            written(LOADED_FROM_CLASS, "task", order, CALLED_IN_CLASS),
            cells(pod=Cell("AttributeError", "has no attribute 'train'", own=True)),
        )
        yield Row("`@task` in `__main__`", order, written(PLAIN, "task", order), place="script")
        notebook = ("resolver", "flytekit.core.python_auto_container.default_notebook_task_resolver")
        by_entity = ("--resolver", notebook[1], "--", "entity-name", "train")
        yield Row("`@task` in a notebook", order, written(PLAIN, "task", order), place="notebook", resolver=by_entity)
        yield Row(
            "`@task` of an `async def` in a notebook",
            order,
            written(ASYNC, "task", order, AWAITED),
            cells(in_workflow=unawaited),
            place="notebook",
            resolver=by_entity,
        )
        yield Row(
            "`map_task` in a notebook",
            order,
            written(PLAIN, "task", order, mapping),
            inputs={"n": [1, 3, 5]},
            environment=INDEX,
            node="-n0-0-n1-0",
            place="notebook",
            resolver=("vars", "", *notebook, "entity-name", "train"),
        )
        in_notebook = Cell("FlyteAssertion", "Dynamic tasks are not supported in interactive mode", own=True)
        yield Row(
            "`@dynamic` in a notebook",
            order,
            written(DYNAMIC, "dynamic", order),
            cells(serialized=in_notebook, pod=in_notebook),
            place="notebook",
        )
        by_name = Cell("UnsupportedFunctionError", "is on a lambda in")
        by = "lambda: log(3) and None"
        made = f"task(track({by}))" if order == "below" else f"track(task({by}))"
        no_inputs = "\ndef called():\n    train()\n\n@workflow\ndef pipeline() -> None:\n    train()\n"
        yield Row("a lambda", order, f"{HEADER}\ntrain = {made}\n{no_inputs}", cells(serialized=by_name, pod=by_name))
        yield Row(
            "a function in a function",
            order,
            written(NESTED, "task", order),
            everywhere("ValueError", "TaskFunction cannot be a nested/inner or local function", own=True),
        )
        refused = everywhere("UnsupportedFunctionError", "a generator function")
        yield Row("a generator", order, written(GENERATOR, "task", order), refused)
        yield Row("an async generator", order, written(ASYNC_GENERATOR, "task", order), refused)
        # `@workflow` above does not see its tasks until it compiles.
        yield Row(
            "`@workflow`",
            order,
            written(WORKFLOW, "workflow", order),
            everywhere("UnsupportedFunctionError", "put it on the tasks"),
        )
        for kind, body in (("dynamic", DYNAMIC), ("eager", EAGER)):
            yield Row(
                f"`map_task` of `@{kind}`",
                order,
                written(body, kind, order, MAPPED.format(mapping="map_task(train)")),
                everywhere("ValueError", "(not @dynamic or @eager)", own=True),
            )
    yield Row("`ContainerTask`", "above", HEADER + CONTAINER, everywhere("UnsupportedFunctionError", "Python function"))


ROWS = list(rows())


def table() -> str:
    """The matrix as Markdown: a row for each shape, and what does not work of it in words."""
    lines = ["| task | works | does not work |", "|---|---|---|"]
    for shape in dict.fromkeys(row.shape for row in ROWS):
        orders = {row.order: parts(row) for row in ROWS if row.shape == shape}
        same = len(set(orders.values())) == 1
        texts = [
            "<br>".join(dict.fromkeys(text if same else f"{order}: {text}" for order, text in each if text))
            for each in zip(*([(order, text) for text in texts] for order, texts in orders.items()), strict=True)
        ]
        lines.append(f"| {shape} | {' | '.join(texts)} |")
    return "\n".join(lines) + "\n"


def parts(row: Row) -> tuple[str, str]:
    """Where a row works, and each error with the places that it comes at."""
    works = [column for column in COLUMNS if not row.cells[column].error]
    errors = dict.fromkeys(str(row.cells[column]).removeprefix("no: ") for column in COLUMNS if column not in works)
    remarks = dict.fromkeys(f" ({row.cells[column].text})" for column in works if row.cells[column].text)
    failing = []
    for error in errors:
        places = [column for column in COLUMNS if str(row.cells[column]) == f"no: {error}"]
        failing.append(error if len(places) == len(COLUMNS) else f"{', '.join(places)}: {error}")
    everywhere = "everywhere" if len(works) == len(COLUMNS) else ", ".join(works) or "nowhere"
    return everywhere + "".join(remarks), "<br>".join(failing)


def test_the_page_s_table_is_this_matrix() -> None:
    assert table() in PAGE.read_text(), "run `python -m tests.pod.test_shapes`"


# A laptop and a pod for each row, side by side

REPORT = """
import importlib, gzip, json, linecache, os, sys
import cloudpickle
from flytekit.core import context_manager
from flytekit.core.type_engine import TypeEngine
from flytekit.core.utils import write_proto_to_file
from flytekit.remote.remote import _get_pickled_target_dict
from tests.support.pod import template_of

url = os.environ["COMET_URL_OVERRIDE"]

def define(module, place, source, **_):
    if place == "module":
        return vars(importlib.import_module(module))
    name = sys.modules["__main__"].__file__
    if place == "notebook":
        # flytekit takes it for a sign of a notebook.
        open("pkl.gz", "w").close()
        name = "<ipython-input-1>"
        # What a notebook does as well.
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    exec(compile(source, name, "exec"), globals())
    return globals()

def serialized(names, place, inputs, room, **_):
    entity = names.get("entity") or names.get("train") or names["Steps"].train
    if place == "notebook":
        with gzip.GzipFile("pkl.gz", "wb", mtime=0) as file:
            cloudpickle.dump(_get_pickled_target_dict(entity)[1], file)
    for _ in range(2):
        template = template_of(entity)
    interface = entity.python_interface.inputs
    given = {name: value for name, value in inputs.items() if name in interface}
    context = context_manager.FlyteContext.current_context()
    literals = TypeEngine.dict_to_literal_map(context, given, interface)
    write_proto_to_file(literals.to_flyte_idl(), os.path.join(room, "work", "inputs.pb"))
    secrets = (template.security_context.secrets or []) if template.security_context else []
    return {
        "config": dict(template.config),
        "arguments": list(template.container.args),
        "environment": dict(template.container.env),
        "secrets": [secret.key for secret in secrets],
    }

def report_of(row):
    report = {}

    def cell(column, function):
        try:
            report[column] = {"value": function()}
        except BaseException as error:
            report[column] = {"error": type(error).__name__, "text": str(error)}

    os.environ["COMET_URL_OVERRIDE"] = url.replace("/clientlib/", "/silent/" + row["module"] + "/clientlib/")
    cell("defined", lambda: define(**row))
    if "value" in report["defined"]:
        names = report["defined"].pop("value")
        report["defined"]["value"] = None
        keys = names["keys"]
        pipeline = names["pipeline"]
        cell("serialized", lambda: serialized(names, **row))
        cell("compiled", lambda: len(pipeline.nodes))
        report["keys before"] = list(keys)
        os.environ["COMET_URL_OVERRIDE"] = url
        keys.clear()
        cell("called", names["called"])
        report["keys called"] = list(keys)
        keys.clear()
        inputs = {"n": row["inputs"]["n"]} if pipeline.python_interface.inputs else {}
        cell("in a workflow", lambda: pipeline(**inputs))
        report["keys in a workflow"] = list(keys)
        if "error" in report["compiled"]:
            # flytekit compiles once, and does not notice that it failed.
            report["in a workflow"] = report["compiled"]
            if report["serialized"].get("error") == "AttributeError":
                report["serialized"] = report["compiled"]
    return report

for row in ROWS:
    print("\\nREPORT", row["module"], json.dumps(report_of(row), default=repr), flush=True)
"""


class Fleet(Pod):
    """Laptops and pods that run side by side."""

    def __init__(self, directory: Path, comet: CometServer, *, fresh: bool) -> None:
        super().__init__(directory, {"COMET_HOST_FOR_TESTS": comet.url}, fresh=fresh)
        self.comet = comet
        self.reports: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, Future[Run]] = {}

    def start(self, rows: list[Row], in_pods: list[Row], threads: ThreadPoolExecutor) -> None:
        """Start everything: modules a few to a laptop, since a process costs more than they do."""
        for row in rows:
            for name in ("out", "home", "work", "tmp", "code"):
                (self.room(row) / name).mkdir(parents=True)
            (self.room(row) / "code" / f"{row.module}.py").write_text(row.source)
        modules = [row for row in rows if row.place == "module"]
        groups = [modules[start::4] for start in range(4)] + [[row] for row in rows if row.place != "module"]
        laptops = {
            row.name: laptop for group in groups for laptop in [threads.submit(self._laptop, group)] for row in group
        }
        for row in rows:
            self.reports[row.name] = laptops[row.name].result()[row.module]
            if row in in_pods:
                self.runs[row.name] = threads.submit(self._pod, row)

    def room(self, row: Row) -> Path:
        return self.directory / row.module

    def _laptop(self, rows: list[Row]) -> dict[str, dict[str, Any]]:
        room = self.room(rows[0])
        path = os.pathsep.join([*(str(self.room(row) / "code") for row in rows), str(ROOT)])
        script = room / "code" / (f"{rows[0].module}.py" if rows[0].place == "script" else "laptop.py")
        asked = [
            {
                "module": row.module,
                "place": row.place,
                "source": row.source,
                "inputs": row.inputs,
                "room": str(self.room(row)),
            }
            for row in rows
        ]
        script.write_text(f"ROWS = {asked!r}\n{REPORT}")
        url = f"{self.comet.url}/clientlib/"
        names = {"COMET_API_KEY": CANARY, "COMET_URL_OVERRIDE": url, "PYTHONPATH": path}
        run = self._run([sys.executable, str(script)], room, names, 290)
        found = re.findall(r"^REPORT (\w+) (.*)$", run.log, re.MULTILINE)
        assert len(found) == len(rows), run.log
        return {module: json.loads(text) for module, text in found}

    def _pod(self, row: Row) -> Run:
        room, report = self.room(row), self.reports[row.name]
        serialized = report.get("serialized", report["defined"])
        if "arguments" not in (serialized.get("value") or {}) or row.cells["in a pod"] is NOT_RUN:
            return Run(1, f"{serialized.get('error')}: {serialized.get('text')}", room)
        # A pod has the code, and of a laptop nothing but it; from a notebook, the pickle.
        (room / "code" / f"{row.module}.py").write_text(row.source)
        if row.place == "notebook":
            (room / "code" / f"{row.module}.py").unlink()
        values = {
            "{{.input}}": str(room / "work" / "inputs.pb"),
            "{{.outputPrefix}}": str(room / "out"),
            "{{.rawOutputDataPrefix}}": f"{room}/raw/i4/{row.execution}{row.node}",
            "{{.checkpointOutputPrefix}}": f"{room}/raw/check",
            "{{.prevCheckpointPrefix}}": '""',
        }
        command = [values.get(argument, argument) for argument in serialized["value"]["arguments"]]
        names = {
            SECRET_VARIABLE: CANARY,
            **POD_ENVIRONMENT,
            **serialized["value"]["environment"],
            "HOSTNAME": f"{row.execution}-n0-0",
            "FLYTE_INTERNAL_EXECUTION_ID": row.execution,
            **row.environment,
        }
        run = self._run(command, room, names, 290)
        # Of a legacy map task, the entrypoint puts each node's outputs into a directory of its own.
        for file in (room / "out" / "1").glob("*.pb"):
            file.rename(room / "out" / file.name)
        return run


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


by_row = pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
# What is above @task gets into a pod in one way: some of them stand for all.
ABOVE_IN_POD = ("`@task`", "`@dynamic` with tracked children", "`map_task`", "`@task` in a notebook")
by_pod = pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, marks=[pytest.mark.slow] * (row.order == "above" and row.shape not in ABOVE_IN_POD))
        for row in ROWS
    ],
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


@by_pod
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


# A given key

KEY = "0123456789abcdef0123456789abcdef"
keyed_track = comet_ml_login(project_name="digits", workspace="my-team", secret=SECRET, experiment_key=KEY)


@task
@keyed_track
def keyed_below(n: int) -> int:
    comet_ml.get_running_experiment().log_metric("m", n)
    return n


@keyed_track
@task
def keyed_above(n: int) -> int:
    comet_ml.get_running_experiment().log_metric("m", n)
    return n


@dynamic
@keyed_track
def keyed_parent(n: int) -> int:
    comet_ml.get_running_experiment().log_metric("parent", n)
    return keyed_below(n=n)


def legacy_map_task(entity: Any) -> Any:
    from flytekit.core import legacy_map_task

    return legacy_map_task.map_task(entity)


MAPS = {"ArrayNode": map_task, "partial": lambda entity: map_task(functools.partial(entity)), "legacy": legacy_map_task}


@pytest.mark.parametrize("mapping", MAPS.values(), ids=MAPS.keys())
@pytest.mark.parametrize("entity", [keyed_below, keyed_above], ids=["below", "above"])
def test_a_map_task_with_a_given_key_warns_once_that_all_nodes_share_it(
    entity: Any, mapping: Any, caplog: pytest.LogCaptureFixture
) -> None:
    mapped = mapping(entity)
    with caplog.at_level(logging.WARNING, "flytekitplugins.comet_ml"):
        assert template_of(mapped).config["experiment_key"] == KEY
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "flytekitplugins.comet_ml"]
    assert KEY in warning
    assert "All nodes of the map task" in warning


def test_a_task_with_a_given_key_that_nobody_maps_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    @task
    @keyed_track
    def alone(n: int) -> int:
        return n

    with caplog.at_level(logging.WARNING, "flytekitplugins.comet_ml"):
        template_of(alone)
    assert caplog.records == []


def test_all_nodes_of_a_map_task_log_to_the_given_key(laptop: CometServer) -> None:
    mapped = map_task(keyed_below)

    @workflow
    def pipeline(n: list[int]) -> list[int]:
        return mapped(n=n)

    assert pipeline(n=[1, 2]) == [1, 2]
    assert laptop.only_experiment.key == KEY
    assert [value for _, value in laptop.only_experiment.metrics["m"]] == [1, 2]


def test_the_children_of_a_dynamic_task_log_to_the_given_key(laptop: CometServer) -> None:
    assert keyed_parent(n=3) == 3
    assert laptop.only_experiment.key == KEY
    assert laptop.only_experiment.metrics["parent"] == [(None, 3)]
    assert laptop.only_experiment.metrics["m"] == [(None, 3)]


# Nesting

seen: list[tuple[str, str]] = []


def note(name: str, value: int) -> None:
    experiment = comet_ml.get_running_experiment()
    experiment.log_metric(name, value)
    seen.append((name, experiment.get_key()))


@task
@track
def child(n: int) -> int:
    note("child", n)
    return n


@task
@track
async def async_child(n: int) -> int:
    note("before", n)
    await asyncio.sleep(0.05)
    note("after", n)
    return n


@dynamic
@track
def parent_below(n: int) -> int:
    note("parent", 0)
    for value in range(n):
        child(n=value)
        note("parent", value + 1)
    return n


@track
@dynamic
def parent_above(n: int) -> int:
    note("parent", 0)
    for value in range(n):
        child(n=value)
        note("parent", value + 1)
    return n


@pytest.mark.parametrize("parent", [parent_below, parent_above], ids=["below", "above"])
def test_a_local_dynamic_and_its_children_do_not_mix(laptop: CometServer, parent: Any) -> None:
    seen.clear()
    before = dict(os.environ)
    assert parent(n=2) == 2
    assert dict(os.environ) == before
    assert comet_ml.get_running_experiment() is None
    assert [name for name, _ in seen] == ["parent", "child", "parent", "child", "parent"]
    (parent_key,) = {key for name, key in seen if name == "parent"}
    child_keys = [key for name, key in seen if name == "child"]
    assert set(laptop.experiments) == {parent_key, *child_keys}
    assert len(laptop.experiments) == 3
    metrics = {key: experiment.metrics for key, experiment in laptop.experiments.items()}
    assert metrics[parent_key] == {"parent": [(None, 0), (None, 1), (None, 2)]}
    assert [metrics[key] for key in child_keys] == [{"child": [(None, 0)]}, {"child": [(None, 1)]}]
    assert laptop.experiments[parent_key].name == f"{parent.task_function.__name__} local"


def test_a_local_eager_s_children_at_once_do_not_mix(laptop: CometServer) -> None:
    flytekit = pytest.importorskip("flytekit")

    @flytekit.eager
    @track
    async def parent(n: int) -> int:
        note("parent", 0)
        await asyncio.gather(*[async_child(n=value) for value in range(n)])
        note("parent", 1)
        return n

    seen.clear()
    assert asyncio.run(parent(n=3)) == 3
    (parent_key,) = {key for name, key in seen if name == "parent"}
    metrics = {key: experiment.metrics for key, experiment in laptop.experiments.items()}
    assert metrics.pop(parent_key) == {"parent": [(None, 0), (None, 1)]}
    children = sorted(metrics.values(), key=lambda found: found["before"][0][1])
    assert children == [{"before": [(None, value)], "after": [(None, value)]} for value in range(3)]


# Tools on a decorated function


def plain(n: int, lr: float = 0.1) -> float:
    """Train."""
    return n * lr


async def plain_async(n: int, lr: float = 0.1) -> float:
    """Train."""
    return n * lr


FUNCTIONS = pytest.mark.parametrize("function", [plain, plain_async], ids=["sync", "async"])


@FUNCTIONS
def test_inspect_sees_the_function(function: Any) -> None:
    tracked = track(function)
    assert inspect.isfunction(tracked)
    assert inspect.iscoroutinefunction(tracked) == inspect.iscoroutinefunction(function)
    assert inspect.signature(tracked) == inspect.signature(function)
    assert inspect.unwrap(tracked) is function
    assert inspect.getdoc(tracked) == "Train."
    assert inspect.getsource(tracked) == inspect.getsource(function)
    assert inspect.getfile(tracked) == __file__


@FUNCTIONS
def test_functools_wraps_on_top_keeps_what_flytekit_needs(function: Any) -> None:
    @functools.wraps(track(function))
    def wrapper(*args: Any, **kwargs: Any) -> Any: ...

    assert inspect.signature(wrapper) == inspect.signature(function)
    assert template_of(task(wrapper)).config["link_type"] == LINK_TYPE


@FUNCTIONS
def test_a_copy_tracks_as_well(laptop: CometServer, function: Any) -> None:
    for copied in (copy.copy(track(function)), copy.deepcopy(track(function))):
        result = copied(n=3)
        assert (asyncio.run(result) if inspect.isawaitable(result) else result) == pytest.approx(0.3)
    assert [experiment.parameters["n"] for experiment in laptop.experiments.values()] == [3, 3]


@FUNCTIONS
def test_a_pickled_function_tracks_in_a_fresh_process(laptop: CometServer, tmp_path: Path, function: Any) -> None:
    sys_modules = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(sys_modules)
    try:
        (tmp_path / "pickle").write_bytes(cloudpickle.dumps(track(function)))
    finally:
        cloudpickle.unregister_pickle_by_value(sys_modules)
    program = (
        "import asyncio, inspect, pickle, sys\n"
        "result = pickle.load(open(sys.argv[1], 'rb'))(n=3)\n"
        "print('RESULT', asyncio.run(result) if inspect.isawaitable(result) else result)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "pickle")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "RESULT 0.3" in done.stdout, done.stderr
    assert laptop.only_experiment.parameters["n"] == 3


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
