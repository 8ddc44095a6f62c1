"""What `doctor` has to say about the decorated tasks of Flyte 2."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from ..decorated import ActionTask
from ..flyte2.link import CometActionLink
from ..flyte2.registration import Task
from ..flyte2.secret import flyte_secret
from ..flyte2.tasks import place_of, tracked_tasks
from ..options import FlyteSecret
from ..shown import shown
from .report import Report, examine, examine_place


def reports_of(modules: list[ModuleType]) -> list[Report]:
    """What there is to say about every decorated task of Flyte 2 in some modules. Nothing is sent.

    Args:
        modules: The modules, imported.
    """
    return [_report(task, action_task) for task, action_task in tracked_tasks(modules)]


def _report(task: Task, action_task: ActionTask) -> Report:
    found = Report(task.name, action_task.options.link, [], generation="flyte2")
    place = place_of(task)
    if place is not None:
        examine_place(found, place.module, place.name, place.value, right=place.right)
    examine(found, action_task.options, _secret(action_task.options.secret), ("link", _links(task)))
    if not task.report:
        found.notes.append("report=False: the action has no report, and so none with a tab of Comet.")
    if task.cache.is_enabled():
        found.notes.append("An action whose result comes from the cache has no experiment: its link leads nowhere.")
    return found


def _links(task: Task) -> list[str]:
    """Where the links lead, with <...> for what Flyte fills in."""
    lines = []
    for link in task.links:
        if isinstance(link, CometActionLink):
            root = link.get_link(
                run_name="{{.runName}}",
                project="{{.executionProject}}",
                domain="{{.executionDomain}}",
                context={},
                parent_action_name="{{.actionName}}",
                action_name="{{.actionName}}",
                pod_name="{{.podName}}",
            )
            lines.append(f"root action: {_readable(root)}")
            if "#" in root:
                lines.append("right for every action: the resolver page finds its experiment")
            elif link.experiment_key is None:
                lines += [
                    "right for runs with a name that Flyte made up, and for children of any run; for runs with a name",
                    "of yours, and deployed tasks that others start, name the resolver page (COMET_FLYTE_RESOLVER)",
                ]
    return lines or ["none"]


def _readable(url: str) -> str:
    return url.replace("{{.", "<").replace("}}", ">")


def _secret(secret: FlyteSecret | Callable[[], str]) -> str | None:
    requested = flyte_secret(secret)
    if requested is None:
        return None
    group = f"group {shown(requested.group)}, " if requested.group else ""
    place = f"environment variable {requested.as_env_var}" if requested.as_env_var else "a file"
    return f"{group}key {shown(requested.key)}, as {place}; the decorator requests it"
