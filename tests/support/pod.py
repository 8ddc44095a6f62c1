"""A pod: the real entrypoint in a process of its own, with the environment of the control plane, on the local disk.

Its process begins with flytekit loaded, because that takes longer than most tasks; with a fresh pod it does not.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyteidl.core import errors_pb2, literals_pb2
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.core import context_manager
from flytekit.core.type_engine import TypeEngine
from flytekit.core.utils import load_proto_from_file, write_proto_to_file
from flytekit.models.task import TaskTemplate
from flytekit.tools.translator import get_serializable

from tests.support.canary import CANARY
from tests.support.flytekit_process import CAN_FORK, ForkedProcess, forked
from tests.support.pod_environment import POD_ENVIRONMENT, SECRET_VARIABLE

SETTINGS = SerializationSettings(
    project="flytesnacks",
    domain="development",
    version="v1",
    image_config=ImageConfig(default_image=Image("default", "example.com/image", "v1")),
)

_PATH = os.environ["PATH"]
"""As it was at the beginning: pods are started by threads, while a test's environment is put back."""


def template_of(task: Any) -> TaskTemplate:
    """The task template that registering a task would send, checked to be valid on the wire."""
    spec = get_serializable(OrderedDict(), SETTINGS, task)
    spec.to_flyte_idl()
    return spec.template


def arguments_of(task: Any) -> list[str]:
    """Command line of a task's container, as registered."""
    template = template_of(task)
    if template.container is not None:
        return list(template.container.args)
    return list(template.k8s_pod.pod_spec["containers"][0]["args"])


@dataclass
class Run:
    """What is left of a pod.

    Attributes:
        status: Exit status of the entrypoint.
        log: What it printed.
        directory: Its outputs (`out`), home (`home`) and working directory (`work`).
    """

    status: int
    log: str
    directory: Path

    @property
    def error(self) -> str:
        """Message of the error that the task ended with; empty if it succeeded."""
        file = self.directory / "out" / "error.pb"
        return load_proto_from_file(errors_pb2.ErrorDocument, str(file)).error.message if file.exists() else ""

    @property
    def retried(self) -> bool:
        """Whether the control plane would retry this error without asking how many retries the user wants."""
        document = load_proto_from_file(errors_pb2.ErrorDocument, str(self.directory / "out" / "error.pb"))
        return bool(document.error.kind == errors_pb2.ContainerError.RECOVERABLE)

    def output(self) -> Any:
        """The task's one output, a primitive."""
        literals = load_proto_from_file(literals_pb2.LiteralMap, str(self.directory / "out" / "outputs.pb"))
        primitive = literals.literals["o0"].scalar.primitive
        return getattr(primitive, primitive.WhichOneof("value"))


@dataclass
class RunningPod:
    """A pod that runs.

    Attributes:
        process: The container's first process: the one that Kubernetes sends signals to.
        directory: The pod's directory; what it prints goes to the file `log` in it.
    """

    process: subprocess.Popen[bytes] | ForkedProcess
    directory: Path

    def wait(self, timeout: float = 280) -> Run:
        """Wait for its end, and return what is left."""
        status = self.process.wait(timeout)
        return Run(status, (self.directory / "log").read_text(errors="replace"), self.directory)


