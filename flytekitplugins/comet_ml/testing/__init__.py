"""A pytest plugin: the fixture `comet`, under which tracked tasks run without account and network.

pytest loads it by its entry point. It does nothing until a test asks for the fixture. It loads neither the Comet SDK
nor flytekit before that.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from .experiment import Experiment, Metric
    from .fixture import Comet

__all__ = ["Comet", "Experiment", "Metric"]

try:
    import pytest
except ImportError:
    # An image for tasks need not have pytest. There is nothing here then.
    pass
else:

    def pytest_configure(config: pytest.Config) -> None:
        """Keep this file open: by that, a child process knows that it comes from pytest (`sdk.in_pytest`)."""
        config.add_cleanup(open(__file__, "rb").close)  # noqa: SIM115 - it is closed when pytest ends

    @pytest.fixture
    def comet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Comet]:
        """Comet for a test: what is tracked meanwhile is in `comet.experiments`, and nothing is sent."""
        from .fixture import comet_in_memory

        with comet_in_memory(monkeypatch.setenv, monkeypatch.delenv, tmp_path / "comet") as comet:
            yield comet


def __getattr__(name: str) -> Any:
    """The types of what the fixture gives, for annotations."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(".fixture", __name__), name)
