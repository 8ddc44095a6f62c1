"""The API key of all tests, and where it must not be."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from tests.support.pod_environment import SECRET_VARIABLE

CANARY = "canary0123456789canaryXYZ"
"""The API key of all tests: wherever it shows up, the plugin has leaked it."""


class Canary:
    """Looks for the API key where it must not be.

    Attributes:
        output: Everything that was printed and logged until now.
        allowed_variables: Environment variables that hold the key because the test put it there.
    """

    def __init__(self, directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.output = ""
        self.allowed_variables = {"COMET_API_KEY", SECRET_VARIABLE}
        self._directory = directory
        self._capfd = capfd

    def read(self) -> str:
        """Everything that was printed and logged until now."""
        out, err = self._capfd.readouterr()
        self.output += out + err
        return self.output

    def check(self) -> None:
        """Fail if the key is in the output, in a file or in a variable."""
        assert CANARY not in self.read(), "the API key is in the log"
        leaking = [path for path in self._directory.rglob("*") if path.is_file() and _contains(path)]
        assert not leaking, f"the API key is in {leaking}"
        variables = {name for name, value in os.environ.items() if CANARY in value} - self.allowed_variables
        assert not variables, f"the API key is in {variables}"


def _contains(path: Path) -> bool:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return any(CANARY.encode() in archive.read(name) for name in archive.namelist())
    return CANARY.encode() in path.read_bytes()
