"""Every shape of task in both orders, and what is expected of it at each place: the matrix of docs/task-shapes.md."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flytekitplugins.comet_ml.keys.experiment_key import link_suffix

SUFFIX = link_suffix("digits", "my-team")


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
