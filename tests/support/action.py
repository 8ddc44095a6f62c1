"""An action of Flyte 2: the real `a0` in a process of its own, started as the executor starts it, on the local disk."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flyte.report
from flyte._internal.runtime import convert
from flyte._internal.runtime.task_serde import translate_task_to_wire
from flyte.models import ActionID, RawDataPath, SerializationContext, TaskContext
from flyteidl2.core import execution_pb2
from flyteidl2.task import common_pb2

RUN_NAME = "rbcdfghjklmnpqrstvwx"
"""A name as Flyte's run service makes it up."""

ROOT, CHILD = "a0", "4f8nz7kq2m9x0c1v5b3h6j7d1"
"""Names of the root action and of a child."""

PROJECT, DOMAIN = "flytesnacks", "development"
_modules = itertools.count()
_TEMPLATES = {"run": "{{.runName}}", "action": "{{.actionName}}", "project": "{{.executionProject}}"}


def wire_of(task: Any, root: Path, *, run: str | None = None, parent: str = ROOT) -> Any:
    """The task as it is sent to Flyte.

    Args:
        task: The task.
        root: Directory of the module that it stands in.
        run: Name of the run, for a task that an action of it starts; None for the root action of a run.
        parent: The action that starts it.
    """
    context = TaskContext(
        action=ActionID(name=parent, run_name=run, project=PROJECT, domain=DOMAIN, org="local")
        if run
        else ActionID(name=_TEMPLATES["action"], run_name=_TEMPLATES["run"], project=PROJECT, domain=DOMAIN, org=""),
        version="v1",
        raw_data_path=RawDataPath(path=str(root)),
        output_path=str(root),
        run_base_dir=str(root),
        report=flyte.report.Report("report"),
    )
    settings = SerializationContext(version="v1", root_dir=root, project=PROJECT, domain=DOMAIN, org="local")
    return translate_task_to_wire(task, settings, task_context=context)


def links_of(wire: Any, *, run: str = RUN_NAME, action: str = ROOT, attempt: int = 0) -> list[str]:
    """The links as the backend fills them in: names in any case, blanks allowed (`tasklog/template.go`)."""
    values = {
        "runname": run,
        "actionname": action,
        "taskretryattempt": str(attempt),
        "executionproject": PROJECT,
        "executiondomain": DOMAIN,
    }

    def filled(variable: re.Match[str]) -> str:
        return values.get(variable[1].lower()) or variable[0]

    return [re.sub(r"\{\{\s*[.$](\w+)\s*\}\}", filled, link.uri) for link in wire.task_template.metadata.log_links]


def command_of(
    wire: Any, inputs: Path, outputs: Path, raw: Path, *, run: str = RUN_NAME, action: str = ROOT
) -> list[str]:
    """The command line of the task's container, filled in as the executor does, with `a0` where it is installed.

    Args:
        wire: The task as it is sent to Flyte.
        inputs: The file of its inputs.
        outputs: The directory of its outputs.
        raw: Its raw data path.
        run: Name of the run.
        action: Name of the action.
    """
    values = {
        "{{.input}}": str(inputs),
        "{{.outputPrefix}}": str(outputs),
        "{{.rawOutputDataPrefix}}": str(raw),
        "{{.checkpointOutputPrefix}}": f"{raw}/_flytecheckpoints",
        "{{.prevCheckpointPrefix}}": "",
        "{{.runName}}": run,
        "{{.actionName}}": action,
        "{{.runStartTime}}": "2026-11-25T12:00:00Z",
    }
    command = [values.get(argument, argument) for argument in wire.task_template.container.args]
    return [str(Path(sys.executable).with_name(command[0])), *command[1:]]


@dataclass
class Run:
    """What is left of an action.

    Attributes:
        status: Exit status of `a0`.
        log: What it printed.
        outputs: The directory of its outputs.
        directory: The directory of all actions.
        wire: The task as it is sent to Flyte.
    """

    status: int
    log: str
    outputs: Path
    directory: Path
    wire: Any

    @property
    def error(self) -> str:
        """Code and message of the error that the task ended with; empty if it succeeded."""
        file = self.outputs / "error.pb"
        if not file.exists():
            return ""
        document = execution_pb2.ErrorDocument()
        document.ParseFromString(file.read_bytes())
        return f"{document.error.code}: {document.error.message}"

    @property
    def report(self) -> str:
        """The report's HTML; empty if there is none."""
        file = self.outputs / "report.html"
        return file.read_text() if file.exists() else ""

    @property
    def archives(self) -> list[Path]:
        """What the action stored in its raw data path."""
        return sorted((self.directory / "raw").glob("**/comet-ml/*.zip"))

    def output(self) -> Any:
        """The task's one output, a primitive."""
        outputs = common_pb2.Outputs()
        outputs.ParseFromString((self.outputs / "outputs.pb").read_bytes())
        primitive = outputs.literals[0].value.scalar.primitive
        return getattr(primitive, primitive.WhichOneof("value"))


