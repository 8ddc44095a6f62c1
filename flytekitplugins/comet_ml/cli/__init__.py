"""The command line: one module a command, loaded when it is asked for."""

from __future__ import annotations

import importlib
import io
import sys

import click

from .versions import versions

COMMANDS: dict[str, str] = {
    "config": "Print the platform configuration for the links in the Flyte console.",
    "doctor": "Check the decorated tasks of a module, package or directory.",
    "resolver": "Write the page that finds the experiment of any node.",
    "show": "Show what is in offline archives, without an account.",
    "upload": "Send archives of offline runs to Comet.",
}
"""Every command, with its one line of help: the module of that name here has it as `command`."""


class _Commands(click.Group):
    """Commands that are imported when they are run: some need the Comet SDK, which takes a second to load."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        try:
            command: click.Command = importlib.import_module(f"{__name__}.{cmd_name}").command
        except ModuleNotFoundError as error:
            if str(error.name).partition(".")[0] != "flytekit":
                raise
            raise click.ClickException(
                f"`{cmd_name}` is for tasks of Flyte 1, and needs flytekit, which is not installed here."
            ) from None
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


def _print_versions(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo("\n".join(f"{name} {version}" for name, version in versions().items()))
        context.exit()


@click.group(cls=_Commands)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_versions,
    help="Print the versions of this plugin, of Flyte's SDK and of Comet's.",
)
def main() -> None:
    """Track Flyte tasks in Comet: what the plugin does beside a task.

    `comet-flyte` is the short form of `python -m flytekitplugins.comet_ml`.

    \b
    Examples:
      python -m flytekitplugins.comet_ml doctor train.py     # before you register
      python -m flytekitplugins.comet_ml show                # after an offline run
      python -m flytekitplugins.comet_ml upload .cometml-runs
    """  # noqa: D301 - click wants the character itself
    for stream in (sys.stdout, sys.stderr):
        # A name or a plot may have characters that the terminal's encoding has not.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
