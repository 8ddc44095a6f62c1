"""Every error that this plugin raises on its own account.

All of them derive from `CometTrackingError`, so that one ``except`` catches them. What a task's own code raises is
never wrapped: it passes through as it is.
"""

from __future__ import annotations


class CometTrackingError(Exception):
    """Base class of all errors of this plugin."""


class InvalidOptionError(CometTrackingError, ValueError, TypeError):
    """An argument of `comet_ml_login` that cannot work, found when the task is decorated.

    It is both a ``ValueError`` and a ``TypeError``, because code for the earlier plugin catches one or the other.
    """


class UnsupportedFunctionError(CometTrackingError, TypeError):
    """`comet_ml_login` stands on something that it cannot track. This is found when it is decorated."""


class ArchiveError(CometTrackingError):
    """An offline archive that cannot be read or sent: it is none, or empty, damaged, or of a newer SDK."""


class UploadError(CometTrackingError):
    """An offline archive was not sent, or not all of it: the server is away or refused it. Sending it again is safe."""


class OfflineCallError(CometTrackingError, NotImplementedError):
    """The body wants an answer of Comet, and there is none: it is offline, disabled, or Comet is away."""


class APIKeyError(CometTrackingError):
    """No usable Comet API key came out of the secret: it is missing, empty or not a string."""


class APIKeyRejectedError(APIKeyError):
    """The Comet server does not accept the API key."""


class WorkspaceAccessError(CometTrackingError):
    """The API key is good, but may not write to the workspace or project."""


class InvalidExperimentKeyError(CometTrackingError, ValueError):
    """The experiment key is one that Comet would refuse: it takes 32 to 50 ASCII letters and digits."""


class ExperimentRefusedError(CometTrackingError):
    """The Comet server or the SDK refuses to start the experiment."""


class ServerUnavailableError(CometTrackingError):
    """The Comet server cannot be reached, and the decorator was told to fail the task then."""
