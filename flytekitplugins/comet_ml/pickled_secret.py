"""The API key in a pickle. A task from a notebook is uploaded with its function and all that the function holds."""

from __future__ import annotations

import functools
import re
import sys
import types
from collections.abc import Iterator

from .log import logger
from .options import Options

# By the SDK's own parser, a key is 25 letters and digits. A server may stand behind them.
_KEY = re.compile(r"(?=\w*\d)(?=\w*[A-Za-z])[A-Za-z0-9]{25}(\*[A-Za-z0-9+/=_-]+)?")
_DEPTH = 4


def holds_a_key(secret: object) -> bool:
    """Whether a callable takes a text that looks like an API key into its pickle.

    Args:
        secret: The decorator's `secret`. It is not called.
    """
    return any(_KEY.fullmatch(text) for text in _texts(secret, 0))


def warn_of_a_key(options: Options, kind: str) -> None:
    """Warn of a task that is being pickled with its API key.

    Args:
        options: The decorator's options.
        kind: Which secret of Flyte would do instead: ``flytekit.Secret``.
    """
    if holds_a_key(options.secret):
        logger.warning(
            "comet_ml_login: a task of project %r is pickled with its `secret`, with a text in it that looks like an "
            "API key. Give a %s, or a function that reads the key where it runs.",
            options.project_name,
            kind,
        )


def _texts(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth <= _DEPTH:
        for part in _parts(value):
            yield from _texts(part, depth + 1)


def _parts(value: object) -> Iterator[object]:
    if isinstance(value, functools.partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, types.MethodType):
        yield from (value.__self__, value.__func__)
    elif isinstance(value, types.FunctionType):
        if not _is_pickled_by_name(value):
            yield from _parts_of_function(value)
    elif isinstance(value, types.CodeType):
        yield from value.co_consts
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()
    elif not isinstance(value, (type, types.ModuleType)):
        yield from getattr(value, "__dict__", {}).values()


def _parts_of_function(function: types.FunctionType) -> Iterator[object]:
    yield function.__code__
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            # Not bound yet.
            continue
    yield from (function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__)


def _is_pickled_by_name(function: types.FunctionType) -> bool:
    module = sys.modules.get(function.__module__)
    return function.__module__ != "__main__" and getattr(module, function.__qualname__, None) is function
