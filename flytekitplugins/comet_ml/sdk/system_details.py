"""What Comet is told of the command line: as the command of the run, and as parameters.

The command is sent with the system details, whatever `COMET_AUTO_LOG_CLI_ARGUMENTS` says. In a tracked call it is only
the name of the program. Only arguments of a user's own command are parameters: those of a Flyte command are Flyte's, or
inputs of a workflow, which are logged where they are wanted (`log_inputs`).
"""

from __future__ import annotations

import sys
from pathlib import PurePath

from ..inputs.secret_names import speaks_of_a_secret
from .call import Call, in_body
from .protocols import Arguments, Keywords, Wrapped

_FLYTE_COMMANDS = ("pyflyte", "flyte", "a0", "entrypoint.py")


@in_body
def command(call: Call, wrapped: Wrapped, instance: None, args: Arguments, kwargs: Keywords) -> list[str]:
    """The command for the system details: the program alone."""
    return list(wrapped(*args, **kwargs)[:1])


@in_body
def parameters(
    call: Call, wrapped: Wrapped, instance: None, args: Arguments, kwargs: Keywords
) -> dict[str, object] | None:
    """The command's arguments as parameters: none of Flyte's commands, and none with a name that speaks of a secret."""
    program = PurePath(sys.argv[0]).name if sys.argv else ""
    if program in _FLYTE_COMMANDS or program.startswith("pyflyte"):
        return None
    told: dict[str, object] = wrapped(*args, **kwargs) or {}
    if any(name.startswith("run_arg_") for name in told) and any(map(_is_secret_option, sys.argv[1:])):
        # The SDK could not tell values from names, and has numbered them.
        return None
    return {name: value for name, value in told.items() if not speaks_of_a_secret(name)}


def _is_secret_option(argument: str) -> bool:
    return argument.startswith("-") and speaks_of_a_secret(argument.strip("-").partition("=")[0])
