"""What a task of Flyte 2 returns, by the names that Flyte 2 gives to its outputs."""

from __future__ import annotations

from flyte._interface import extract_return_annotation

from ..decorated import Function
from ..front_end import outputs


def output_names(function: Function) -> list[str] | None:
    """Names of the outputs of a task function (`front_end.outputs`).

    Args:
        function: The task's function.
    """
    return outputs.output_names(function, extract_return_annotation)


def named_outputs(function: Function, returned: object) -> dict[str, object]:
    """What a task function returned, by the names of its outputs (`front_end.outputs`).

    Args:
        function: The task's function.
        returned: What it returned.
    """
    return outputs.by_name(output_names(function), returned)
