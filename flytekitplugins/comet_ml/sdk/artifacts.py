"""Artifacts that Comet cannot make now: their files are logged as assets, and `upload` makes the artifacts later.

Only the server can make an artifact. So each of its files becomes an asset in a folder of the artifact's name, and one
more asset says what belongs together (`DESCRIPTION`). From these, `upload` makes the artifact.
"""

from __future__ import annotations

import importlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import OfflineCallError
from ..log import logger
from .protocols import Experiment

if TYPE_CHECKING:
    from comet_ml import API, Artifact

DESCRIPTION = "artifact.json"
"""Name of the asset that describes an artifact, in the folder of its files."""

FOLDER = "artifacts/"

FORMAT = "flyte_artifact"
"""Key of the description that tells it from a file of the user's, with the version of its format."""


@dataclass(frozen=True)
class KeptArtifact:
    """What `log_artifact` gives where Comet cannot make the artifact: what is known of it.

    It has the attributes of a `comet_ml.LoggedArtifact`. Those that only the server knows say so.

    Attributes:
        name: Its name.
        artifact_type: Its type.
        version: The version that was asked for; None if Comet is to choose one.
        aliases: Aliases of the version.
        metadata: Metadata of the version.
        version_tags: Tags of the version.
        artifact_tags: Tags of the artifact: none are known.
        workspace: The workspace that it will be in; None for the account's default.
        size: Bytes of its files.
        source_experiment_key: The experiment that logged it.
    """

    name: str
    artifact_type: str
    version: str | None = None
    aliases: frozenset[str] = frozenset()
    metadata: Mapping[str, object] = field(default_factory=dict)
    version_tags: frozenset[str] = frozenset()
    artifact_tags: frozenset[str] = frozenset()
    workspace: str | None = None
    size: int = 0
    source_experiment_key: str | None = None

    def __getattr__(self, name: str) -> object:
        if name.startswith("_") or not hasattr(importlib.import_module("comet_ml").LoggedArtifact, name):
            raise AttributeError(name)
        raise needs_the_server(f"{name} of an artifact", "it has not made this one yet")


def needs_the_server(what: str, reason: str) -> OfflineCallError:
    """The error for what cannot work without the server.

    Args:
        what: What was called.
        reason: Why there is no answer, as a clause.
    """
    return OfflineCallError(
        f"{what} needs an answer of Comet, and {reason}. Catch flytekitplugins.comet_ml.errors.OfflineCallError to go "
        "on without it. If the task makes no sense then, decorate with on_unavailable='raise', and in a local run log "
        "in with `comet login`."
    )


def known_of(artifact: Artifact, experiment: Experiment) -> KeptArtifact:
    """What is known of a `comet_ml.Artifact` without the server."""
    return KeptArtifact(
        name=str(artifact.name),
        artifact_type=str(artifact.artifact_type),
        version=str(artifact.version) if artifact.version else None,
        aliases=frozenset(map(str, artifact.aliases or ())),
        metadata=dict(artifact.metadata or {}),
        version_tags=frozenset(map(str, artifact.version_tags or ())),
        workspace=experiment.workspace,
        size=sum(asset.size or 0 for asset in artifact.assets),
        source_experiment_key=experiment.get_key(),
    )


def keep(experiment: Experiment, artifact: Artifact) -> KeptArtifact:
    """Log the files of an artifact, and what is known of it, as assets of an experiment."""
    kept = known_of(artifact, experiment)
    folder = f"{FOLDER}{kept.name}/"
    files = []
    for asset in artifact.assets:
        name = folder + asset.logical_path
        if asset.remote:
            logged = experiment.log_remote_asset(asset.link, remote_file_name=name, metadata=asset.metadata)
        else:
            logged = experiment.log_asset(asset.local_path_or_data, file_name=name, metadata=asset.metadata)
        files.append({"logical_path": asset.logical_path, "asset_id": (logged or {}).get("assetId")})
    description = {
        FORMAT: 1,
        "id": uuid.uuid4().hex,
        "name": kept.name,
        "artifact_type": kept.artifact_type,
        "version": kept.version,
        "aliases": sorted(kept.aliases),
        "metadata": kept.metadata,
        "version_tags": sorted(kept.version_tags),
        "files": files,
    }
    experiment.log_asset_data(json.dumps(description, default=str), name=folder + DESCRIPTION)
    return kept


# Making it, later


def make_version(api: API, experiment_key: str, description: Mapping[str, object]) -> tuple[str, str]:
    """Make the version of an artifact, without files yet, as the SDK's `log_artifact` does.

    Args:
        api: A `comet_ml.API`.
        experiment_key: The experiment that logged it.
        description: What `keep` has written of it.

    Returns:
        The id of the version, and the version.
    """
    answer = api._client.upsert_artifact(
        artifact_name=description["name"],
        artifact_type=description["artifact_type"],
        experiment_key=experiment_key,
        metadata=description["metadata"],
        version=description["version"],
        aliases=description["aliases"],
        version_tags=description["version_tags"],
    ).json()
    return str(answer["artifactVersionId"]), str(answer["currentVersion"])


def files_there(api: API, version_id: str) -> frozenset[str]:
    """The ids of the files that a version has; none where Comet does not tell, such as of one that is not closed."""
    try:
        about = api._client.get_artifact_version_details(artifact_version_id=version_id)
        of, version = about["artifact"], about["artifactVersion"]
        named = {"workspace": of["workspaceName"], "artifact_name": of["artifactName"], "version": version}
        return frozenset(str(file["assetId"]) for file in api.get_artifact_files(**named)["files"])
    except Exception as error:
        # They are sent again then, under the same ids.
        logger.debug("Comet does not tell which files the version %s has: %s", version_id, type(error).__name__)
        return frozenset()


def close_version(api: API, experiment_key: str, version_id: str) -> None:
    """Say that all files of a version have arrived: only then can it be used.

    Args:
        api: A `comet_ml.API`.
        experiment_key: The experiment that logged it.
        version_id: The id of the version.
    """
    state = {"artifactVersionId": version_id, "experimentKey": experiment_key, "state": "CLOSED"}
    api._client.post_from_endpoint("write/artifacts/state", state)
