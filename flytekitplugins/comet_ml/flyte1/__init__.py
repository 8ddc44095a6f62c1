"""Flyte 1: everything that knows flytekit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flytekit.core.context_manager import FlyteContextManager


def context_manager() -> type[FlyteContextManager]:
    """Flytekit's `FlyteContextManager`, which is imported when it is asked for."""
    from flytekit.core.context_manager import FlyteContextManager

    manager: type[FlyteContextManager] = FlyteContextManager
    return manager
