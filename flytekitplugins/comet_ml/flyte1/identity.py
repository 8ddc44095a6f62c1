"""Who is running: from flytekit's context and the pod's environment to an identity."""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flytekit.core.context_manager import ExecutionParameters, FlyteContext, flyte_context_Var

from .. import names
from ..front_end.identity import BaseIdentity
from ..keys import experiment_key
from ..keys.experiment_key import Scope
from ..keys.node_id import node_id
from ..log import logger
from ..ranks import rank_of

# What flytekit makes of a task's name for a map task over it: `module.map_function_<digest>`, and "-arraynode".
_MAP_TASK = re.compile(r"(?P<module>(?:.*\.)?)map_(?P<function>.+)_[0-9a-f]{32}(?:-arraynode)?")


@dataclass(frozen=True, kw_only=True)
class Identity(BaseIdentity):
    """What Flyte 1 knows about the call that is being tracked.

    Attributes:
        execution: Name of the execution; None locally, and in people's tests with a mocked context.
        node: The name that the control plane generated for the pod, with index and subtask attempt for a legacy map
            task.
        node_id: The node's id in the execution, the same for all its attempts; None where the names do not tell it.
        workflow: The workflow, as `project:domain:name`.
        execution_url: Address of the execution in the Flyte console, where the platform provides it.
        hostname: The pod's host name, or the nearest thing to it.
        map_index: Which element of its list a node of a map task works on, from "0"; None in other tasks.
        local_run: What the calls of one local run have in common; None in a cluster, and for a plain call.
    """

    execution: str | None = None
    node: str | None = None
    node_id: str | None = None
    workflow: str | None = None
    execution_url: str | None = None
    hostname: str = ""
    map_index: str | None = None
    local_run: str | None = None

    def experiment_key(self, *, workspace: str, project_name: str, scope: Scope = "attempt") -> str:
        """The key of the experiment (`BaseIdentity`). Where nobody knows the node, "node" is as "attempt"."""
        if self.execution is None or scope == "attempt":
            return self._key_of(self.node, workspace, project_name)
        known = self._known(self.execution, workspace, project_name)
        if scope == "execution":
            return experiment_key.derive_execution_key(**known)
        if self.node_id is not None:
            return experiment_key.derive_node_key(**known, node_id=self.node_id)
        logger.warning(
            'scope="node" is as scope="attempt" here: the name of this pod (%s) and its output prefix do not tell '
            "which node it belongs to.",
            self.node,
        )
        return self._key_of(self.node, workspace, project_name)

    def earlier_experiment_keys(self, *, workspace: str, project_name: str) -> dict[str, str]:
        """The keys of all earlier attempts' experiments (`BaseIdentity`)."""
        keys: dict[str, str] = {}
        node, attempt = self.node or "", self.attempt or ""
        while (earlier := experiment_key.previous_attempt(node, attempt)) is not None:
            # Subtasks of a legacy map task count their own.
            node, attempt = earlier, earlier.rpartition("/" if "/" in earlier else "-")[2]
            keys[attempt] = self._key_of(node, workspace, project_name)
        return keys

    def _key_of(self, node: str | None, workspace: str, project_name: str) -> str:
        if self.execution is None or node is None:
            return experiment_key.hostname_key(self.hostname, project_name, workspace)
        known = self._known(self.execution, workspace, project_name)
        return experiment_key.derive_experiment_key(**known, generated_name=node)

    def _known(self, execution: str, workspace: str, project_name: str) -> dict[str, str]:
        return {
            "flyte_project": self.project or "",
            "flyte_domain": self.domain or "",
            "execution": execution,
            "workspace": workspace,
            "project_name": project_name,
        }

    def _others_of_all(self) -> Mapping[str, str | None]:
        return {
            names.FLYTE_EXECUTION: self.execution,
            names.FLYTE_PROJECT: self.project,
            names.FLYTE_DOMAIN: self.domain,
            names.FLYTE_WORKFLOW: self.workflow,
            names.FLYTE_EXECUTION_URL: self.execution_url,
            names.FLYTE_LOCAL_RUN: self.local_run,
        }

    def _others_of_this(self) -> Mapping[str, str | None]:
        return {
            names.FLYTE_NODE: self.node,
            names.FLYTE_ATTEMPT: self.attempt,
            names.FLYTE_TASK: self.task,
            names.FLYTE_TASK_VERSION: self.task_version,
            names.FLYTE_MAP_INDEX: self.map_index,
        }

    def _node_mark(self, scope: Scope) -> str | None:
        return None if self.local or scope != "execution" else self.node_id or self.node or self.hostname

    def experiment_name(self, scope: Scope = "attempt") -> str:
        """The task and the execution, or the execution alone (`BaseIdentity`)."""
        if self.execution and scope == "execution":
            return self.execution
        index = f"[{self.map_index}]" if self.map_index is not None else ""
        return f"{self.task.rpartition('.')[2]}{index} {self.execution or 'local'}"


