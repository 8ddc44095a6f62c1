"""What the fault matrix asks of a generation of Flyte: how a task is registered and started, and what it leaves.

Neither flytekit nor flyte is imported here: `flyte1.py` and `flyte2.py`, beside this, have a class for each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from tests.support.matrix import Outcome
    from tests.support.scenario import Scenario


class Process(Protocol):
    """What is used of `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...


class Run(Protocol):
    """What is left of a task's process: its exit status, what it printed, and its room."""

    @property
    def status(self) -> int: ...
    @property
    def log(self) -> str: ...
    @property
    def directory(self) -> Path: ...
    @property
    def error(self) -> str: ...


class Running(Protocol):
    """A task's process."""

    @property
    def process(self) -> Process: ...
    def wait(self, timeout: float = 280) -> Run: ...


@dataclass(frozen=True)
class Registered:
    """A task that is registered.

    Attributes:
        command: The command line of its container.
        room: The directory of its process, with `home`, `work`, `tmp`, `code` and `out`.
        raw: Where its raw outputs go; a part of the command line.
        start: Starts a command line, with these variables besides the task's own.
    """

    command: Sequence[str]
    room: Path
    raw: Path
    start: Callable[[Sequence[str], Mapping[str, str | None]], Running]


class Generation(ABC):
    """A generation of Flyte.

    Attributes:
        name: As `Scenario.only` has it.
        header: The lines of a scenario's module that make the decorator `task` and the secret `SECRET`.
    """

    name: ClassVar[str]
    header: ClassVar[str]

    @abstractmethod
    def register(self, source: str, directory: Path, *, fresh: bool = False) -> Registered:
        """Register the task `train` of a module. Not in a thread: it goes through this process's modules.

        Args:
            source: The module's text.
            directory: Where the room of its process is made.
            fresh: Whether the process is started with nothing loaded, as in a cluster.
        """

    def leaves_the_body(self, outcome: Outcome) -> bool:
        """Whether the process may end before the task's function does: it dies by a signal."""
        return outcome.scenario.status < 0

    def shipped(self, task: Registered) -> Registered:
        """The task with its code in an archive, which its container unpacks."""
        raise NotImplementedError

    def scenarios(self, scenarios: Iterable[Scenario]) -> list[Scenario]:
        """Those of some scenarios that there are here, as they are played here."""
        return [scenario for scenario in scenarios if scenario.only in ("", self.name)]
