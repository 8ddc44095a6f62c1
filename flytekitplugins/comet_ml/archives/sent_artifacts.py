"""Sending the artifacts of an archive that the run could not make, and those that it could not finish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import ExperimentRefusedError
from ..names import FLYTE_ARTIFACT_PREFIX
from ..sdk import artifacts as sdk_artifacts
from ..sdk import refusals
from .already_sent import Delivered, undelivered
from .archive import Archive
from .copies import Copies
from .kept_artifacts import ArchivedArtifact, artifacts_in, versions_in
from .server_errors import ServerErrors


@dataclass
class SentArtifacts:
    """The artifacts of one archive, and what became of them.

    Args:
        archive: The archive.
        api: A `comet_ml.API`.
        copies: Has the SDK send parts of archives.
        errors: What the server's errors mean.

    Attributes:
        sent: How many of their files were sent.
        delivered: How many were there already.
        left_out: What is not in Comet, and why, in words.
    """

    archive: Archive
    api: Any
    copies: Copies
    errors: ServerErrors
    sent: int = 0
    delivered: int = 0
    left_out: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        found = artifacts_in(self.archive)
        self.to_make = [artifact for artifact in found if artifact.is_whole]
        self._to_finish = versions_in(self.archive)
        for artifact in found:
            if not artifact.is_whole:
                self.left_out.append(
                    f"files of the artifact {artifact.name!r} are missing, so that the others are sent as assets"
                )

    def files_there(self) -> frozenset[str]:
        """The files that Comet has of the artifacts that the run could not finish, by their ids."""
        return frozenset[str]().union(*(sdk_artifacts.files_there(self.api, each) for each in self._to_finish))

    def make(self, artifact: ArchivedArtifact, stored: Any, losses: list[str], stop_time: int | None) -> None:
        """Make an artifact that the run could not make. A repeated upload goes on with the same version.

        Args:
            artifact: The artifact.
            stored: Its experiment in Comet, as a `comet_ml.APIExperiment`.
            losses: What the SDK says of things that it did not send.
            stop_time: When the run ended, if it is not what the archive says.
        """
        mark, version_id, there = f"{FLYTE_ARTIFACT_PREFIX}{artifact.id[:16]}", "", frozenset[str]()
        for other in stored.get_others_summary() or ():
            if other["name"] == mark:
                version_id = str(other.get("valueCurrent")).split()[-1]
                there = sdk_artifacts.files_there(self.api, version_id)

        def make_version() -> None:
            nonlocal version_id
            version_id, version = sdk_artifacts.make_version(self.api, self.archive.key, artifact.description)
            stored.log_other(mark, f"{artifact.name}:{version} {version_id}")

        if not version_id and not self._taken(make_version, f"the artifact {artifact.name!r}"):
            return
        files = list(undelivered(artifact.files(self.archive.messages(), version_id), Delivered(assets=there)))
        if files:
            self.copies.send(self.archive, iter(files), losses, strategy="get", stop_time=stop_time, values={})
        self.sent += len(files)
        self.delivered += len(artifact.logical_paths) - len(files)
        if not losses:
            self._close(version_id, f"the artifact {artifact.name!r}")

    def finish(self) -> None:
        """Say that the artifacts that the run could not finish are whole: all that the archive has was sent."""
        for version_id in self._to_finish:
            self._close(version_id, f"the rest of the artifact version {version_id}")

    def _close(self, version_id: str, what: str) -> None:
        self._taken(lambda: sdk_artifacts.close_version(self.api, self.archive.key, version_id), what)

    def _taken(self, step: Callable[[], None], what: str) -> bool:
        """Whether Comet takes something. What it refuses is left out, and everything else is sent all the same."""
        try:
            step()
        except Exception as error:
            if not isinstance(self.errors.refusal(error), ExperimentRefusedError):
                raise
            self.left_out.append(f"Comet refuses {what} ({self.errors.reason(refusals.described(error))})")
            return False
        return True
