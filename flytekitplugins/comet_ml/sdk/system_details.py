"""The command line, of which the SDK tells Comet in two ways: as the run's command, and as parameters.

The first goes out with the system details, whatever `COMET_AUTO_LOG_CLI_ARGUMENTS` says. In a tracked call it is only
the name of the program. Parameters are those of a command of the user's own: a Flyte command's arguments are Flyte's,
or the inputs of a workflow, which are logged where they are wanted (`log_inputs`).
"""

from __future__ import annotations

import sys
from pathlib import PurePath
from typing import Any

from ..inputs.secret_names import speaks_of_a_secret
from .call import nearest

_FLYTE_COMMANDS = ("pyflyte", "flyte", "a0", "entrypoint.py")


def command(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """The command for the system details: the program alone."""
    told: list[str] = wrapped(*args, **kwargs)
    return told if nearest() is None else list(told[:1])


def parameters(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """The command's arguments as parameters: none of Flyte's commands, and none with a name that speaks of a secret."""
    if nearest() is None:
        return wrapped(*args, **kwargs)  # type: ignore[no-any-return]
    if is_of_flyte(sys.argv):
        return None
    told: dict[str, Any] = wrapped(*args, **kwargs) or {}
    if any(name.startswith("run_arg_") for name in told) and any(map(_is_secret_option, sys.argv[1:])):
        # The SDK could not tell values from names, and has numbered them.
        return None
    return {name: value for name, value in told.items() if not speaks_of_a_secret(name)}


def is_of_flyte(argv: list[str]) -> bool:
    """Whether a command is one of Flyte's: `pyflyte run`, or what a pod runs."""
    program = PurePath(argv[0]).name if argv else ""
    return program in _FLYTE_COMMANDS or program.startswith("pyflyte")


def _is_secret_option(argument: str) -> bool:
    return argument.startswith("-") and speaks_of_a_secret(argument.strip("-").partition("=")[0])
