"""Calls that the SDK refuses on an offline experiment, and that a tracked body may make all the same.

A body does not know whether the server is there. So what can be kept is kept, what only shows something does nothing,
and what needs an answer of the server says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from ..errors import OfflineCallError
from ..log import logger
from .call import call_of

ARTIFACT = "artifact.json"
"""Name of the asset that describes an artifact, in the folder of its files."""


@dataclass(frozen=True)
class KeptArtifact:
    """What `log_artifact` gives where Comet cannot make the artifact: what is known of it.

    Attributes:
        name: Its name.
        artifact_type: Its type.
        version: The version that was asked for; None if Comet was to choose one.
        aliases: Its aliases.
        metadata: Its metadata.
        version_tags: Tags of the version.
    """

    name: str
    artifact_type: str
    version: str | None = None
    aliases: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    version_tags: tuple[str, ...] = ()

    def download(self, *args: Any, **kwargs: Any) -> Any:
        """Nothing can be downloaded of it.

        Raises:
            OfflineCallError: Always.
        """
        raise _needs_the_server("download() of an artifact")

    get_asset = get_source_experiment = download


def log_artifact(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Log an artifact; offline, its files and all that is known of it come into the archive."""
    if call_of(instance) is None:
        return wrapped(*args, **kwargs)
    artifact = args[0] if args else kwargs["artifact"]
    try:
        return wrapped(*args, **kwargs)
    except NotImplementedError:
        return _keep(instance, artifact)
    except Exception as error:
        if not _is_outage(error):
            raise
        logger.warning(
            "Comet has not made the artifact %r: it cannot be reached (%s). Its files are logged as assets of the "
            "experiment.",
            str(artifact.name),
            type(error).__name__,
        )
        return _keep(instance, artifact)


def _is_outage(error: BaseException | None) -> bool:
    if error is None:
        return False
    status = getattr(getattr(error, "response", None), "status_code", None)
    away = isinstance(error, (requests.ConnectionError, requests.Timeout)) or (status is not None and status >= 500)
    # The SDK raises one of its own for it.
    return away or _is_outage(error.__cause__ or error.__context__)


def _keep(experiment: Any, artifact: Any) -> KeptArtifact:
    kept = KeptArtifact(
        name=str(artifact.name),
        artifact_type=str(artifact.artifact_type),
        version=str(artifact.version) if getattr(artifact, "version", None) else None,
        aliases=tuple(map(str, getattr(artifact, "aliases", None) or ())),
        metadata=dict(getattr(artifact, "metadata", None) or {}),
        version_tags=tuple(map(str, getattr(artifact, "version_tags", None) or ())),
    )
    folder = f"artifacts/{kept.name}"
    files = []
    for asset in artifact.assets:
        name = f"{folder}/{asset.logical_path}"
        if asset.remote:
            experiment.log_remote_asset(asset.link, remote_file_name=name, metadata=asset.metadata)
        elif isinstance(asset.local_path_or_data, str):
            experiment.log_asset(asset.local_path_or_data, file_name=name, metadata=asset.metadata)
        else:
            experiment.log_asset_data(asset.local_path_or_data, name=name, metadata=asset.metadata)
        files.append({"logical_path": asset.logical_path, "link": asset.link, "metadata": asset.metadata})
    description = {**vars(kept), "assets": files}
    experiment.log_asset_data(json.dumps(description, default=str), name=f"{folder}/{ARTIFACT}", overwrite=True)
    return kept


def needs_the_server(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Say that a call cannot work offline, and what to do."""
    if call_of(instance) is None:
        return wrapped(*args, **kwargs)
    raise _needs_the_server(f"{getattr(wrapped, '__name__', 'this')}()") from None


def _needs_the_server(what: str) -> OfflineCallError:
    return OfflineCallError(
        f"{what} needs an answer of Comet, and the experiment of this task is offline. Catch "
        "flytekitplugins.comet_ml.errors.OfflineCallError to go on without it, or decorate with "
        "on_unavailable='raise' if the task makes no sense then."
    )


def nothing(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Do nothing where there is nothing to show, and nobody to tell."""
    if call_of(instance) is None:
        return wrapped(*args, **kwargs)
    logger.debug("%s() does nothing offline.", getattr(wrapped, "__name__", "this"))
    return None


WRAPPERS: Mapping[str, Callable[[Any, Any, Any, Any], Any]] = {
    "log_artifact": log_artifact,
    "get_artifact": needs_the_server,
    "display": nothing,
    "display_project": nothing,
    "send_notification": nothing,
    "create_symlink": nothing,
    "register_callback": nothing,
    "log_embedding": nothing,
}
"""By the name of the method of `OfflineExperiment`."""
