"""Which tests run, and on which worker: what all of pytest's `conftest` files share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest


def add_slow_option(parser: pytest.Parser) -> None:
    """The option that has slow tests run, too."""
    parser.addoption("--slow", action="store_true", help="run the tests that are marked as slow, too")


def leave_out_slow(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow tests run only if they are asked for. So do the cases of a test that its mark `by_default` does not name."""
    for item in items:
        named = item.get_closest_marker("by_default")
        if named is not None and item.callspec.id not in named.args:  # type: ignore[attr-defined]
            item.add_marker("slow")
    if not config.getoption("--slow"):
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


def scheduling(config: pytest.Config, log: Any, together: Mapping[str, str]) -> Any:
    """Deal tests out to workers one by one, but for those that belong together.

    pytest-xdist has marks for this, which do nothing with pytest 9.2.

    Args:
        config: As pytest-xdist gives it.
        log: As pytest-xdist gives it.
        together: Files, with a name for those that one worker runs.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return together.get(nodeid.partition("::")[0], nodeid)

    return Scheduling(config, log)
