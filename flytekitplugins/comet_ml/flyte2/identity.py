"""Who is running: from Flyte 2's task context and the environment to an identity."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from flyte.models import TaskContext

from .. import names
from ..front_end.identity import BaseIdentity
from ..keys.action_key import ROOT_ACTION, derive_action_key
from ..keys.experiment_key import Scope
from ..ranks import rank_of

_ATTEMPTS = re.compile(r"[1-9][0-9]*")
_MARK_LENGTH = 6


@dataclass(frozen=True, kw_only=True)
class Identity(BaseIdentity):
    """What Flyte 2 knows about the call that is being tracked. The task is named `<environment>.<function>`.

    Attributes:
        run: Name of the run; None where no action runs.
        action: Name of the action: `a0` for the first of a run.
    """

    run: str | None = None
    action: str | None = None

    def experiment_key(
        self, *, workspace: str, project_name: str, scope: Scope = "attempt", attempt: str | None = None
    ) -> str:
        """The key of the experiment (`BaseIdentity`), or that of another attempt."""
        return derive_action_key(
            scope,
            flyte_project=self.project or "",
            flyte_domain=self.domain or "",
            run=self.run or "",
            action=self.action or "",
            attempt=attempt or self.attempt or "0",
            workspace=workspace,
            project_name=project_name,
        )

    def earlier_experiment_keys(self, *, workspace: str, project_name: str) -> dict[str, str]:
        """The keys of all earlier attempts' experiments (`BaseIdentity`)."""
        earlier = map(str, reversed(range(int(self.attempt or "0"))))
        return {
            attempt: self.experiment_key(workspace=workspace, project_name=project_name, attempt=attempt)
            for attempt in earlier
        }

    # Flyte 1's names stand for the same things here, so that one query finds both: an execution is a run, and a node
    # is an action.

    def _others_of_all(self) -> Mapping[str, str | None]:
        return {
            names.FLYTE_RUN: self.run,
            names.FLYTE_EXECUTION: None if self.local else self.run,
            names.FLYTE_LOCAL_RUN: self.run if self.local else None,
            names.FLYTE_PROJECT: self.project,
            names.FLYTE_DOMAIN: self.domain,
        }

    def _others_of_this(self) -> Mapping[str, str | None]:
        return {
            names.FLYTE_ACTION: self.action,
            names.FLYTE_NODE: None if self.local else self.action,
            names.FLYTE_ATTEMPT: self.attempt,
            names.FLYTE_TASK: self.task,
            names.FLYTE_TASK_VERSION: self.task_version,
        }

    def _node_mark(self, scope: Scope) -> str | None:
        return None if self.local or scope != "execution" else self.action

    def experiment_name(self, scope: Scope = "attempt") -> str:
        """The task, the run, and which of its actions; or the run alone (`BaseIdentity`)."""
        run = None if self.local else self.run
        if run and scope == "execution":
            return run
        child = f" {self.action[:_MARK_LENGTH]}" if self.action and self.action != ROOT_ACTION else ""
        return f"{self.task.rpartition('.')[2]} {run or 'local'}{child}"


def identify(context: TaskContext | None, environ: Mapping[str, str], *, task: str) -> Identity:
    """Who is running.

    Args:
        context: Flyte 2's task context (`flyte.ctx()`).
        environ: The environment of the process.
        task: Name of the task.
    """
    if not context:
        return Identity(local=True, task=task, rank=rank_of(environ))
    # `flyte.trace` puts an action of its own into the place of the task's.
    action = context.task_action or context.action
    local = context.mode != "remote"
    return Identity(
        local=local,
        task=task,
        run=action.run_name,
        action=action.name,
        project=action.project,
        domain=action.domain,
        attempt=None if local else _attempt(context.output_path, action.name, environ),
        task_version=None if local else context.version,
        rank=rank_of(environ),
    )


def _attempt(output_path: str | None, action: str, environ: Mapping[str, str]) -> str | None:
    """The attempt, from "0", by the end of the output path: ``<action>/<attempt>``, from 1 (Flyte's executor).

    The environment is that of the pod, which in a reusable environment has actions of many attempts.
    """
    rest, _, number = (output_path or "").rstrip("/").rpartition("/")
    if _ATTEMPTS.fullmatch(number) and os.path.basename(rest) == action:
        return str(int(number) - 1)
    return environ.get("FLYTE_ATTEMPT_NUMBER")