def identify(context: FlyteContext, environ: Mapping[str, str], *, task: str) -> Identity:
    """Who is running.

    Args:
        context: flytekit's current context.
        environ: The environment of the process.
        task: Name of the decorated function, where Flyte does not say which task this is.
    """
    if is_local(context):
        return Identity(local=True, task=task, local_run=_local_run(), rank=rank_of(environ))
    parameters = context.user_space_params
    # Without the variable this is somebody's test: in a pod, the control plane always sets it.
    execution = environ.get("FLYTE_INTERNAL_EXECUTION_ID")
    prefix = parameters.raw_output_prefix
    hostname = environ.get("HOSTNAME")
    attempt = environ.get("FLYTE_ATTEMPT_NUMBER")
    registered = environ.get("FLYTE_INTERNAL_TASK_NAME") or task
    map_index = _map_index(environ)
    node = unattempted = None
    if execution:
        node = experiment_key.generated_name(execution, prefix if isinstance(prefix, str) else None, hostname)
        unattempted = node_id(execution, node, attempt, _output_prefix(parameters, sys.argv))
    return Identity(
        local=False,
        task=_mapped_task(registered) if map_index is not None else registered,
        execution=execution or None,
        project=environ.get("FLYTE_INTERNAL_EXECUTION_PROJECT"),
        domain=environ.get("FLYTE_INTERNAL_EXECUTION_DOMAIN"),
        node=node,
        node_id=unattempted,
        attempt=attempt,
        task_version=environ.get("FLYTE_INTERNAL_TASK_VERSION"),
        workflow=environ.get("FLYTE_INTERNAL_EXECUTION_WORKFLOW"),
        execution_url=environ.get("FLYTE_EXECUTION_URL"),
        hostname=str(parameters.execution_id.name) if hostname is None else hostname,
        map_index=map_index,
        rank=rank_of(environ),
    )


def _map_index(environ: Mapping[str, str]) -> str | None:
    """Which element a node of a map task works on, as flytekit's own map tasks find out."""
    variable = environ.get("BATCH_JOB_ARRAY_INDEX_VAR_NAME") or ""
    index, offset = environ.get(variable) or "", environ.get("BATCH_JOB_ARRAY_INDEX_OFFSET") or "0"
    return str(int(index) + int(offset)) if index.isdecimal() and offset.isdecimal() else None


def _mapped_task(name: str) -> str:
    """Name of the task that a map task is over."""
    found = _MAP_TASK.fullmatch(name)
    return f"{found['module']}{found['function']}" if found else name


def _local_run() -> str | None:
    """What the calls of one local run have in common: an identifier that is kept with the outermost state of the run.

    flytekit gives all local runs the same execution id. It keeps the contexts around a call in a stack, the outermost
    first. Each run begins with a new execution state.
    """
    for context in flyte_context_Var.get():
        state = context.execution_state
        if state is not None and state.is_local_execution():
            return str(vars(state).setdefault("_comet_ml_local_run", uuid.uuid4().hex[:12]))
    return None


def _output_prefix(parameters: ExecutionParameters, arguments: Sequence[str]) -> str | None:
    """Where the pod writes its result: `output_metadata_prefix`, or the argument of flytekit's entrypoint.

    A worker process of torch Elastic has no such parameter, but its parent's arguments (Python's multiprocessing).
    """
    prefix = getattr(parameters, "output_metadata_prefix", None)
    if isinstance(prefix, str):
        return prefix
    return next((value for name, value in pairwise(arguments) if name == "--output-prefix"), None)


def is_local(context: FlyteContext) -> bool:
    """Whether a call is no task of a Flyte cluster: a local run, a worker process of one, or a plain call.

    Args:
        context: flytekit's current context.
    """
    state = context.execution_state
    if state is None or state.mode is None or state.is_local_execution():
        return True
    # A worker process of a local Elastic run has the mode of a pod, and an execution without a name (flytekit's
    # `setup_execution` takes it from the environment).
    execution_id = getattr(context.user_space_params, "execution_id", None)
    return execution_id is None or not execution_id.name
