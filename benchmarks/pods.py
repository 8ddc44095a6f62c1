"""Tasks of `benchmarks/pods` in pods: the real entrypoint, as the control plane starts it, on the local disk."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flyteidl.core import errors_pb2
from flytekit.core.context_manager import FlyteContext
from flytekit.core.type_engine import TypeEngine
from flytekit.core.utils import load_proto_from_file, write_proto_to_file

from tests.support.pod import arguments_of
from tests.support.pod_environment import POD_ENVIRONMENT, SECRET_VARIABLE

from . import processes
from .environments import Environment
from .server import API_KEY

MODULES = Path(__file__).parent / "pods"
STEPS = 50
"""Metrics that a task logs."""
_EMPTY_ZIP = 22


@dataclass(frozen=True)
class Pods:
    """Runs tasks as pods.

    Attributes:
        ours: The environment with this plugin.
        existing: The environment with the existing plugin.
        directory: Where everything of the pods is.
    """

    ours: Environment
    existing: Environment
    directory: Path

    def prepare(self) -> None:
        """Write the tasks' inputs."""
        self.directory.mkdir(parents=True, exist_ok=True)
        context = FlyteContext.current_context()
        for mapped, value, kind in ((False, STEPS, int), (True, [STEPS] * 500, list[int])):
            literals = TypeEngine.dict_to_literal_map(context, {"steps": value}, {"steps": kind})
            write_proto_to_file(literals.to_flyte_idl(), str(self._inputs(mapped)))

    def run(
        self,
        module: str,
        url: str,
        *,
        index: int | None = None,
        environment: Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> processes.Finished:
        """Run `train` of a module.

        Args:
            module: A module of `benchmarks/pods`.
            url: The Comet server.
            index: The node of a map task over it; the task itself by default.
            environment: Further variables.
            timeout: Seconds until the pod is killed.
        """
        execution = "a" + uuid.uuid4().hex[:19]
        room = self.directory / execution
        room.mkdir(parents=True)
        name = f"{execution}-n0-0" if index is None else f"{execution}-n0-0-n{index}-0"
        values = {
            "{{.input}}": str(self._inputs(index is not None)),
            "{{.outputPrefix}}": str(room / "out"),
            "{{.rawOutputDataPrefix}}": f"{room}/raw/i4/{name}",
            "{{.checkpointOutputPrefix}}": f"{room}/raw/i4/{name}/_flytecheckpoints",
            "{{.prevCheckpointPrefix}}": '""',
        }
        mapped = {} if index is None else {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "INDEX", "INDEX": str(index)}
        finished = processes.run(
            [values.get(argument, argument) for argument in _arguments(module, index is not None)],
            binaries=(self.existing if module == "existing" else self.ours).binaries,
            directory=room,
            timeout=timeout,
            environment={
                **POD_ENVIRONMENT,
                SECRET_VARIABLE: API_KEY,
                "PYTHONPATH": str(MODULES),
                "HOSTNAME": name,
                "FLYTE_INTERNAL_EXECUTION_ID": execution,
                # Ours gets the server as its `host`; the others need it here.
                **({} if module == "tracked" else {"COMET_URL_OVERRIDE": f"{url}/clientlib/"}),
                "BENCHMARK_HOST": url,
                "BY_HAND_KEY": f"{execution}{uuid.uuid4().hex[:20]}",
                **mapped,
                **(environment or {}),
            },
        )
        error = room / "out" / "error.pb"
        document = load_proto_from_file(errors_pb2.ErrorDocument, str(error)) if error.exists() else None
        return dataclasses.replace(
            finished,
            error=document.error.message if document else "",
            archives=sum(archive.stat().st_size > _EMPTY_ZIP for archive in room.rglob("*.zip")),
        )

    def _inputs(self, mapped: bool) -> Path:
        return self.directory / ("inputs-of-a-map-task.pb" if mapped else "inputs.pb")


@functools.lru_cache
def _arguments(module: str, mapped: bool) -> list[str]:
    if str(MODULES) not in sys.path:
        sys.path.insert(0, str(MODULES))
    task = getattr(importlib.import_module(module), "mapped" if mapped else "train")
    return arguments_of(task)
