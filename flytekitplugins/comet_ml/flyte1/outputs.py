"""What a task returns, by the names that flytekit gives to its outputs: ``o0``, or the fields of a named tuple."""

from __future__ import annotations

import inspect
import typing

from flytekit.core.interface import extract_return_annotation

from ..decorated import Function
from ..log import logger


def output_names(function: Function) -> list[str] | None:
    """Names of the outputs of a task function.

    Args:
        function: The task's function.

    Returns:
        None if its annotation cannot be read yet. flytekit says why when it makes a task of it.
    """
    try:
        hints = typing.get_type_hints(inspect.unwrap(function), include_extras=True)
        return list(extract_return_annotation(hints.get("return")))
    except Exception as problem:
        logger.debug("The outputs of %s are not known: %s", getattr(function, "__name__", function), problem)
        return None


def named_outputs(function: Function, returned: object) -> dict[str, object]:
    """What a task function returned, by the names of its outputs.

    Args:
        function: The task's function.
        returned: What it returned.

    Returns:
        Nothing where that does not fit its annotation: flytekit will say so better.
    """
    names = output_names(function) or []
    named_tuple = list(getattr(type(returned), "_fields", ())) == names
    if len(names) == 1 and not named_tuple:
        return {names[0]: returned}
    if isinstance(returned, tuple) and len(returned) == len(names):
        return dict(zip(names, returned, strict=True))
    return {}
