"""`resolver`: the page that finds the experiment of any node."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import IO
from urllib.parse import urlsplit

import click

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"[0-9a-z._-]+")
_ALLOWED = '<meta name="comet-hosts" content="">'


def resolver_page(hosts: tuple[str, ...] = ()) -> str:
    """The page: one file without external requests, to be put on any static host.

    Args:
        hosts: Origins of the Comet hosts that it may lead to; any if empty.
    """
    page = files(__package__).joinpath("resolver.html").read_text(encoding="utf-8")
    return page.replace(_ALLOWED, f'<meta name="comet-hosts" content="{" ".join(hosts)}">')


def origins(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """The origins of addresses, as browsers write them; nothing in them needs escaping in HTML."""
    return tuple(_origin(host) for host in value)


def _origin(host: str) -> str:
    try:
        parts = urlsplit(host)
        scheme, name, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        scheme, name, port = "", "", None
    if scheme not in _DEFAULT_PORTS or not _HOST_NAME.fullmatch(name):
        raise click.BadParameter(f"{host!r} is no address of a Comet host; write https://comet.example.com.")
    return f"{scheme}://{name}" + (f":{port}" if port not in (None, _DEFAULT_PORTS[scheme]) else "")


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.File("w", encoding="utf-8"),
    default="-",
    metavar="FILE",
    help="Default: standard output.",
)
@click.option(
    "--host",
    "hosts",
    metavar="URL",
    multiple=True,
    callback=origins,
    help="A Comet host that the page may lead to; can be given more than once. By default it leads to the host that "
    "the link names, whatever that is.",
)
def command(output: IO[str], hosts: tuple[str, ...]) -> None:
    """Write the page that finds the experiment of any node.

    Put it on any static host that your browsers reach, and give its address to the command `config`.

    \b
    Examples:
      python -m flytekitplugins.comet_ml resolver -o resolver.html
      python -m flytekitplugins.comet_ml resolver -o resolver.html --host https://www.comet.com
    """  # noqa: D301 - click wants the character itself
    output.write(resolver_page(hosts))
