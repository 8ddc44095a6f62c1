"""Environments of their own for this plugin and the existing one, alike in everything else."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXISTING = "1.16.31"
"""The release of the existing plugin that is measured against."""


@dataclass(frozen=True)
class Environment:
    """A Python environment.

    Attributes:
        directory: Where it is.
    """

    directory: Path

    @property
    def binaries(self) -> Path:
        """Where its commands are."""
        return self.directory / "bin"

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.binaries / "python")


def versions() -> dict[str, str]:
    """What both environments have, in the versions that are installed here."""
    return {name: importlib.metadata.version(name) for name in ("flytekit", "comet-ml")}


def ours() -> Environment:
    """The environment with this plugin, built and installed as a user would have it."""
    with tempfile.TemporaryDirectory() as copy:
        for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        shutil.copytree(ROOT / "flytekitplugins", f"{copy}/flytekitplugins")
        return _made("ours", copy)


def existing() -> Environment:
    """The environment with the existing plugin, from PyPI."""
    return _made("existing", f"flytekitplugins-comet-ml=={EXISTING}")


def _made(name: str, plugin: str) -> Environment:
    environment = Environment(ROOT / ".venv-bench" / name)
    uv = [sys.executable, "-m", "uv"]
    if not Path(environment.python).exists():
        subprocess.run([*uv, "venv", "-q", "--python", sys.executable, environment.directory], check=True)
    pinned = [f"{package}=={version}" for package, version in versions().items()]
    install = [*uv, "pip", "install", "-q", "--python", environment.python, "--compile-bytecode"]
    subprocess.run([*install, "--reinstall-package", "flytekitplugins-comet-ml", plugin, *pinned], check=True)
    return environment
