"""`doctor`: what is to be expected of the decorated tasks of a module, and what is wrong with them."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import click

import comet_ml

from ..sdk.comet_sdk import sdk_of_process
from . import modules
from .checks import Report, report


@click.command()
@click.argument("target", metavar="MODULE[:TASK]")
def command(target: str) -> None:
    """Check the decorated tasks of a module.

    MODULE is a dotted name, looked for in the current directory first, or a .py file; of a package, all modules are
    checked. For each decorated task it says which experiment it has, where the link in the Flyte console leads and for
    which nodes that is right, which secret it requests and which server it talks to. Nothing is sent, and no secret is
    read.

    \b
    Examples:
      python -m flytekitplugins.comet_ml doctor train.py
      python -m flytekitplugins.comet_ml doctor my_project.workflows
      python -m flytekitplugins.comet_ml doctor my_project.workflows:train

    The exit code is 0 if nothing is wrong, 1 if something is, and 2 for a wrong command line.
    """  # noqa: D301 - click wants the character itself
    name, _, wanted = target.partition(":")
    if not name:
        raise click.BadParameter("give a module, such as train.py or my_project.workflows.", param_hint="MODULE[:TASK]")
    loaded = modules.load(name)
    reports = [report(task, template) for task, template in modules.tracked_tasks()]
    if wanted:
        chosen = [each for each in reports if each.name == wanted or each.name.endswith(f".{wanted}")]
        if not chosen:
            names = ", ".join(each.name for each in reports) or "none"
            raise click.ClickException(
                f"{name} has no task {wanted!r} with @comet_ml_login. Those that it has: {names}."
            )
        reports = chosen
    for line in _environment():
        click.echo(line)
    for each in reports:
        _print(each)
    problems = sum(len(each.problems) for each in reports)
    for function in () if wanted else modules.decorated_functions(loaded):
        click.echo(f"\n{function} is decorated, but no task is made of it: put @task on it.")
    if not reports:
        click.echo(f"\n{name} has no task with @comet_ml_login.")
    else:
        click.echo(f"\n{_count(len(reports), 'task')}, {_count(problems, 'problem')}.")
    if problems or not reports:
        raise SystemExit(1)


def _environment() -> list[str]:
    versions = [f"{name} {_version(name)}" for name in ("flytekitplugins-comet-ml", "flytekit", "comet-ml")]
    lines = [f"{', '.join(versions)}, Python {platform.python_version()}"]
    if not hasattr(comet_ml, "login"):
        lines.append("This comet-ml has no `login`; its `init` is called. 3.44.0 or newer has it.")
    online = (
        "online" if sdk_of_process().setting("comet.api_key") else "no API key here, so they are written to archives"
    )
    lines.append(f"Local runs: {online}" + (f"; server {_local_server()}" if _local_server() else ""))
    return lines


def _local_server() -> str | None:
    """The server that the environment or a configuration file here names."""
    return sdk_of_process().named_server(os.environ)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def _print(found: Report) -> None:
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
