"""What a Comet server knows of experiments and of versions of artifacts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class ArtifactVersion:
    """What the server knows of a version of an artifact.

    Attributes:
        id: Its id.
        name: Name of the artifact.
        type: Type of the artifact.
        workspace: Workspace of the artifact.
        version: The version.
        experiment_key: The experiment that logged it.
        aliases: Its aliases.
        tags: Its tags.
        metadata: Its metadata, as JSON.
        state: `OPEN`, `CLOSED` or `ERROR`.
        files: What was said of each file, by its path, and under ``content`` the file.
        uploads: The path of every file that was sent, in order.
    """

    id: str
    name: str
    type: str
    workspace: str | None
    version: str
    experiment_key: str
    aliases: list[str]
    tags: list[str]
    metadata: str | None
    state: str = "OPEN"
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)

    def is_meant_by(self, name: str | None, version_or_alias: str | None) -> bool:
        """Whether somebody who asks by names means this one."""
        return name == self.name and version_or_alias in (self.version, *self.aliases)


@dataclass
class Experiment:
    """What the server knows of an experiment.

    Attributes:
        key: Its key.
        project: Project under which it was created.
        workspace: Workspace under which it was created.
        metrics: Pairs of step and value, by name, in the order of arrival.
        parameters: Last value by name.
        others: Last value by name.
        name: Display name.
        alive: Whether it was last said to run.
        states: Every state that was reported, in order, once in a row: "alive", "ended", "crashed", "finished".
        tags: Its tags.
        points: Every metric value as it arrived, in order.
        assets: What was said of each asset, by its id, and under ``content`` its file.
        uploads: The id of every asset that was sent, in order.
        output: Its output.
        html: Its HTML.
        times: Its start and end, as the SDK or somebody with the REST API has set them.
    """

    key: str
    project: str | None = None
    workspace: str | None = None
    metrics: dict[str, list[tuple[int | None, Any]]] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    name: str | None = None
    states: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    output: str = ""
    html: str = ""
    times: dict[str, int | None] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether it was last said to run."""
        return bool(self.states) and self.states[-1] == "alive"
