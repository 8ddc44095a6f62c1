"""The arguments of a call by the names of the task's inputs, and the names that people may choose."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence

from ..decorated import Function
from ..errors import InvalidOptionError
from .secret_names import Sense, sense_of

_NUMBERS = (int, float, bool, "int", "float", "bool")

_signature = functools.lru_cache(maxsize=128)(inspect.signature)


def input_names(function: Function) -> list[str]:
    """Names of the inputs of a task function."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in _signature(function).parameters.values() if p.kind not in variadic]


def named_arguments(function: Function, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
    """The arguments of a call by the names of the inputs, with their defaults.

    Returns:
        Nothing if the arguments do not fit the function. The call itself says so better.
    """
    try:
        bound = _signature(function).bind(*args, **kwargs)
    except TypeError:
        return {}
    bound.apply_defaults()
    return {name: bound.arguments[name] for name in input_names(function)}


def check_no_secrets(option: str, chosen: bool | Sequence[str], function: Function) -> None:
    """Refuse names of inputs or outputs that are never logged, when the task is decorated.

    A name that only may be one of a secret is accepted for an input which is annotated as a number.

    Args:
        option: The decorator's option: `log_inputs` or `log_outputs`.
        chosen: Its value.
        function: The task's function.

    Raises:
        InvalidOptionError: With the names, the reason and the remedy.
    """
    if isinstance(chosen, bool):
        return
    parameters = _signature(function).parameters
    numbers = {name for name, parameter in parameters.items() if parameter.annotation in _NUMBERS}
    secret = [
        name
        for name in chosen
        if sense_of(name) is Sense.SECRET or (sense_of(name) is Sense.DOUBTFUL and name not in numbers)
    ]
    if secret:
        raise InvalidOptionError(
            f"comet_ml_login: `{option}` names {', '.join(map(repr, secret))}, which speaks of a secret and is never "
            f"logged. Leave it out of `{option}`, or give it another name if it is no secret."
        )
