"""`show [PATH...]`: what is in offline archives, in the terminal or as a page."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
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
from ..names import FLYTE_ATTEMPT, FLYTE_EXECUTION, FLYTE_TASK, mark_of, marked
from ..sdk.comet_sdk import sdk_of_process
from .places import ArchivePlaces, is_remote, local_path, reason_of, without_last_resort
from .summary import Asset, Summary, summarized
from .terminal import columns, number, one_line, plot, size

_DETAILED = 3
"""So many archives are shown one by one; of more, there is a table."""

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
        for address, found in _read(paths or (_default_directory(),), Path(directory)):
            if isinstance(found, Summary):
                summaries.append((address, found))
                if found.archive.damaged:
                    problems.append(f"{address}: is damaged: {found.archive.damaged} of its messages cannot be read.")
            else:
                problems.append(f"{address}: {reason_of(found)}")
    summaries.sort(key=lambda each: each[1].start or 0.0)
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


def _read(paths: Sequence[str], directory: Path) -> Iterator[tuple[str, Summary | Exception]]:
    """The archives at some addresses: what each says, or why it cannot be read."""
    places = ArchivePlaces()
    for path in paths:
        try:
            addresses = places.archives_at(path)
        except Exception as error:
            yield path, error
            continue
        for address in addresses:
            try:
                yield address, summarized(places.fetched(address, directory))
            except Exception as error:
                yield address, error


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
    archive, lines = summary.archive, list[tuple[str, str]]()
    lines.append(("experiment key", archive.key))
    lines.append(("workspace", archive.workspace or "the account's default"))
    lines.append(("project", archive.project_name or "Comet's default"))
    lines.append(("status", summary.status + (f": {summary.error}" if summary.error else "")))
    if summary.start is not None:
        lines.append(("started", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(summary.start))))
    if summary.duration is not None:
        lines.append(("duration", span(summary.duration)))
    if summary.tags:
        lines.append(("tags", ", ".join(summary.tags)))
    click.echo("")
    click.secho(one_line(summary.name or archive.key), bold=True)
    for row in columns([(f"  {label}", one_line(text, 300)) for label, text in lines]):
        click.echo(row)
    _print_section("Parameters", [(name, one_line(value)) for name, value in summary.parameters.items()])
    _print_section(
        "Metrics",
        [_metric_row(course) for course in summary.metrics],
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
        started = "" if summary.start is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(summary.start))
        took = "" if summary.duration is None else span(summary.duration)
        project = f"{summary.archive.workspace or ''}/{summary.archive.project_name or ''}"
        name = one_line(summary.name, 40)
        rows.append((printable(address), name, one_line(project, 40), started, took, summary.status))
    for line_number, line in enumerate(columns(rows)):
        click.secho(line, bold=line_number == 0)
    click.echo(f"\n{len(summaries)} archives. Give one of them to `show`, to see what is in it.")


def _upload_command(address: str) -> str:
    """The command, as it works when it is pasted into a shell, in whatever directory."""
    if is_remote(address):
        return upload_command(shlex.quote(address), python=shlex.quote(sys.executable))
    return local_upload_command(str(local_path(address)))


# The page


def _write_page(path: Path, summaries: Sequence[tuple[str, Summary]]) -> None:
    server = server_in_force(sdk_of_process())
    contents = [_content(address, summary, server) for address, summary in summaries]
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


def _content(address: str, summary: Summary, server: str) -> DeckContent:
    archive, mark = summary.archive, mark_of(summary.archive.others)
    workspace, project_name = archive.workspace or "", archive.project_name or ""

    def other(name: str) -> str | None:
        return summary.others.get(marked(mark, name), summary.others.get(name))

    return DeckContent(
        key=archive.key,
        name=summary.name or archive.key,
        workspace=workspace,
        project_name=project_name,
        url=CometLink(project_name, workspace, server).url(archive.key),
        status=summary.status,
        offline=True,
        archive=address,
        error=summary.error or None,
        traceback=summary.traceback or None,
        started=summary.start,
        duration=summary.duration,
        tags=summary.tags,
        task=other(FLYTE_TASK),
        execution=other(FLYTE_EXECUTION),
        attempt=other(FLYTE_ATTEMPT),
        parameters=summary.parameters,
        metrics=summary.metrics,
    )
