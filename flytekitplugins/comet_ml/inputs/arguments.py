"""The arguments of a call by the names of the task's inputs, and the names that people may choose."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from ..decorated import Function
from ..errors import InvalidOptionError
from .annotations import annotations_of, can_be, can_be_logged
from .secret_names import may_show
from .senses import Sense, sense_of, set_of, words_of

# First words of the names of bools, where no annotation says so.
_FLAGS = set_of("allow enable has is need needs no require requires show skip use with without")

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

    It is the rule by which values are logged (`may_show`): a number of secrets is accepted, unless the annotation says
    that it is none, and a bool, if the annotation or the name says that it is one.

    Args:
        option: The decorator's option: `log_inputs` or `log_outputs`.
        chosen: Its value.
        function: The task's function.

    Raises:
        InvalidOptionError: With the names, the reason and the remedy.
    """
    annotations = annotations_of(function) if option == "log_inputs" else {}
    names = [] if isinstance(chosen, bool) else chosen
    secret = [name for name in names if not _can_be_shown(name, annotations.get(name, Any))]
    if secret:
        raise InvalidOptionError(
            f"comet_ml_login: `{option}` names {', '.join(map(repr, secret))}, which speaks of a secret and is never "
            f"logged. Leave it out of `{option}`, or give it another name if it is no secret."
        )


def check_types(option: str, chosen: bool | Sequence[str], function: Function) -> None:
    """Refuse names of inputs with types of which nothing is logged, as far as their annotations tell.

    Args:
        option: The decorator's option.
        chosen: Its value.
        function: The task's function.

    Raises:
        InvalidOptionError: With the first such name, its type and the remedy.
    """
    annotations = annotations_of(function)
    for name in [] if isinstance(chosen, bool) else chosen:
        if not can_be_logged(annotations.get(name, Any)):
            raise InvalidOptionError(
                f"comet_ml_login: `{option}` names {name!r}, but of inputs of the type "
                f"{inspect.formatannotation(annotations[name])} nothing is logged. Leave it out of `{option}`, or "
                "annotate the input with what it is."
            )


def _can_be_shown(name: str, annotation: object) -> bool:
    sense = sense_of(name)
    shown: list[type] = [kind for kind in (int, float) if may_show(name, sense, kind())]
    if not _FLAGS.isdisjoint(words_of(name)[:1]):
        shown.append(bool)
    return sense is not Sense.SECRET or annotation is bool or any(can_be(annotation, kind) for kind in shown)