class Pod:
    """Runs tasks of a module as pods.

    Attributes:
        directory: Where everything of the pods is.
        environment: What every pod finds in its environment on top of the control plane's names.
        fresh: Whether the process is started by the command line, as in a cluster.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str], *, fresh: bool = False) -> None:
        self.directory = directory
        self.environment = environment
        self.fresh = fresh
        self._count = 0

    def command(self, module: str, task: Any, inputs: Mapping[str, Any], out: Path, name: str) -> list[str]:
        """The container's own command line, filled in as the control plane does."""
        context = context_manager.FlyteContext.current_context()
        literals = TypeEngine.dict_to_literal_map(context, dict(inputs), task.python_interface.inputs)
        write_proto_to_file(literals.to_flyte_idl(), str(out / "inputs.pb"))
        values = {
            "{{.input}}": str(out / "inputs.pb"),
            "{{.outputPrefix}}": str(out),
            "{{.rawOutputDataPrefix}}": f"{self.directory}/raw/i4/{name}",
            "{{.checkpointOutputPrefix}}": f"{self.directory}/raw/i4/{name}/_flytecheckpoints",
            "{{.prevCheckpointPrefix}}": '""',
        }
        return [values.get(argument, argument) for argument in arguments_of(task)]

    def run(
        self,
        source: str,
        task: str,
        *,
        generated_name: str = "ahq8bl2jkbsf7wxd4mzn-n0-0",
        inputs: Mapping[str, Any] | None = None,
        environment: Mapping[str, str | None] | None = None,
        timeout: float = 280,
    ) -> Run:
        """Register and run a task.

        Args:
            source: Text of the module that the task stands in.
            task: The task's name in it.
            generated_name: Last segment of the raw output prefix.
            inputs: The task's inputs.
            environment: Variables of this pod; None takes one away.
            timeout: Seconds until the pod is killed.
        """
        command, room = self.register(source, task, generated_name=generated_name, inputs=inputs)
        names = {SECRET_VARIABLE: CANARY, **POD_ENVIRONMENT, **(environment or {})}
        return self._run(command, room, names, timeout)

    def register(
        self,
        source: str,
        task: str,
        *,
        generated_name: str = "ahq8bl2jkbsf7wxd4mzn-n0-0",
        inputs: Mapping[str, Any] | None = None,
    ) -> tuple[list[str], Path]:
        """The command line of a task's container, and the directory that its pod will have."""
        self._count += 1
        module = f"podmodule{self._count}"
        room = self.directory / f"pod{self._count}"
        for name in ("out", "home", "work", "tmp", "code"):
            (room / name).mkdir(parents=True)
        (room / "code" / f"{module}.py").write_text(source)
        sys.path.insert(0, str(room / "code"))
        try:
            entity = getattr(importlib.import_module(module), task)
            return self.command(module, entity, inputs or {}, room / "out", generated_name), room
        finally:
            sys.path.remove(str(room / "code"))
            sys.modules.pop(module, None)

    def start(self, command: list[str], room: Path, environment: Mapping[str, str | None]) -> RunningPod:
        """Start a registered task, to be signalled or watched."""
        return self._start(command, room, {SECRET_VARIABLE: CANARY, **POD_ENVIRONMENT, **environment})

    def script(self, source: str, environment: Mapping[str, str | None] | None = None, *, timeout: float = 280) -> Run:
        """Run a module as a script on a laptop whose owner has logged in to the loopback server."""
        self._count += 1
        room = self.directory / f"script{self._count}"
        for name in ("out", "home", "work", "tmp", "code"):
            (room / name).mkdir(parents=True)
        file = room / "code" / f"script{self._count}.py"
        file.write_text(source)
        names = {
            "COMET_API_KEY": CANARY,
            "COMET_URL_OVERRIDE": f"{self.environment['COMET_HOST_FOR_TESTS']}/clientlib/",
            **(environment or {}),
        }
        return self._run([sys.executable, str(file)], room, names, timeout)

    def _run(self, command: list[str], room: Path, environment: Mapping[str, str | None], timeout: float) -> Run:
        running = self._start(command, room, environment)
        try:
            run = running.wait(timeout)
        except subprocess.TimeoutExpired:
            running.process.kill()
            running.process.wait()
            raise
        print(run.log)
        return run

    def _start(self, command: list[str], room: Path, environment: Mapping[str, str | None]) -> RunningPod:
        variables, log = self._variables(room, environment), room / "log"
        # Python and flytekit read these when they are loaded.
        early = any(name.startswith(("PYTHON", "FLYTE_SDK_")) and name != "PYTHONPATH" for name in variables)
        script = (
            [str(Path(sys.executable).with_name(command[0])), *command[1:]]
            if command[0] == "pyflyte-execute"
            else command[1:]
            if command[0] == sys.executable
            else []
        )
        if script and CAN_FORK and not (self.fresh or early):
            return RunningPod(forked(script, room / "work", variables, log), room)
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=room / "work",
                env=variables,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return RunningPod(process, room)

    def _variables(self, room: Path, environment: Mapping[str, str | None]) -> dict[str, str]:
        variables: dict[str, str | None] = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{_PATH}",
            "PYTHONPATH": str(room / "code"),
            "HOME": str(room / "home"),
            "TMPDIR": str(room / "tmp"),
            "COMET_ERROR_TRACKING_ENABLE": "0",
            **self.environment,
            **environment,
        }
        return {name: value for name, value in variables.items() if value is not None}
