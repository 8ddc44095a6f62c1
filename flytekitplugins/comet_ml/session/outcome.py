"""How a task ended: found out, and told to Comet."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from typing import Any

from .. import names
from ..foreign_text import described, is_a
from ..names import crashed, marked
from ..sdk.experiments import is_offline
from ..sdk.protocols import Experiment, StoredExperiment
from .guard import guarded
from .life_cycle import Outcome
from .shared import Part, Shared

_NONE = "-"
"""What takes the place of an earlier attempt's error: an Other can be replaced, and not taken away."""

_EXIT_STATUS: Any = SystemExit.__dict__["code"]


def outcome_of(error: BaseException | None) -> Outcome:
    """How a task ended that raised this, or nothing; `sys.exit()` and `sys.exit(0)` are no failure."""
    if error is None or (is_a(error, SystemExit) and _is_success(_EXIT_STATUS.__get__(error))):
        return Outcome("finished")
    # A sibling has failed, or somebody has stopped it.
    return Outcome("terminated" if is_a(error, asyncio.CancelledError) else "failed", error)


def outcome_by(raised: BaseException) -> Outcome:
    """How a task ended by something that was raised in the start or the end, and not in its body."""
    return Outcome("failed", raised) if isinstance(raised, Exception) else Outcome("terminated")


def _is_success(status: Any) -> bool:
    return status is None or (is_a(status, int) and not int.__bool__(status))


class Report(Part):
    """Tells Comet how a task ended.

    Args:
        shared: What the parts of the session share.
    """

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._children = os.times()[2:4]

    def log(self, experiment: Experiment, outcome: Outcome, resumed: bool) -> None:
        """Log the outcome to an experiment that has not ended, if it is one to be told."""
        if self._plan.nested or (not outcome.crashed and not self._says_so(experiment, resumed)):
            return
        if outcome.status == "terminated" and self._plan.rank is not None and self._failures(experiment):
            # The other ranks are terminated when one fails: its error is the one to show.
            return
        experiment.log_others(self.others(outcome, resumed))
        if outcome.error is not None and outcome.status == "failed":
            text = described(outcome.error, self._told).traceback
            experiment.log_asset_data(text, name=marked(self._plan.mark, names.TRACEBACK), overwrite=True)

    def others(self, outcome: Outcome, resumed: bool = False) -> dict[str, str]:
        """The Others that say how the task ended.

        Args:
            outcome: How it ended.
            resumed: Whether an earlier attempt may have logged its own error.
        """
        others: dict[str, str] = {names.FLYTE_STATUS: outcome.status}
        if outcome.error is not None:
            others[names.FLYTE_ERROR_TYPE], others[names.FLYTE_ERROR_MESSAGE], _ = described(outcome.error, self._told)
        elif resumed and self._plan.run is None:
            # For ranks, `flyte_failed_rank` names the run. Another rank may be failing at this moment.
            others |= {names.FLYTE_ERROR_TYPE: _NONE, names.FLYTE_ERROR_MESSAGE: _NONE}
        if outcome.crashed and self._plan.run is not None and not self._plan.primary:
            others[names.FLYTE_FAILED_RANK] = f"{self._plan.rank} (run {self._plan.run})"
        return {marked(self._plan.mark, name): value for name, value in others.items()}

    def set_state(self, experiment: Experiment, outcome: Outcome, resumed: bool) -> None:
        """Set the state that Comet shows, of an experiment that has ended.

        The SDK reports a crash only through `sys.excepthook`, and every other end as "finished".
        """
        if self._plan.nested:
            return
        if outcome.crashed or (self._plan.mark and self._failures(experiment)) or self._another_rank_failed(experiment):
            self._stored(experiment).set_state("crashed")
        elif self._plan.primary and (resumed or self._had_children()):
            # An earlier attempt may have crashed, or a child process of the task: the task's own outcome wins.
            stored = self._stored(experiment)
            if stored.get_state() == "crashed":
                stored.set_state("finished")

    def _had_children(self) -> bool:
        """Whether child processes have run since the session began: to ask the server takes three requests."""
        return bool(multiprocessing.active_children()) or os.times()[2:4] != self._children

    def correct(self, experiment: Experiment, outcome: Outcome) -> None:
        """Change what an experiment says that has ended, online."""
        if is_offline(experiment) or experiment.disabled or self._plan.nested:
            return
        stored = self._stored(experiment)
        for name, value in self.others(outcome, resumed=True).items():
            stored.log_other(name, value)
        failed = outcome.crashed or (self._plan.mark and self._failures(experiment))
        stored.set_state("crashed" if failed else "finished")

    def _told(self, text: str) -> str:
        # A name of a file that is no UTF-8 has surrogates, on which the SDK's sender dies, and its end waits for it.
        return self.shared.masked(text).encode("utf-8", "backslashreplace").decode()

    def _says_so(self, experiment: Experiment, resumed: bool) -> bool:
        """Whether a success is logged: where an earlier run, or another node, may have logged something else."""
        if not self._plan.primary or not (resumed or self._plan.mark):
            return False
        failed = False
        with guarded("It is not known whether another rank has failed", self._told):
            failed = self._another_rank_failed(experiment)
        return not failed

    def _another_rank_failed(self, experiment: Experiment) -> bool:
        """Whether another rank has failed in this run: the primary one may have come to its end before it hears."""
        if self._plan.run is None or not self._plan.primary or is_offline(experiment):
            return False
        others = self._stored(experiment).get_others_summary() or ()
        name, run = marked(self._plan.mark, names.FLYTE_FAILED_RANK), f"(run {self._plan.run})"
        return any(other["name"] == name and str(other["valueCurrent"]).endswith(run) for other in others)

    def _failures(self, experiment: Experiment) -> list[str]:
        """The Others by which a node or a rank has said that it failed, in an experiment that several share."""
        others = self._stored(experiment).get_others_summary() or ()
        return [
            str(other["name"])
            for other in others
            if str(other["name"]).endswith(names.FLYTE_STATUS) and crashed(other["valueCurrent"])
        ]

    def _stored(self, experiment: Experiment) -> StoredExperiment:
        return self._sdk.stored(experiment.get_key())