@dataclass
class RunningAction:
    """An action that runs.

    Attributes:
        process: The container's first process: the one that Kubernetes sends signals to.
        outputs: The directory of its outputs.
        directory: The directory of all actions.
        log: The file that it prints to.
        wire: The task as it is sent to Flyte.
    """

    process: subprocess.Popen[bytes]
    outputs: Path
    directory: Path
    log: Path
    wire: Any

    def wait(self, timeout: float = 280) -> Run:
        """Wait for its end, and return what is left."""
        status = self.process.wait(timeout)
        return Run(status, self.log.read_text(errors="replace"), self.outputs, self.directory, self.wire)


class Actions:
    """Runs tasks of a module as actions.

    Attributes:
        directory: Where everything of the actions is.
        environment: What every action finds in its environment on top of Flyte's names.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.environment = environment
        self._count = 0

    def module(self, source: str) -> Any:
        """Write a module and import it here, where it is deployed."""
        # Python keeps modules by their names, for all tests of the process.
        name = f"actions_{os.getpid()}_{next(_modules)}"
        folder = self.directory / f"source_{name}"
        folder.mkdir(parents=True)
        (folder / f"{name}.py").write_text(source)
        sys.path.insert(0, str(folder))
        try:
            return importlib.import_module(name)
        finally:
            sys.path.remove(str(folder))

    def run(self, module: Any, task: str, *, timeout: float = 280, **options: Any) -> Run:
        """Run a task, and wait for its end. Options: those of `start`."""
        return self.start(module, task, **options).wait(timeout)

    def start(
        self,
        module: Any,
        task: str,
        *,
        run: str = RUN_NAME,
        action: str = ROOT,
        attempt: int = 0,
        inputs: Mapping[str, Any] | None = None,
        environment: Mapping[str, str | None] | None = None,
        wrapper: tuple[str, ...] = (),
    ) -> RunningAction:
        """Run a task.

        Args:
            module: What `module` returned, or a module that can be imported where it is.
            task: The task's name in it.
            run: Name of the run.
            action: Name of the action.
            attempt: Number of the attempt, from 0.
            inputs: The task's inputs.
            environment: What else is in its environment; None takes a name away.
            wrapper: Command and arguments that stand before `a0`.
        """
        root = Path(module.__file__).parent
        template = getattr(module, task)
        wire = wire_of(template, root, run=run if action != ROOT else None)
        self._count += 1
        # As the executor makes it: attempts are counted from 1.
        outputs = self.directory / "run" / str(self._count) / action / str(attempt + 1)
        outputs.mkdir(parents=True)
        names = list(template.native_interface.inputs)
        literals = asyncio.run(convert.convert_from_native_to_inputs(template.native_interface, **(inputs or {})))
        assert all(name in names for name in inputs or {})
        (outputs / "inputs.pb").write_bytes(literals.proto_inputs.SerializeToString())
        raw = self.directory / "raw" / str(self._count)
        command = command_of(wire, outputs / "inputs.pb", outputs, raw, run=run, action=action)
        log = self.directory / f"log{self._count}"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*wrapper, *command],
                cwd=root,
                env=self.variables(run, action, attempt, environment or {}),
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        return RunningAction(process, outputs, self.directory, log, wire)

    def variables(self, run: str, action: str, attempt: int, changes: Mapping[str, str | None]) -> dict[str, str]:
        """The environment of an action: what `start` says of its arguments."""
        environment: dict[str, str | None] = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ},
            **({"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}),
            "ACTION_NAME": action,
            "RUN_NAME": run,
            "_U_RUN_BASE": str(self.directory / "base"),
            "_U_ORG_NAME": "local",
            "FLYTE_INTERNAL_EXECUTION_ID": run,
            "FLYTE_INTERNAL_EXECUTION_PROJECT": PROJECT,
            "FLYTE_INTERNAL_EXECUTION_DOMAIN": DOMAIN,
            "FLYTE_ATTEMPT_NUMBER": str(attempt),
            # The controller's address, which a task that starts no other never uses.
            "_U_EP_OVERRIDE": "127.0.0.1:9",
            "_U_INSECURE": "1",
            **self.environment,
            **changes,
        }
        return {name: value for name, value in environment.items() if value is not None}
