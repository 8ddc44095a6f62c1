"""`doctor`: what is to be expected of the decorated tasks of a module, and what is wrong with them."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType

import click

from ..sdk.comet_sdk import sdk_of_process
from . import modules
from .report import Report, direct
from .terminal import columns
from .versions import versions, versions_line

_DETAILED = 5
"""So many tasks are described one by one. For more, there is a table."""


@dataclass
class _Examination:
    """What was found out about a target.

    Attributes:
        target: What was asked about.
        reports: What there is to say about each task.
        functions: Names of decorated functions that no task was made of.
        failures: What could not be imported, and why.
    """

    target: str
    reports: list[Report] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def problems(self) -> int:
        return sum(len(each.problems) for each in self.reports) + len(self.failures)

    @property
    def good(self) -> bool:
        return bool(self.reports) and not self.problems


@click.command()
@click.argument("target", metavar="TARGET[:TASK]")
@click.option("--verbose", is_flag=True, help="Describe every task, also where there are many of them.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for a script or CI.")
def command(target: str, verbose: bool, as_json: bool) -> None:
    """Check the decorated tasks of a module, a package or a directory.

    TARGET is a dotted name, looked for in the current directory first, a .py file or a directory. Of a package, all
    modules are checked; of a directory, all files that import Flyte. For each decorated task it says which experiment
    it has, where the link in the Flyte console leads and for which nodes that is right, which secret it requests and
    which server it talks to. Many tasks are a table, with the details of those that have a problem. Nothing is sent,
    and no secret is read.

    \b
    Examples:
      python -m flytekitplugins.comet_ml doctor train.py
      python -m flytekitplugins.comet_ml doctor src/
      python -m flytekitplugins.comet_ml doctor my_project.workflows
      python -m flytekitplugins.comet_ml doctor my_project.workflows:train
      python -m flytekitplugins.comet_ml doctor --json my_project.workflows

    The exit code is 0 if nothing is wrong, 1 if something is, and 2 for a wrong command line.
    """  # noqa: D301 - click wants the character itself
    name, _, wanted = target.partition(":")
    if not name:
        raise click.BadParameter("give a module, such as train.py or my_project.workflows.", param_hint="TARGET[:TASK]")
    found = _Examination(name)
    try:
        # A module may print something, and standard output is for what is found out.
        with contextlib.redirect_stdout(sys.stderr):
            _examine(found, wanted)
    except click.ClickException as error:
        if not as_json:
            raise
        found.failures.append(error.message)
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=2))
    else:
        _print(found, verbose)
    if not found.good:
        raise SystemExit(1)


def _examine(found: _Examination, wanted: str) -> None:
    """Import the target, and look at its tasks, or at one of them."""
    loaded = modules.load(found.target)
    reports, functions = _tasks_and_functions(loaded.modules)
    # Flyte knows the tasks before the line that fails, and nothing about them can be told.
    reports = [each for each in reports if each.name.rpartition(".")[0] not in loaded.failures]
    if not wanted:
        found.reports, found.functions, found.failures = reports, functions, [*loaded.failures.values()]
        return
    found.reports = [each for each in reports if each.name == wanted or each.name.endswith(f".{wanted}")]
    if not found.reports:
        names = ", ".join(each.name for each in reports) or "none"
        raise click.ClickException(
            f"{found.target} has no task {wanted!r} with @comet_ml_login. Those that it has: {names}."
        )


def _tasks_and_functions(loaded: list[ModuleType]) -> tuple[list[Report], list[str]]:
    """What there is to say about the tasks of each generation of Flyte that is loaded, and functions without a task."""
    reports: list[Report] = []
    functions: list[str] = []
    if sys.modules.get("flytekit") is not None:
        from ..flyte1.workflow_nodes import NodesOfTasks
        from . import tasks
        from .checks import report

        nodes = NodesOfTasks()
        reports += [report(task, template, nodes.of(task)) for task, template in tasks.tracked_tasks()]
        functions += tasks.decorated_functions(loaded)
    if sys.modules.get("flyte") is not None:
        from ..flyte2.tasks import decorated_functions
        from .actions import reports_of

        reports += reports_of(loaded)
        left = decorated_functions(loaded)
        # Where both are loaded, a function is left if neither has made a task of it.
        functions = [name for name in functions if name in left] if sys.modules.get("flytekit") is not None else left
    return reports, functions


# Printing


def _print(found: _Examination, verbose: bool) -> None:
    for line in _environment():
        click.echo(line)
    detailed = found.reports
    if len(found.reports) > _DETAILED and not verbose:
        _print_table(found.reports)
        detailed = [each for each in found.reports if each.problems]
    for each in detailed:
        _print_report(each)
    for failure in found.failures:
        click.secho(f"\n{failure}", fg="red")
    for function in found.functions:
        click.echo(f"\n{function} is decorated, but no task is made of it: put @task or @env.task on it.")
    if not found.reports:
        click.echo(f"\n{found.target} has no task with @comet_ml_login.")
    else:
        click.echo(f"\n{_count(len(found.reports), 'task')}, {_count(found.problems, 'problem')}.")
        if len(detailed) < len(found.reports):
            click.echo("--verbose describes every task.")


def _environment() -> list[str]:
    sdk = sdk_of_process()
    lines = [versions_line()]
    if sdk.login.__name__ != "login":
        lines.append("This comet-ml has no `login`; its `init` is called. 3.44.0 or newer has it.")
    online = "online" if sdk.setting("comet.api_key") else "no API key here, so they are written to archives"
    server = sdk.named_server(os.environ)
    lines.append(f"Local runs: {online}" + (f"; server {server}" if server else ""))
    return lines


def _print_table(reports: Sequence[Report]) -> None:
    """One line a task."""
    rows = [("task", "project", "experiment per", "nodes with a direct link", "found"), *map(_row, reports)]
    heading, *lines = columns(rows)
    click.echo("")
    click.secho(heading, bold=True)
    for line, each in zip(lines, reports, strict=True):
        click.secho(line, fg="red" if each.problems else None)


def _row(found: Report) -> tuple[str, ...]:
    link = found.link
    scope = link.scope if link.experiment_key is None else "given key"
    return found.name, f"{link.workspace}/{link.project_name}", scope, _direct_nodes(found), _verdict(found)


def _direct_nodes(found: Report) -> str:
    if found.generation == "flyte2":
        return "actions"
    if not found.nodes:
        return "in no workflow"
    right = sum(direct(found.link, node.node_id) for node in found.nodes)
    return f"{right} of {len(found.nodes)}"


def _verdict(found: Report) -> str:
    said = [_count(len(found.problems), "problem")] if found.problems else []
    said += [_count(len(found.notes), "note")] if found.notes else []
    return ", ".join(said) or "good"


def _print_report(found: Report) -> None:
    click.echo("")
    click.secho(found.name, bold=True)
    for label, lines in found.facts:
        for number, line in enumerate(lines):
            click.echo(f"  {label if number == 0 else '':<11} {line}")
    for problem in found.problems:
        click.secho(f"  {'problem':<11} {problem}", fg="red")
    for note in found.notes:
        click.echo(f"  {'note':<11} {note}")


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


# JSON


def _as_json(found: _Examination) -> dict[str, object]:
    return {
        "target": found.target,
        "good": found.good,
        "versions": versions(),
        "tasks": [_task_as_json(each) for each in found.reports],
        "functions_without_task": found.functions,
        "failures": found.failures,
    }


def _task_as_json(found: Report) -> dict[str, object]:
    return {
        "name": found.name,
        "workspace": found.link.workspace,
        "project_name": found.link.project_name,
        "scope": found.link.scope,
        "experiment_key": found.link.experiment_key,
        "generation": found.generation,
        "link_type": found.link.link_type if found.generation == "flyte1" else None,
        "nodes": _nodes_as_json(found),
        "secret": found.secret,
        "server": found.server,
        "problems": found.problems,
        "notes": found.notes,
    }


def _nodes_as_json(found: Report) -> list[dict[str, object]]:
    return [
        {
            "workflow": node.workflow,
            "node_id": node.node_id,
            "kind": node.kind or "plain",
            "direct_link": direct(found.link, node.node_id),
        }
        for node in found.nodes
    ]
