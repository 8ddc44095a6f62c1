"""What a test finds of an experiment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ..names import CometState

T = TypeVar("T")


class Newest(dict[str, T], Generic[T]):
    """What was logged under each name: a dict of the newest, which compares as one. `all` has the earlier ones, too."""

    def __init__(self) -> None:
        super().__init__()
        self._all: dict[str, list[T]] = {}

    def add(self, name: str, value: T, *, replaces: bool = False) -> None:
        """Add what was logged under a name.

        Args:
            name: The name.
            value: What was logged.
            replaces: Whether it takes the place of all that was logged under the name before.
        """
        self[name] = value
        self._all[name] = [value] if replaces else [*self.all(name), value]

    def all(self, name: str) -> list[T]:
        """Everything that was logged under a name, in the order of logging; empty if nothing was."""
        return list(self._all.get(name, ()))


class Metric(list[Any]):
    """The values of a metric, in the order in which they were logged: a list, which compares as one.

    Attributes:
        steps: The step of each value; None for one without.
        epochs: The epoch of each value; None for one without.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[int | None] = []
        self.epochs: list[int | None] = []

    def add(self, value: object, step: int | None, epoch: int | None) -> None:
        """Add a value."""
        self.append(value)
        self.steps.append(step)
        self.epochs.append(epoch)


@dataclass
class Experiment:
    """An experiment, as Comet would have it.

    Attributes:
        key: Its key.
        project: Project that it is in.
        workspace: Workspace that it is in.
        url: Its address.
        name: Its name; None if nobody gave it one.
        state: ``"running"``, ``"finished"`` or ``"crashed"``.
        metrics: The values of each metric, but for those of the system.
        parameters: The last value of each parameter, as the SDK sends it.
        others: The last value of each Other.
        tags: Its tags, in the order in which they were added.
        assets: What is in each file that was uploaded, by its name in Comet, which for a file of a model begins with
            the model's; of a remote one its address. Of several files of one name it is the newest, and
            ``assets.all(name)`` is a list of them all.
        code: What is in each file of the source, by its name in Comet.
        artifacts: What is in the files of each artifact, by the artifact's name and the file's name in it; those of
            its newest version, and ``artifacts.all(name)`` is a list of all versions.
        output: What was printed while it ran.
        html: Its HTML.
    """

    key: str
    project: str | None = None
    workspace: str | None = None
    url: str = ""
    name: str | None = None
    state: CometState = "running"
    metrics: dict[str, Metric] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    assets: Newest[bytes] = field(default_factory=Newest, repr=False)
    code: Newest[bytes] = field(default_factory=Newest, repr=False)
    artifacts: Newest[dict[str, bytes]] = field(default_factory=Newest, repr=False)
    output: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
