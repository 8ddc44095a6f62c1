"""`upload URI...`: send archives of offline runs to Comet."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from flytekit import FlyteContextManager

from ..archives.archive import read_archive
from ..archives.upload import Sent, Uploader, settings_in_force
from ..errors import ArchiveError, CometTrackingError, InvalidOptionError
from ..session.server import URL_OVERRIDE
from ..web_address import web_address


@click.command("upload")
@click.argument("uris", metavar="URI...", nargs=-1, required=True)
@click.option(
    "--host", metavar="URL", help="Address of the Comet service, if it is not the one in your Comet settings."
)
def command(uris: tuple[str, ...], host: str | None) -> None:
    """Send archives of offline runs to Comet.

    A URI is what the log of the task says: an archive, or a directory with archives, in a blob store or on the local
    disk (s3://, gs://, abfs://, file:// or a path).

    The API key comes from COMET_API_KEY or from the file that `comet login` writes. Each archive goes to the experiment
    of its run; what has arrived there is not sent again, so that a command that failed can be repeated. Archives are
    neither changed nor deleted.

    \b
    Examples:
      python -m flytekitplugins.comet_ml upload .cometml-runs
      python -m flytekitplugins.comet_ml upload s3://my-bucket/data/i4/ahq8bl2jkbsf7wxd4mzn-n0-0/comet-ml
      python -m flytekitplugins.comet_ml upload --host https://comet.example.com .cometml-runs
    """  # noqa: D301 - click wants the character itself
    server = {} if host is None else {URL_OVERRIDE: f"{_address(host)}/clientlib/"}
    with settings_in_force(server), _temporary_directory() as directory:
        failed = _send_all(uris, directory)
    if failed:
        raise SystemExit(1)


def _address(host: str) -> str:
    try:
        return web_address(host)
    except InvalidOptionError:
        raise click.BadParameter(
            f"{host!r} is no address of a Comet service, such as https://www.comet.com.", param_hint="--host"
        ) from None


def _send_all(uris: tuple[str, ...], directory: Path) -> bool:
    """Send everything, and say whether something failed."""
    try:
        uploader = Uploader(importlib.import_module("comet_ml"), directory)
    except Exception as error:
        for uri in uris:
            _report_failure(uri, error)
        return True
    failed = False
    for uri in uris:
        try:
            found = _archives_of(uri)
        except Exception as error:
            _report_failure(uri, error)
            failed = True
            continue
        for archive in found:
            try:
                _report(archive, _send(archive, uploader, directory))
            except Exception as error:
                _report_failure(archive, error)
                failed = True
    return failed


def _archives_of(uri: str) -> list[str]:
    """The archives at a URI: itself, or those in the directory that it is."""
    filesystem = _filesystem(uri)
    if not filesystem.isdir(uri):
        if uri.endswith("/"):
            raise ArchiveError("there is no such directory.")
        return [uri]
    found = [entry["name"] for entry in filesystem.ls(uri, detail=True) if entry["type"] == "file"]
    archives = sorted(name for name in found if name.endswith(".zip"))
    if not archives:
        raise ArchiveError("is a directory without archives (*.zip).")
    return archives if _is_local(uri) else [filesystem.unstrip_protocol(name) for name in archives]


def _send(uri: str, uploader: Uploader, directory: Path) -> Sent:
    with tempfile.TemporaryDirectory(dir=directory) as fetched:
        if _is_local(uri):
            path = Path(FlyteContextManager.current_context().file_access.strip_file_header(uri))
        else:
            path = Path(fetched) / uri.rpartition("/")[2]
            _filesystem(uri).get_file(uri, str(path))
        archive = read_archive(path)
        if archive.damaged:
            click.echo(
                f"{uri}: {archive.damaged} messages of it, cut off or without their file, are left out.", err=True
            )
        return uploader.send(archive)


def _filesystem(uri: str) -> Any:
    """The file system of a URI, with the credentials that flytekit finds for it.

    Its `get_data` would leave the connection of a blob store open, and complain of that when the process ends.
    """
    return FlyteContextManager.current_context().file_access.get_filesystem_for_path(uri)


def _is_local(uri: str) -> bool:
    return not FlyteContextManager.current_context().file_access.is_remote(uri)


def _report(uri: str, sent: Sent) -> None:
    if sent.state is None:
        click.echo(f"{uri}: was sent before, to {sent.url}. The archive can be deleted.")
        return
    there = f", {sent.delivered} were there" if sent.delivered else ""
    click.echo(f"{uri}: {sent.messages} messages sent{there}: {sent.url} ({sent.state}). The archive can be deleted.")


def _report_failure(uri: str, error: Exception) -> None:
    if isinstance(error, CometTrackingError):
        reason = str(error)
    elif isinstance(error, FileNotFoundError):
        reason = "there is no such file."
    else:
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    click.echo(f"{uri}: not sent: {reason}", err=True)


@contextmanager
def _temporary_directory() -> Iterator[Path]:
    """A directory for everything that is fetched and unpacked, the SDK's part included, which is gone afterwards."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="comet-upload-") as directory:
        tempfile.tempdir = directory
        try:
            yield Path(directory)
        finally:
            tempfile.tempdir = before
