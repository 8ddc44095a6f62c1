"""The values of the secrets that Flyte has brought into a pod, for both generations: as variables and as files."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from .credentials import secret_values

DIRECTORY = "/etc/flyte/secrets"
DIRECTORY_VARIABLE = "FLYTE_SECRETS_DEFAULT_DIR"
_PREFIX_VARIABLE, _BY_DEFAULT = "FLYTE_SECRETS_ENV_PREFIX", "_FSEC_"


def secrets_of_the_pod(environ: Mapping[str, str], variables: Collection[str] = ()) -> frozenset[str]:
    """The values of the task's secrets, Comet's and others: no input with one in it is logged.

    Args:
        environ: The environment of the process.
        variables: Environment variables that have secrets, beside those that Flyte names itself.
    """
    if not isinstance(environ, Mapping):
        # A test has put something else in its place.
        return frozenset()
    prefix = environ.get(_PREFIX_VARIABLE) or _BY_DEFAULT
    named = (value for name, value in environ.items() if name.startswith(prefix) or name in variables)
    return secret_values([*named, *_contents(environ.get(DIRECTORY_VARIABLE) or DIRECTORY)])


def _contents(directory: str) -> Iterator[str]:
    for place, _, names in os.walk(directory):
        for path in (Path(place, name) for name in names):
            try:
                # A pipe would never end.
                if path.is_file():
                    yield path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
