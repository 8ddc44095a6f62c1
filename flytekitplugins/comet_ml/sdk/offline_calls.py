"""Calls that the SDK refuses on an offline experiment, and that a tracked body may make all the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

WRAPPERS: Mapping[str, Callable[[Any, Any, Any, Any], Any]] = {}
"""By the name of the method of `OfflineExperiment`."""
