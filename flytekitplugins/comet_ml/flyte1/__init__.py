"""Flyte 1: everything that knows flytekit."""

from __future__ import annotations

from typing import Any


def context_manager() -> Any:
    """Flytekit's `FlyteContextManager`, which is imported when it is asked for."""
    from flytekit.core.context_manager import FlyteContextManager

    return FlyteContextManager
