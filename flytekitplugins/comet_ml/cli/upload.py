"""`upload URI...`: send archives of offline runs to Comet."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ..archives.archive import read_archive
from ..archives.copies import settings_in_force
from ..archives.upload import Sent, Uploader
from ..errors import InvalidOptionError
from ..foreign_text import printable
from ..sdk.comet_sdk import sdk_of_process
from ..sdk.server_address import URL_OVERRIDE, api_address
from ..web_address import web_address
from .places import ArchivePlaces, reason_of, without_last_resort


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
    neither changed nor deleted. The exit code is 0 if everything has arrived: only then can an archive be deleted.

    \b
    Examples:
      python -m flytekitplugins.comet_ml upload .cometml-runs
      python -m flytekitplugins.comet_ml upload s3://my-bucket/data/i4/ahq8bl2jkbsf7wxd4mzn-n0-0/comet-ml
      python -m flytekitplugins.comet_ml upload --host https://comet.example.com .cometml-runs
    """  # noqa: D301 - click wants the character itself
    server = {} if host is None else {URL_OVERRIDE: api_address(_address(host))}
    with settings_in_force(server), without_last_resort(), _temporary_directory() as directory:
        complete = _send_all(uris, directory)
    if not complete:
        raise SystemExit(1)


def _address(host: str) -> str:
    try:
        return web_address(host)
    except InvalidOptionError:
        raise click.BadParameter(
            f"{host!r} is no address of a Comet service, such as https://www.comet.com.", param_hint="--host"
        ) from None


def _send_all(uris: tuple[str, ...], directory: Path) -> bool:
    """Send everything, and say whether all of it has arrived."""
    try:
        uploader = Uploader(sdk_of_process(), directory)
    except Exception as error:
        for uri in uris:
            _report_failure(uri, error)
        return False
    complete = True
    for address, sent in ArchivePlaces().each(uris, directory, lambda path: uploader.send(read_archive(path))):
        if isinstance(sent, Exception):
            _report_failure(address, sent)
            complete = False
        else:
            _report(address, sent)
            complete = complete and not sent.left_out
    return complete


def _report(uri: str, sent: Sent) -> None:
    there = f", {sent.delivered} were there" if sent.delivered else ""
    told = f"{sent.messages} messages sent{there}: {sent.url} ({sent.state})."
    if sent.state is None:
        said = f"{uri}: was sent before, to {sent.url}. The archive can be deleted."
    elif sent.left_out:
        said = f"{uri}: not sent whole: {sent.left_out}. Keep the archive. {told}"
    else:
        said = f"{uri}: {told} The archive can be deleted."
    click.echo(printable(said), err=bool(sent.left_out))


def _report_failure(uri: str, error: Exception) -> None:
    click.echo(printable(f"{uri}: not sent: {reason_of(error)}"), err=True)


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
