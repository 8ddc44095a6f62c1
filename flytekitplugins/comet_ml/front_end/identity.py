"""Who is running: what the identities of both generations of Flyte have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from ..keys.experiment_key import Scope
from ..names import marked
from ..ranks import Rank


@dataclass(frozen=True, kw_only=True)
class BaseIdentity(ABC):
    """What Flyte knows about the call that is being tracked.

    Attributes:
        local: Whether this is no task of a Flyte cluster: a local run, a worker process of one, or a plain call.
        task: Name of the task that its author wrote: for a node of a map task, that of the task which is mapped.
        project: Flyte project of the execution or run.
        domain: Flyte domain of the execution or run.
        attempt: Number of the attempt, from "0"; None where the names do not tell it.
        task_version: Version under which the task was registered.
        rank: Which of a distributed task's processes this is; None in a task of one process.
        part: The function, if its call shares the experiment of a call around it.
    """

    local: bool
    task: str
    project: str | None = None
    domain: str | None = None
    attempt: str | None = None
    task_version: str | None = None
    rank: Rank | None = None
    part: str | None = None

    @abstractmethod
    def experiment_key(self, *, workspace: str, project_name: str, scope: Scope = "attempt") -> str:
        """The key of the experiment. Only a call in a cluster has one.

        Args:
            workspace: Comet workspace.
            project_name: Comet project.
            scope: What the experiment covers.
        """

    @abstractmethod
    def earlier_experiment_keys(self, *, workspace: str, project_name: str) -> dict[str, str]:
        """The keys of all earlier attempts' experiments by attempt, newest first, as far as the names tell them.

        Args:
            workspace: Comet workspace.
            project_name: Comet project.
        """

    def mark(self, scope: Scope) -> str | None:
        """What tells this call from others in an experiment that they share; None where it has one of its own.

        Args:
            scope: What the experiment covers.
        """
        return "/".join(filter(None, (self._node_mark(scope), self.part))) or None

    @abstractmethod
    def _node_mark(self, scope: Scope) -> str | None:
        """What tells this node from others."""

    @abstractmethod
    def experiment_name(self, scope: Scope = "attempt") -> str:
        """A name for the experiment that people recognise.

        Args:
            scope: What the experiment covers.
        """

    @abstractmethod
    def _others_of_all(self) -> Mapping[str, str | None]:
        """The Others that are the same for the whole execution."""

    @abstractmethod
    def _others_of_this(self) -> Mapping[str, str | None]:
        """The Others of this node alone."""

    def others(self, scope: Scope = "attempt") -> dict[str, str]:
        """What the experiment says about its origin, by the names that it has in Comet's Others.

        Args:
            scope: What the experiment covers. What is not the same for all of it has the node's mark before its name.
        """
        mark = self.mark(scope)
        own = {marked(mark, name): value for name, value in self._others_of_this().items()}
        return {name: value for name, value in {**self._others_of_all(), **own}.items() if value}
