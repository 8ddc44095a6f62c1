"""The command line: one module a command, loaded when it is asked for."""

from __future__ import annotations

import importlib

import click

COMMANDS: dict[str, str] = {
    "config": "Print the platform configuration for the links in the Flyte console.",
    "doctor": "Check the decorated tasks of a module.",
    "resolver": "Write the page that finds the experiment of any node.",
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
        command: click.Command = importlib.import_module(f"{__name__}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=_Commands)
def main() -> None:
    """Track Flyte tasks in Comet: the platform's configuration, checks, and sending archives."""
