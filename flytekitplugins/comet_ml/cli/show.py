"""`show [PATH...]`: what is in offline archives, in the terminal or as a page."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path

import click

from ..archives.own_directory import LOCAL_DIRECTORY
from ..archives.server_errors import server_in_force
from ..archives.store import DIRECTORY_SETTING, local_upload_command, upload_command
from ..deck.metric_history import MetricCourse
from ..deck.numbers import span
from ..deck.page import DeckContent, render
from ..foreign_text import printable
from ..link import CometLink
from ..sdk.comet_sdk import sdk_of_process
from .places import ArchivePlaces, is_remote, local_path, reason_of, without_last_resort
from .summary import Asset, Summary, summarized
from .terminal import columns, number, one_line, plot, size

_DETAILED = 3
"""So many archives are shown one by one. For more, there is a table."""

_MAX_ROWS = 40
"""Rows of one kind that are shown of an archive."""


@click.command("show")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option("--html", "page", metavar="FILE", type=click.Path(dir_okay=False), help="Write a page for the browser.")
def command(paths: tuple[str, ...], page: str | None) -> None:
    """Show what is in offline archives. Nothing is sent, and no account is needed.

    A PATH is an archive, or a directory with archives, on the local disk or in a blob store. Without one, all archives
    are shown that runs have left here: those in COMET_OFFLINE_DIRECTORY, or in .cometml-runs.

    Up to three archives are shown with their parameters, metrics, Others and assets; of more, each has a line. With
    --html they are written to a page instead: the one that the task's deck shows in the Flyte console.

    \b
    Examples:
      python -m flytekitplugins.comet_ml show
      python -m flytekitplugins.comet_ml show .cometml-runs/KEY.zip
      python -m flytekitplugins.comet_ml show --html runs.html .cometml-runs

    The exit code is 1 if an archive cannot be shown, or is damaged.
    """  # noqa: D301 - click wants the character itself
    summaries: list[tuple[str, Summary]] = []
    problems: list[str] = []
    with without_last_resort(), tempfile.TemporaryDirectory(prefix="comet-show-") as directory:
        uris = paths or (_default_directory(),)
        for address, found in ArchivePlaces().each(uris, Path(directory), summarized):
            if isinstance(found, Summary):
                summaries.append((address, found))
                if found.archive.damaged:
                    problems.append(f"{address}: is damaged: {found.archive.damaged} of its messages cannot be read.")
            else:
                problems.append(f"{address}: {reason_of(found)}")
    summaries.sort(key=lambda each: each[1].content.started or 0.0)
    if summaries and page is not None:
        _write_page(Path(page), summaries)
    elif len(summaries) > _DETAILED:
        _print_table(summaries)
    else:
        for address, summary in summaries:
            _print(address, summary)
    for problem in problems:
        click.echo(printable(problem), err=True)
    if problems:
        raise SystemExit(1)


def _default_directory() -> str:
    directory = os.environ.get(DIRECTORY_SETTING) or LOCAL_DIRECTORY
    if not Path(directory).is_dir():
        raise click.ClickException(
            f"There is no directory {directory} here, so no run has left an archive. Give the path of an archive, or "
            "of a directory with archives."
        )
    return directory


# The terminal


def _print(address: str, summary: Summary) -> None:
    archive, content = summary.archive, summary.content
    lines = [
        ("experiment key", archive.key),
        ("workspace", archive.workspace or "the account's default"),
        ("project", archive.project_name or "Comet's default"),
        ("status", ": ".join(filter(None, (content.status, content.error)))),
        ("started", _time(content.started, "%Y-%m-%d %H:%M:%S")),
        ("duration", _span(content.duration)),
        ("tags", ", ".join(content.tags)),
    ]
    click.echo("")
    click.secho(one_line(content.name), bold=True)
    for row in columns([(f"  {label}", one_line(text, 300)) for label, text in lines if text]):
        click.echo(row)
    _print_section("Parameters", [(name, one_line(value)) for name, value in content.parameters.items()])
    _print_section(
        "Metrics",
        [_metric_row(course) for course in content.metrics],
        header=("", "", "first", "last", "min", "max", "values"),
        right=(2, 3, 4, 5, 6),
    )
    _print_section("Others", [(name, one_line(value)) for name, value in summary.others.items()])
    _print_section("Assets", [_asset_row(asset) for asset in summary.assets])
    click.echo("\n  To send it to Comet:")
    click.echo(f"    {printable(_upload_command(address))}")


def _print_section(
    title: str, rows: Sequence[tuple[str, ...]], *, header: tuple[str, ...] = (), right: Sequence[int] = ()
) -> None:
    if not rows:
        return
    click.echo("")
    click.secho(f"  {title} ({len(rows):,})", bold=True)
    shown = [(one_line(row[0], 50), *row[1:]) for row in rows[:_MAX_ROWS]]
    for line in columns([*([header] if header else []), *shown], right):
        click.echo(f"    {line}".rstrip())
    if len(rows) > _MAX_ROWS:
        click.echo(f"    and {len(rows) - _MAX_ROWS:,} more")


def _metric_row(course: MetricCourse) -> tuple[str, ...]:
    values = [point.value for point in course.points]
    first, low, high = (number(values[0]), number(min(values)), number(max(values))) if values else ("", "", "")
    odd = f", {course.not_finite:,} not finite" if course.not_finite else ""
    return course.name, plot(course), first, number(course.last), low, high, f"{course.count:,}{odd}"


def _asset_row(asset: Asset) -> tuple[str, ...]:
    return asset.name, one_line(asset.kind, 30), "not in the archive" if asset.size is None else size(asset.size)


def _print_table(summaries: Sequence[tuple[str, Summary]]) -> None:
    """One line an archive, the newest last."""
    rows = [("archive", "name", "project", "started", "took", "status")]
    for address, summary in summaries:
        content, archive = summary.content, summary.archive
        name = one_line(content.name, 40) if content.name != archive.key else ""
        project = one_line(f"{content.workspace}/{content.project_name}", 40)
        started = _time(content.started, "%Y-%m-%d %H:%M")
        rows.append((printable(address), name, project, started, _span(content.duration), content.status))
    for line_number, line in enumerate(columns(rows)):
        click.secho(line, bold=line_number == 0)
    click.echo(f"\n{len(summaries)} archives. Give one of them to `show`, to see what is in it.")


def _time(seconds: float | None, form: str) -> str:
    return "" if seconds is None else time.strftime(form, time.localtime(seconds))


def _span(seconds: float | None) -> str:
    return "" if seconds is None else span(seconds)


def _upload_command(address: str) -> str:
    """The command, as it works when it is pasted into a shell, in whatever directory."""
    if is_remote(address):
        return upload_command(shlex.quote(address), python=shlex.quote(sys.executable))
    return local_upload_command(str(local_path(address)))


# The page


def _write_page(path: Path, summaries: Sequence[tuple[str, Summary]]) -> None:
    server = server_in_force(sdk_of_process())
    contents = [_located(address, summary.content, server) for address, summary in summaries]
    title = escape(one_line(contents[0].name if len(contents) == 1 else f"{len(contents)} offline archives"))
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
        f"<body>{render(contents)}</body></html>\n"
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None
    click.echo(f"Written to {path.resolve()}: open it in a browser.")


def _located(address: str, content: DeckContent, server: str) -> DeckContent:
    url = CometLink(content.project_name, content.workspace, server).url(content.key)
    return replace(content, archive=address, url=url)
