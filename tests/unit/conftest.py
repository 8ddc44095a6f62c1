"""A fixture for the tests of `doctor`: a process without tasks of other tests."""

from __future__ import annotations

import sys

import pytest
from flytekit.core.context_manager import FlyteEntities


@pytest.fixture
def _no_other_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of its own: no tasks, modules or paths of other tests."""
    monkeypatch.setattr(FlyteEntities, "entities", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in sys.modules if name.split(".")[0] in ("train", "my_project")]:
        del sys.modules[name]
