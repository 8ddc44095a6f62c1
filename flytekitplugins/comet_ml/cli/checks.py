"""What `doctor` has to say about one decorated task of Flyte 1: its link, its nodes, what is wrong, what to know."""

from __future__ import annotations

import importlib
from typing import Any

from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.core.python_auto_container import DefaultTaskResolver

from ..errors import InvalidOptionError
from ..flyte1.registration import TemplateConfig
from ..flyte1.tasks import Task
from ..flyte1.workflow_nodes import NodeOfTask
from ..link import CometLink
from ..log import logger
from ..shown import shown
from .report import Report, direct, examine, examine_place

_OWN_SECTIONS = ("ray", "dask", "spark")


def report(task: Task, template: TemplateConfig, nodes: list[NodeOfTask]) -> Report:
    """Examine a task. Nothing is sent, and no secret is read.

    Args:
        task: The decorated task.
        template: What the decorator put on it.
        nodes: Its nodes in the workflows that were imported.
    """
    link, options = template.link, template.options
    found = Report(task.name, link, nodes)
    _examine_template(found, task, template)
    _examine_place(found, task)
    examine(found, options, _secret(template), ("link", _link(link)), ("nodes", _nodes(nodes, link)))
    if link.experiment_key is None and link.scope == "execution":
        found.notes.append("Child launch plans are executions of their own, and so have experiments of their own.")
    if task.task_type in _OWN_SECTIONS:
        found.notes.append(
            f"{task.task_type.capitalize()} tasks have a section of their own in the platform's configuration: "
            f"config --section {task.task_type}."
        )
    return found


def _secret(template: TemplateConfig) -> str | None:
    try:
        secret = template.secret
    except InvalidOptionError:
        # It is among the problems of the template.
        return "none that Flyte 1 has"
    if secret is None:
        return None
    version = f", version {shown(secret.group_version)}" if secret.group_version else ""
    return f"group {shown(secret.group)}, key {shown(secret.key)}{version}; the decorator requests it"


# The link


def _link(link: CometLink) -> list[str]:
    config = link.config()
    if link.experiment_key is not None:
        return [f"{link.link_type}: {link.url(link.experiment_key)}", "right for every node"]
    names = {"attempt": "<execution><node><attempt>{}", "node": "<execution>{}<node>", "execution": "<execution>{}"}
    key = names[link.scope].format(config["link_suffix"])
    lines = [f"{link.link_type}: {config['host']}/{config['workspace']}/{config['project_name']}/{key}"]
    if link.scope == "execution":
        return [
            *lines,
            "right where Flyte made up the execution's name; for others the platform needs the resolver page",
        ]
    right = "whose execution has a name that Flyte made up"
    if link.scope == "attempt":
        right = "whose execution has a name of letters and digits, such as Flyte makes up"
    return [
        *lines,
        f"right for plain nodes {right}; for nodes of",
        "sub-workflows, conditionals, @dynamic tasks and map tasks the platform needs the resolver page",
    ]


def _nodes(nodes: list[NodeOfTask], link: CometLink) -> list[str]:
    lines = []
    for node in nodes:
        kind = f" ({node.kind})" if node.kind else ""
        right = "direct link" if direct(link, node.node_id) else "needs the resolver page"
        lines.append(f"{node.workflow} {node.node_id}{kind}: {right}")
    return lines or ["in no workflow that was imported"]


# What is wrong


def _examine_template(found: Report, task: Task, template: TemplateConfig) -> None:
    # It logs what is said below.
    logger.disabled = True
    try:
        config = task.get_config(SerializationSettings(ImageConfig.auto_default_image())) or {}
    except Exception as error:
        found.problems.append(f"It cannot be registered: {error}")
        return
    finally:
        logger.disabled = False
    for name, value in config.items():
        if not isinstance(value, str):
            found.problems.append(
                f"It cannot be registered: another decorator puts {value!r} where the template has a text ({name!r})."
            )
    for decorator, key, wanted in template.conflicts():
        name = type(decorator).__name__
        found.problems.append(
            f"{name} wants {key!r} to be {wanted!r} in the task's template, where it is comet_ml_login's: the link of "
            f"{name} in the Flyte console will be wrong."
        )


def _examine_place(found: Report, task: Task) -> None:
    """A pod imports the task's module, and looks for the task by its name in it."""
    resolver: Any = getattr(task, "task_resolver", None)
    if found.problems or type(resolver) is not DefaultTaskResolver:
        return
    try:
        _, module, _, name = resolver.loader_args(None, task)
        loaded = getattr(importlib.import_module(module), name, None)
    except Exception as error:
        found.problems.append(f"A pod cannot find it: {error}")
        return
    examine_place(found, module, name, loaded, right=loaded is task)
