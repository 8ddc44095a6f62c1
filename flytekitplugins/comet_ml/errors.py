"""Every error that this plugin raises on its own account.

All of them derive from `CometTrackingError`, so that one ``except`` catches them. What a task's own code raises is
never wrapped: it passes through as it is.
"""

from __future__ import annotations


class CometTrackingError(Exception):
    """Base class of all errors of this plugin."""


class InvalidOptionError(CometTrackingError, ValueError, TypeError):
    """An argument of `comet_ml_login` that cannot work, found when the task is decorated.

    It is both a ``ValueError`` and a ``TypeError``: which of the two a wrong argument is depends on the eye of the
    beholder, and code written for the earlier plugin catches either.
    """


class UnsupportedFunctionError(CometTrackingError, TypeError):
    """`comet_ml_login` was applied to something that it cannot track, found when it is decorated."""


class ArchiveError(CometTrackingError):
    """An offline archive that cannot be read or sent: it is none, or empty, damaged, or of a newer SDK."""


class UploadError(CometTrackingError):
    """An offline archive was not sent, or not all of it: the server is away or refused it. Sending it again is safe."""


class OfflineCallError(CometTrackingError, NotImplementedError):
    """A call of the body that needs an answer of Comet, where there is none: offline, in an outage, or disabled."""


class APIKeyError(CometTrackingError):
    """No usable Comet API key came out of the secret: it is missing, empty or not a string."""


class APIKeyRejectedError(APIKeyError):
    """The Comet server does not accept the API key."""


class WorkspaceAccessError(CometTrackingError):
    """The API key is good, but does not allow writing to the workspace or project."""


class InvalidExperimentKeyError(CometTrackingError, ValueError):
    """The experiment key is one that Comet would refuse: it takes 32 to 50 ASCII letters and digits."""


class ExperimentRefusedError(CometTrackingError):
    """The Comet server, or the SDK, refuses to start the experiment that was asked for."""


class ServerUnavailableError(CometTrackingError):
    """The Comet server cannot be reached, and the decorator was told to fail the task then."""
