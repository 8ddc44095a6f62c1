"""Track Flyte tasks in Comet: `comet_ml_login` gives a task's run an experiment, and its node a link to it."""

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
from .link import CometLink
from .tracking import comet_ml_login

__all__ = [
    "APIKeyError",
    "APIKeyRejectedError",
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
