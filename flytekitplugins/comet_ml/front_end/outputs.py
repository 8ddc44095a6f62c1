"""What a task returns, by the names of its outputs: its annotation has them, and not the value."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping

from ..decorated import Function
from ..inputs.arguments import check_no_secrets
from ..log import logger
from ..options import Options, check_known_names

OutputsOf = Callable[[object], Mapping[str, object]]
"""Gives the outputs of a return annotation, as one generation of Flyte names them."""


def output_names(function: Function, outputs_of: OutputsOf) -> list[str] | None:
    """Names of the outputs of a task function.

    Args:
        function: The task's function.
        outputs_of: Gives the outputs of its annotation.

    Returns:
        None if its annotation cannot be read yet. Flyte says why when it makes a task of it.
    """
    try:
        hints = typing.get_type_hints(inspect.unwrap(function), include_extras=True)
        return list(outputs_of(hints.get("return")))
    except Exception as problem:
        logger.debug("The outputs of %s are not known: %s", getattr(function, "__name__", function), problem)
        return None


def by_name(names: list[str] | None, returned: object) -> dict[str, object]:
    """What a task function returned, by the names of its outputs.

    Args:
        names: The names.
        returned: What it returned.

    Returns:
        Nothing where that does not fit its annotation: Flyte will say so better.
    """
    names = names or []
    if isinstance(returned, tuple) and len(returned) == len(names):
        return dict(zip(names, returned, strict=True))
    return {names[0]: returned} if len(names) == 1 else {}


def check_output_names(options: Options, function: Function, names_of: Callable[[Function], list[str] | None]) -> None:
    """Refuse a `log_outputs` that names what there is not, or a secret.

    Args:
        options: The decorator's options.
        function: The task's function.
        names_of: Gives the names of its outputs, if they are known. It takes as long as all else that is done for a
            task that is decorated.

    Raises:
        InvalidOptionError: With the names.
    """
    if not isinstance(options.log_outputs, bool):
        if (names := names_of(function)) is not None:
            check_known_names("log_outputs", options.log_outputs, names, function.__name__)
        check_no_secrets("log_outputs", options.log_outputs, function)
