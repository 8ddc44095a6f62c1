"""What Comet is told of the command line: as the command of the run, and as parameters.

The command is sent with the system details, whatever `COMET_AUTO_LOG_CLI_ARGUMENTS` says. In a tracked call it is only
the name of the program. Only arguments of a user's own command are parameters: those of a Flyte command are Flyte's, or
inputs of a workflow, which are logged where they are wanted (`log_inputs`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import PurePath

from ..inputs.secret_names import Sense, looks_secret, may_show, sense_of, speaks_of_a_secret
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
    """The command's arguments as parameters: none of Flyte's commands, of a notebook's kernel, or of a secret."""
    program = PurePath(sys.argv[0]).name if sys.argv else ""
    if program in _FLYTE_COMMANDS or program.startswith("pyflyte") or _is_kernel():
        return None
    told: dict[str, object] = wrapped(*args, **kwargs) or {}
    given = sys.argv[1:]
    is_numbered = any(name.startswith("run_arg_") for name in told)
    if is_numbered and (any(map(_is_secret_option, given)) or looks_secret(" ".join(given))):
        # The SDK could not tell values from names.
        return None
    # The SDK takes what is before a "=" for a name, also if it is in the middle of a secret.
    beginnings = {argument.lstrip("-").partition("=")[0].strip() for argument in _secret_arguments(given)}
    return {
        name: value
        for name, value in told.items()
        if name not in beginnings and not looks_secret(f"{name}={value}") and _has_no_secret(name, value)
    }


def _is_kernel() -> bool:
    kernel = sys.modules.get("ipykernel.kernelapp")
    return kernel is not None and bool(kernel.IPKernelApp.initialized())


def _is_secret_option(argument: str) -> bool:
    return argument.startswith("-") and speaks_of_a_secret(argument.strip("-").partition("=")[0])


def _secret_arguments(arguments: list[str]) -> Iterator[str]:
    """Arguments that are or have a secret: by their own form, or behind an option that speaks of one."""
    before = ""
    for argument in arguments:
        is_value = not argument.startswith("-") and "=" not in before and _is_secret_option(before)
        if is_value or looks_secret(argument):
            yield argument
        before = argument


def _has_no_secret(name: str, value: object, above: Sense = Sense.PLAIN) -> bool:
    """Whether a value shows no secret, itself or in what it holds as JSON."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            value = json.loads(value)
        except ValueError:
            return may_show(name, max(above, sense_of(name)), value)
    sense = max(above, sense_of(name))
    if isinstance(value, dict):
        return all(_has_no_secret(str(each), member, sense) for each, member in value.items())
    if isinstance(value, (list, tuple, set)):
        return all(_has_no_secret(name, member, sense) for member in value)
    return may_show(name, sense, value)
