"""What is used of the SDK's experiments, in all of its versions, and what a wrapper of its functions is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from ..names import CometState

Wrapped: TypeAlias = Callable[..., Any]
"""A function of the SDK, bound to its object."""

Arguments: TypeAlias = tuple[Any, ...]
Keywords: TypeAlias = dict[str, Any]

Wrapper: TypeAlias = Callable[[Wrapped, Any, Arguments, Keywords], object]
"""What wrapt calls in the place of a function: with it, its object (None if it has none), and the arguments."""


class Experiment(Protocol):
    """A `comet_ml.CometExperiment`, online, offline or disabled."""

    alive: bool
    ended: bool
    disabled: bool
    project_name: str | None
    workspace: str | None
    tmpdir: str | None
    context: str | None
    curr_step: int | None
    metrics: Mapping[str, object]
    streamer: Any

    @property
    def url(self) -> str | None:
        """Its address in Comet; None offline."""

    def get_key(self) -> str:
        """Its experiment key."""

    def get_name(self) -> str | None:
        """Its name, if it was given one in this process."""

    def get_other(self, name: str) -> object:
        """An Other that was logged in this process; `KeyError` without one."""

    def set_name(self, name: str) -> None:
        """Give it a name."""

    def get_tags(self) -> list[str]:
        """Its tags."""

    def add_tags(self, tags: Sequence[str]) -> None:
        """Add tags."""

    def set_filename(self, fname: str) -> None:
        """Say which file its code stands in."""

    def log_code(
        self, file_name: str | None = None, *, code: str | None = None, code_name: str | None = None
    ) -> object:
        """Log a source file, or a text as one with a name."""

    def log_others(self, dictionary: Mapping[str, object]) -> None:
        """Log Others."""

    def log_metrics(self, dic: Mapping[str, object]) -> None:
        """Log metrics, at the current step."""

    def log_parameters(self, parameters: Mapping[str, object]) -> None:
        """Log parameters."""

    def log_asset(self, file_data: object, file_name: str, *, metadata: object) -> Mapping[str, object] | None:
        """Log a file; what it gives has the ``assetId``."""

    def log_remote_asset(self, uri: str, remote_file_name: str, *, metadata: object) -> Mapping[str, object] | None:
        """Log a file that lies elsewhere; what it gives has the ``assetId``."""

    def log_asset_data(self, data: str, name: str, overwrite: bool = False) -> object:
        """Log a text as an asset."""

    def flush(self) -> bool:
        """Wait until everything is sent."""

    def end(self) -> None:
        """End it."""

    def disable_mp(self) -> None:
        """Switch its automatic logging off."""


class StoredExperiment(Protocol):
    """A `comet_ml.APIExperiment`: an experiment as the server has it."""

    def get_others_summary(self) -> Sequence[Mapping[str, object]] | None:
        """Its Others: ``name`` and ``valueCurrent``."""

    def get_state(self) -> CometState:
        """``running``, ``finished`` or ``crashed``."""

    def set_state(self, state: str) -> object:
        """Set the state."""

    def log_other(self, key: str, value: object) -> object:
        """Log an Other."""
