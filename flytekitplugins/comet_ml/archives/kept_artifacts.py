"""Artifacts that an archive has as assets: their messages, and what becomes of these in the artifact."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..sdk.artifacts import DESCRIPTION, FOLDER, FORMAT
from .archive import Archive, Message


@dataclass(frozen=True)
class ArchivedArtifact:
    """An artifact in an archive.

    Attributes:
        description: What the run has written of it (`sdk.artifacts.keep`).
        description_id: Id of the asset that this is.
        logical_paths: The paths of its files in the artifact, by the ids of the assets that they are.
        is_whole: Whether the archive has all of its files.
    """

    description: Mapping[str, object]
    description_id: str
    logical_paths: Mapping[str, str]
    is_whole: bool

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.description["name"])

    @property
    def id(self) -> str:
        """What tells it from every other, and from the same artifact logged again."""
        return str(self.description["id"])

    def has(self, message: Message) -> bool:
        """Whether a message is a file of it, or its description."""
        asset_id = _asset_id(message)
        return asset_id is not None and (asset_id in self.logical_paths or asset_id == self.description_id)

    def files(self, messages: Iterable[Message], version_id: str) -> Iterator[Message]:
        """The messages that send its files to a version of it.

        Args:
            messages: The archive's messages.
            version_id: The id that Comet has given to the version.
        """
        for message in messages:
            asset_id = _asset_id(message)
            if asset_id not in self.logical_paths:
                continue
            payload = {**message.payload, "additional_params": self._in_version(message, version_id)}
            yield Message(json.dumps({**json.loads(message.text), "payload": payload}), message.type, payload)

    def _in_version(self, message: Message, version_id: str) -> dict[str, object]:
        asset_id = str(message.asset["assetId"])
        return {
            **message.asset,
            "fileName": self.logical_paths[asset_id],
            "artifactVersionId": version_id,
            # Its own id may be taken by an asset in Comet. This one is the same each time, so that nothing is doubled.
            "assetId": hashlib.sha256(f"{self.id}/{asset_id}".encode()).hexdigest()[:32],
        }


def artifacts_in(archive: Archive) -> list[ArchivedArtifact]:
    """The artifacts that an archive has as assets."""
    described: list[tuple[str, Mapping[str, Any]]] = []
    there: set[str] = set()
    with zipfile.ZipFile(archive.path) as content:
        for message in archive.messages():
            asset_id = _asset_id(message)
            if asset_id is None:
                continue
            there.add(asset_id)
            name = str(message.asset.get("fileName"))
            if message.type == "file_upload" and name.startswith(FOLDER) and name.endswith(f"/{DESCRIPTION}"):
                description = _description(content.read(str(message.payload["file_path"])))
                if description is not None:
                    described.append((asset_id, description))
    found = []
    for asset_id, description in described:
        paths = {str(file["asset_id"]): str(file["logical_path"]) for file in description["files"]}
        found.append(ArchivedArtifact(description, asset_id, paths, is_whole=paths.keys() <= there))
    return found


def versions_in(archive: Archive) -> list[str]:
    """The ids of versions of artifacts that were made online, and whose files are in the archive."""
    found = (message.asset.get("artifactVersionId") for message in archive.messages() if message.is_asset)
    return list(dict.fromkeys(str(version_id) for version_id in found if version_id))


def _asset_id(message: Message) -> str | None:
    asset_id = message.asset.get("assetId") if message.is_asset else None
    return None if asset_id is None else str(asset_id)


def _description(content: bytes) -> Mapping[str, Any] | None:
    """A description of an artifact; None for a file of the user's that has its name."""
    try:
        description = json.loads(content)
        is_one = isinstance(description, dict) and description.get(FORMAT) == 1
        files = [(file["asset_id"], file["logical_path"]) for file in description["files"]] if is_one else None
        return description if is_one and description["id"] and description["name"] and files is not None else None
    except (ValueError, KeyError, TypeError):
        return None
