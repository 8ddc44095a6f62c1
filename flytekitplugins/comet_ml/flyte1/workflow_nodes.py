"""Where tasks stand in workflows: the nodes of a task, in sub-workflows, conditionals, map tasks and failure handlers.

The ids are those that Flyte puts together when the workflow runs: the parent's id, its attempt, the node's own id.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flytekit.core.condition import BranchNode
from flytekit.core.context_manager import FlyteEntities
from flytekit.core.node import Node
from flytekit.core.workflow import WorkflowBase


@dataclass(frozen=True)
class NodeOfTask:
    """A node that runs a task.

    Attributes:
        workflow: Name of the workflow.
        node_id: The node's id in the workflow's execution, in first attempts.
        kind: What is special about it: ``map task``, ``conditional``, ``failure node``; empty for a plain node.
    """

    workflow: str
    node_id: str
    kind: str = ""


class NodesOfTasks:
    """The nodes of all tasks, in all workflows that have been imported in this process."""

    def __init__(self) -> None:
        self._by_task: dict[int, list[NodeOfTask]] = {}
        for workflow in FlyteEntities.entities:
            if isinstance(workflow, WorkflowBase):
                for task, node in _nodes(workflow, workflow.name):
                    self._by_task.setdefault(id(task), []).append(node)

    def of(self, task: object) -> list[NodeOfTask]:
        """The nodes of a task, each once."""
        return list(dict.fromkeys(self._by_task.get(id(task), [])))


def _nodes(workflow: WorkflowBase, name: str, around: str = "", kind: str = "") -> Iterator[tuple[object, NodeOfTask]]:
    """The nodes of a workflow and of what is in it, each with its task."""
    for node in workflow.nodes:
        yield from _node(node, name, around, kind)
    # There since flytekit 1.10.
    failure = getattr(workflow, "failure_node", None)
    if failure is not None:
        yield from _node(failure, name, around, _kinds(kind, "failure node"))


def _node(node: Node, name: str, around: str, kind: str) -> Iterator[tuple[object, NodeOfTask]]:
    entity, inside = node.flyte_entity, f"{around}{node.id}-0-"
    if isinstance(entity, WorkflowBase):
        yield from _nodes(entity, name, inside, kind)
    elif isinstance(entity, BranchNode):
        for branch in _branches(entity):
            yield from _node(branch, name, inside, _kinds(kind, "conditional"))
    else:
        yield entity, NodeOfTask(name, f"{around}{node.id}", kind)
        for mapped in (getattr(entity, "python_function_task", None), getattr(entity, "run_task", None)):
            if mapped is not None:
                yield mapped, NodeOfTask(name, f"{inside}n<index>", _kinds(kind, "map task"))


def _branches(branch: BranchNode) -> Iterator[Node]:
    """The nodes of a conditional, one for each case that does not fail."""
    block = branch._ifelse_block
    nodes = [block.case.then_node, *(case.then_node for case in block.other or []), block.else_node]
    return (node for node in nodes if node is not None)


def _kinds(*kinds: str) -> str:
    return ", ".join(kind for kind in kinds if kind)
