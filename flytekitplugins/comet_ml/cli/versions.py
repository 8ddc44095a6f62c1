"""The versions that say what this plugin does here: its own, those of the SDK, of Flyte and of Python."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

_DISTRIBUTIONS = ("flytekitplugins-comet-ml", "flytekit", "flyte", "comet-ml")


def versions() -> dict[str, str]:
    """Versions of what is installed, by the name of the distribution; Python's own is the last."""
    found = {name: installed for name in _DISTRIBUTIONS if (installed := _version(name)) is not None}
    return {**found, "Python": platform.python_version()}


def versions_line() -> str:
    """The versions in one line."""
    return ", ".join(f"{name} {number}" for name, number in versions().items())


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
