"""What a task returns, by the names that flytekit gives to its outputs: ``o0``, or the fields of a named tuple."""

from __future__ import annotations

from flytekit.core.interface import extract_return_annotation
from flytekit.core.promise import Promise, VoidPromise

from ..decorated import Function
from ..front_end import outputs


def output_names(function: Function) -> list[str] | None:
    """Names of the outputs of a task function.

    Args:
        function: The task's function.

    Returns:
        None if its annotation cannot be read yet. flytekit says why when it makes a task of it.
    """
    return outputs.output_names(function, extract_return_annotation)


def named_outputs(function: Function, returned: object) -> dict[str, object]:
    """What a task function returned, by the names of its outputs.

    Args:
        function: The task's function.
        returned: What it returned.

    Returns:
        Nothing where that does not fit its annotation: flytekit will say so better. Nothing either of what other tasks
        will return, or have returned.
    """
    named = outputs.by_name(output_names(function), returned)
    return {name: value for name, value in named.items() if not _is_promised(value)}


def _is_promised(value: object) -> bool:
    """Whether a value is one of another task, which the body of @dynamic only passes on."""
    if isinstance(value, (list, tuple)):
        return any(_is_promised(item) for item in value)
    if isinstance(value, dict):
        return any(_is_promised(item) for item in value.values())
    return isinstance(value, (Promise, VoidPromise))
