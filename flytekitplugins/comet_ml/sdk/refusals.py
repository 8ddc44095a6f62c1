"""What the SDK's exceptions mean: a refusal, a server that is away, a disk that is full.

They are told apart by type, status and `sdk_error_code`, never by message.
"""

from __future__ import annotations

import importlib
from typing import Any

from .. import foreign_text
from ..errors import APIKeyRejectedError, CometTrackingError, ExperimentRefusedError, WorkspaceAccessError
from ..shown import shown

# Codes in the JSON body of a refusal (`comet_ml.exceptions`).
_API_KEY_NOT_REGISTERED = 90212
_NO_SUCH_WORKSPACE = 90219
_VIEW_ONLY = 7000011
_SERVICE_ACCOUNT_RESTRICTED = 7000023

_CAUSES = 20
"""How many exceptions behind one another are looked at: they can go in a circle."""

# Past what a class may have put in front of it.
_ARGUMENTS: Any = BaseException.__dict__["args"]


def refusal(error: BaseException, *, server: str, workspace: str, project_name: str) -> CometTrackingError | None:
    """The error to raise for an exception of the SDK by which the server refuses this key, workspace or experiment.

    Args:
        error: What the SDK raised or logged.
        server: The server that was asked, for the message.
        workspace: Comet workspace, for the message.
        project_name: Comet project, for the message.

    Returns:
        The error, without the SDK's (which can carry the API key); None if the exception is no refusal, but a server
        that cannot be reached or does not work.
    """
    status = _attribute(_attribute(error, "response"), "status_code")
    code = _attribute(error, "sdk_error_code")
    if _is(error, "InvalidAPIKey", "Unauthorized") or code == _API_KEY_NOT_REGISTERED or status == 401:
        return APIKeyRejectedError(
            f"Comet at {server} rejected the API key. Check that the secret (in a local run COMET_API_KEY, or the file "
            "that `comet login` writes) holds a current key of that server (Comet: Account Settings > API Keys), and "
            "that `host` is the server that the key belongs to."
        )
    if (
        _is(error, "InvalidWorkspace", "ViewOnlyAccessException", "ServiceAccountWorkspaceRestricted")
        or code in (_NO_SUCH_WORKSPACE, _VIEW_ONLY, _SERVICE_ACCOUNT_RESTRICTED)
        or status == 403
    ):
        return WorkspaceAccessError(
            f"Comet at {server} does not let this API key write to workspace {shown(workspace)}, project "
            f"{shown(project_name)}. Check the spelling of `workspace`, and that the key's owner is a member "
            "who may create experiments."
        )
    if status == 400 or _is(
        error,
        "ProjectNameEmpty",
        "ProjectNameIsTooLong",
        "MaxExperimentNumberReachedException",
        "SDKVersionIsTooOldException",
        "InvalidExperimentMode",
        "ExperimentNotFound",
        "ExperimentAlreadyUploaded",
    ):
        return ExperimentRefusedError(
            f"Comet at {server} refused to start the experiment in workspace {shown(workspace)}, project "
            f"{shown(project_name)}: {foreign_text.described(error).message}"
        )
    return None


def is_refusal(error: BaseException) -> bool:
    """Whether the server refuses something by an exception of the SDK: to ask again is of no use."""
    return refusal(error, server="", workspace="", project_name="") is not None


def is_unreachable(error: BaseException) -> bool:
    """Whether an exception says that there was no connection to the server: asking again would only take time."""
    import requests

    return isinstance(error, (requests.ConnectionError, requests.Timeout, ConnectionError))


def is_outage(error: BaseException) -> bool:
    """Whether an exception came from a server that is away, or does not work: the SDK raises its own for that.

    Args:
        error: What the SDK raised.
    """
    from requests.exceptions import RetryError

    told: object = error
    for _ in range(_CAUSES):
        if not isinstance(told, BaseException):
            return False
        status = _attribute(_attribute(told, "response"), "status_code")
        if is_unreachable(told) or isinstance(told, RetryError) or (isinstance(status, int) and status >= 500):
            return True
        cause = _attribute(told, "__cause__")
        told = _attribute(told, "__context__") if cause is None else cause
    return False


def described(error: BaseException) -> str:
    """An exception in words: for one of `requests` around one of urllib3, what went wrong on the line."""
    arguments = _ARGUMENTS.__get__(error)
    reason = _attribute(arguments[0], "reason") if arguments else None
    return str(foreign_text.described(reason if isinstance(reason, Exception) else error))


def _is(error: BaseException, *names: str) -> bool:
    exceptions = importlib.import_module("comet_ml.exceptions")
    classes = tuple(getattr(exceptions, name) for name in names if hasattr(exceptions, name))
    return isinstance(error, classes)


def _attribute(thing: object, name: str) -> object:
    """An attribute of something that may be of any make; None where there is none."""
    try:
        return getattr(thing, name, None)
    except Exception:
        # Its own property has failed.
        return None
