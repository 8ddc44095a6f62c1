"""The artifacts of a test: what was logged can be got again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Artifact:
    """One version of an artifact.

    Attributes:
        identifier: What the SDK asks for it by.
        values: What the SDK said of it, by the names that it has for that.
        workspace: Comet workspace.
        version: Its version, such as ``1.0.0``.
        previous_version: The version before it; None if it is the first.
        files: What is in its files, by their names. A remote file has its address here.
        remote: The names of the remote ones.
    """

    identifier: str
    values: Mapping[str, Any]
    workspace: str | None
    version: str
    previous_version: str | None
    files: dict[str, bytes] = field(default_factory=dict)
    remote: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.values["artifactName"])

    def add(self, name: str, content: bytes, *, remote: bool) -> None:
        """Add a file, or the address of a remote one."""
        self.files[name] = content
        if remote:
            self.remote.add(name)

    def names(self) -> set[str | None]:
        """What a version can be asked for by."""
        return {None, "latest", self.version, *(self.values.get("alias") or ())}

    def details(self) -> dict[str, object]:
        """The answer of who asks for it."""
        return {
            "artifact": {
                "artifactId": self.identifier,
                "artifactName": self.name,
                "artifactType": self.values.get("artifactType"),
                "tags": [],
                "workspaceName": self.workspace,
            },
            "artifactVersion": self.version,
            "artifactVersionId": self.identifier,
            "alias": self.values.get("alias") or [],
            "tags": self.values.get("versionTags") or [],
            "metadata": self.values.get("versionMetadata"),
            "sizeInBytes": sum(len(content) for content in self.files.values()),
            "experimentKey": self.values.get("experimentKey"),
        }

    def list_of_files(self) -> list[dict[str, object]]:
        """The answer of who asks for its files."""
        return [
            {
                "artifactVersionId": self.identifier,
                "assetId": json.dumps([self.identifier, name]),
                "fileName": name,
                "fileSize": len(content),
                "link": content.decode() if name in self.remote else None,
                "remote": name in self.remote,
                "metadata": None,
                "type": "asset",
            }
            for name, content in self.files.items()
        ]


class Artifacts:
    """All versions of all artifacts, in the order in which they were logged."""

    def __init__(self) -> None:
        self._all: dict[str, Artifact] = {}

    def log(self, values: Mapping[str, Any], workspace: str | None) -> Artifact:
        """A new version of an artifact.

        Args:
            values: What the SDK says of it.
            workspace: Comet workspace.
        """
        earlier = [each for each in self._all.values() if each.name == values["artifactName"]]
        identifier = f"artifact-{len(self._all)}"
        version = values.get("version") or f"{len(earlier) + 1}.0.0"
        previous = earlier[-1].version if earlier else None
        self._all[identifier] = Artifact(identifier, values, workspace, version, previous)
        return self._all[identifier]

    def with_identifier(self, identifier: str) -> Artifact | None:
        """The version that the SDK knows by an identifier."""
        return self._all.get(identifier)

    def found(self, query: Mapping[str, str]) -> Artifact | None:
        """The version that a request asks for, by its identifier or by its name; None if there is none.

        Args:
            query: The request's query.
        """
        if query.get("versionId") in self._all:
            return self._all[query["versionId"]]
        wanted = query.get("version") or query.get("versionOrAlias") or query.get("alias")
        named = [each for each in self._all.values() if each.name == query.get("artifactName")]
        return next((each for each in reversed(named) if wanted in each.names()), None)

    def content(self, asset: str) -> bytes | None:
        """What is in a file; None if there is none.

        Args:
            asset: The identifier that `Artifact.list_of_files` gave it.
        """
        try:
            identifier, name = json.loads(asset)
            return self._all[identifier].files.get(name)
        except (ValueError, KeyError, TypeError):
            return None
