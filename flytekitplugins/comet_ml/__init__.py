"""Track Flyte tasks in Comet: `comet_ml_login` gives a task's run an experiment, and its node a link to it.

Nothing is loaded until it is asked for: neither flytekit nor the Comet SDK.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .decorated import TrackedFunction
    from .errors import (
        APIKeyError,
        APIKeyRejectedError,
        CometTrackingError,
        ExperimentRefusedError,
        InvalidExperimentKeyError,
        InvalidOptionError,
        ServerUnavailableError,
        UnsupportedFunctionError,
        WorkspaceAccessError,
    )
    from .flyte2.link import CometActionLink
    from .link import CometLink
    from .tracking import comet_ml_login

__all__ = [
    "APIKeyError",
    "APIKeyRejectedError",
    "CometActionLink",
    "CometLink",
    "CometTrackingError",
    "ExperimentRefusedError",
    "InvalidExperimentKeyError",
    "InvalidOptionError",
    "ServerUnavailableError",
    "TrackedFunction",
    "UnsupportedFunctionError",
    "WorkspaceAccessError",
    "comet_ml_login",
]

_PLACES = {
    "CometActionLink": "flyte2.link",
    "CometLink": "link",
    "TrackedFunction": "decorated",
    "comet_ml_login": "tracking",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_PLACES.get(name, 'errors')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
