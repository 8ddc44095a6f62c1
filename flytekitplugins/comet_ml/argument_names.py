"""What to say of an argument that is missing, and of one that does not exist."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ParamSpec

from .errors import InvalidOptionError
from .shown import name_of

P = ParamSpec("P")


def did_you_mean(name: object, candidates: Iterable[str]) -> str:
    """Ask whether the nearest of some names was meant. The text is empty if none is near."""
    near = difflib.get_close_matches(str(name), sorted(candidates), n=1)
    return f" Did you mean `{near[0]}`?" if near else ""


def explained(init: Callable[P, None]) -> Callable[P, None]:
    """Make an ``__init__`` name missing arguments with the remedy, and notice a decorator without arguments."""
    parameters = list(inspect.signature(init).parameters.values())[1:]
    required = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]

    @functools.wraps(init)
    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        given = args[1:]
        if len(given) == 1 and not kwargs and callable(given[0]):
            raise InvalidOptionError(
                f"@comet_ml_login was put on {name_of(given[0])} without arguments. Write "
                "@comet_ml_login(project_name=..., workspace=..., secret=...)."
            )
        missing = [name for name in required[len(given) :] if name not in kwargs]
        if missing:
            raise InvalidOptionError(
                f"comet_ml_login: {' and '.join(f'`{name}`' for name in missing)} must be set"
                f"{_misspelt(missing, kwargs)}. Write @comet_ml_login(project_name=..., workspace=..., secret=...)."
            )
        init(*args, **kwargs)

    return checked


def _misspelt(missing: Sequence[str], keywords: Mapping[str, object]) -> str:
    meant = ((name, difflib.get_close_matches(name, keywords, n=1)) for name in missing)
    found = " and ".join(f"`{name}`, not `{given[0]}`" for name, given in meant if given)
    return f" (the name is {found})" if found else ""
