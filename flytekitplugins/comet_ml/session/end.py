"""The end of a session: what began during the call is ended, and Comet shows how the task ended.

Everything here takes a bounded time and fails nothing: each step that the SDK cannot do is logged, and the others are
done all the same.
"""

from __future__ import annotations

import contextvars
import functools
import os
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .. import sdk as comet
from ..archives.archive import add_others
from ..archives.store import OfflineArchives
from ..log import logger
from ..names import FLYTE_ERROR_MESSAGE, FLYTE_ERROR_TYPE, FLYTE_FAILED_RANK, FLYTE_STATUS, FLYTE_TASK, crashed, marked
from ..sdk.delivery import await_connection, hurry, is_connected, let_go
from ..sdk.redaction import SDKLogFilter, masked
from ..sdk.running import began_during
from ..sdk.slot import Slot
from .plan import SessionPlan

_MESSAGE_LENGTH = 1000

_SECONDS_FOR_THE_SERVER_TO_COME_BACK = 12.0


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        status: `finished`, `failed` (it raised) or `terminated` (by SIGTERM).
        error: What it raised.
    """

    status: Literal["finished", "failed", "terminated"]
    error: BaseException | None = None

    @property
    def crashed(self) -> bool:
        """Whether Comet is to show the experiment as crashed."""
        return self.status != "finished"


def outcome_of(error: BaseException | None) -> Outcome:
    """How a task ended that raised this, or nothing; `sys.exit()` and `sys.exit(0)` are no failure."""
    failed = error is not None and not (isinstance(error, SystemExit) and error.code in (None, 0))
    return Outcome("failed", error) if failed else Outcome("finished")


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as problem:
        return f"(no message: its __str__ raised {type(problem).__name__})"


class End:
    """Ends what began during a call, once, from whichever thread comes first.

    Args:
        sdk: The `comet_ml` module.
        slot: The call's place of a running experiment.
        plan: What the session was to do.
        archives: The session's offline archives.
        log_filter: The session's filter on the SDK's log, which knows what must not be logged.
    """

    def __init__(
        self, sdk: Any, slot: Slot, plan: SessionPlan, archives: OfflineArchives, log_filter: SDKLogFilter
    ) -> None:
        self._sdk = sdk
        self._slot = slot
        self._plan = plan
        self._archives = archives
        self._log_filter = log_filter
        self._once = threading.Lock()
        self._outcome: Outcome | None = None
        self._ending: Any = None

    def run(self, own: Any, outcome: Outcome, seconds: float) -> None:
        """End, or correct what was said of the outcome if it is ended already.

        Args:
            own: The experiment that the session started; None if there is none.
            outcome: How the task ended.
            seconds: How long this may take.
        """
        deadline = time.monotonic() + seconds
        if self._ending is not None and not self._ending.ended:
            hurry(self._ending, seconds * 0.5)
        if not self._once.acquire(timeout=seconds * 0.6):
            # The end that hangs in another thread will not come to it any more.
            self._archive_what_is_there([own] if own is not None else [], seconds * 0.4)
            return
        try:
            if self._outcome is None:
                if self._end(own, outcome, deadline):
                    self._outcome = outcome
            elif own is not None and self._outcome.crashed != outcome.crashed:
                self._outcome = outcome
                self._within(deadline, lambda: self._attempt(lambda: self._correct(own, outcome), own))
        finally:
            self._once.release()

    def _end(self, own: Any, outcome: Outcome, deadline: float) -> bool:
        """End what is open, and say whether there was anything."""
        left_open = []
        began = began_during(self._sdk, self._slot)
        if own is not None and all(own.get_key() != experiment.get_key() for experiment in began):
            # The body has opened another one in its place, by which it was ended.
            began.append(own)
        for experiment in began:
            if experiment.ended:
                if outcome.crashed and self._is_the_task_s(experiment, own):
                    # The body, or a logger in it, has ended it, and the task failed after that.
                    correct = functools.partial(self._correct, experiment, outcome)
                    self._within(deadline, functools.partial(self._attempt, correct, experiment))
                continue
            # Where the process is about to die, a last part of the time is for the archive.
            in_time = deadline - (0.2 * (deadline - time.monotonic()) if outcome.status == "terminated" else 0)
            if not self._within(in_time, lambda: self._end_one(experiment, own, outcome, in_time)):  # noqa: B023
                left_open.append(experiment)
        seconds = deadline - time.monotonic()
        if outcome.status != "terminated":
            seconds = max(self._plan.end_timeout, seconds)
        # A moment to say so if it is not enough.
        self._archive_what_is_there(left_open, seconds - 0.2)
        return bool(began)

    def _is_the_task_s(self, experiment: Any, own: Any) -> bool:
        # A logger can have opened it, under the same key, as another object.
        return experiment.get_key() in (self._plan.experiment_key, own.get_key() if own is not None else None)

    def _end_one(self, experiment: Any, own: Any, outcome: Outcome, deadline: float) -> None:
        resumed = comet.is_resumed(experiment)
        # An archive cannot say how it ended, and a disabled experiment has nobody to say it to.
        reports = experiment.alive and not comet.is_offline(experiment)
        if experiment is not own:
            self._attempt(lambda: self._claim(experiment, own), experiment)
        # In an experiment that nodes share, each says how it ended: the state that they have in common follows from it.
        if experiment.alive and (outcome.crashed or self._says_so(experiment, resumed)):
            self._attempt(lambda: self._log_outcome(experiment, outcome), experiment)
        if reports and outcome.status != "terminated":
            left = (deadline - time.monotonic()) / 4
            await_connection(experiment, min(left, _SECONDS_FOR_THE_SERVER_TO_COME_BACK))
        self._ending = experiment
        hurry(experiment, deadline - time.monotonic())
        self._attempt(experiment.end, experiment)
        let_go(experiment)
        self._attempt(lambda: self._archives.add(comet.archives_of(experiment)), experiment)
        # Of one that is away, the archive says the state, and sending it sets it.
        if reports and is_connected(experiment):
            self._attempt(lambda: self._set_state(experiment, outcome, resumed), experiment)

    def _within(self, deadline: float, step: Callable[[], None]) -> bool:
        """Run a step in a thread, and say whether it came to its end in time: the SDK has no bound that holds."""
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(step,), name="comet-ml-end", daemon=True)
        thread.start()
        thread.join(max(0.0, deadline - time.monotonic()))
        return not thread.is_alive()

    def _attempt(self, step: Callable[[], None], experiment: Any) -> None:
        """Do one step of the end; if it fails, the others are done all the same."""
        try:
            step()
        except Exception as problem:
            logger.warning(
                "The Comet experiment %s did not end cleanly: %s",
                experiment.get_key(),
                masked(f"{type(problem).__name__}: {problem}", self._log_filter.secrets),
            )

    # Archives

    def _archive_what_is_there(self, left_open: list[Any], seconds: float) -> None:
        def keep() -> None:
            for experiment in left_open:
                self._attempt(lambda: self._archives.rescue(experiment), experiment)  # noqa: B023 - called at once
            self._archives.keep(self._log_filter.secrets)

        if not self._within(time.monotonic() + seconds, keep):
            logger.warning(
                "Comet archives could not be stored within %.0f seconds, and are gone when the pod's disk is: %s",
                seconds,
                ", ".join(self._archives.pending),
            )
        for experiment in left_open:
            logger.warning(
                "The Comet experiment %s did not end in time; %s.",
                experiment.get_key(),
                "its archive has what may not have arrived"
                if any(experiment.get_key() in path for path in [*self._archives.kept, *self._archives.pending])
                else "what had not arrived is lost",
            )

    # What Comet shows

    def _log_outcome(self, experiment: Any, outcome: Outcome) -> None:
        if outcome.status == "terminated" and self._plan.rank is not None and self._failures(experiment):
            # The other ranks are terminated when one fails: its error is the one to show.
            return
        experiment.log_others(self._others(outcome))
        if outcome.error is not None:
            text = self._told("".join(traceback.format_exception(outcome.error)))
            experiment.log_asset_data(text, name=marked(self._plan.mark, "traceback.txt"), overwrite=True)

    def _others(self, outcome: Outcome) -> dict[str, str]:
        others: dict[str, str] = {FLYTE_STATUS: outcome.status}
        if outcome.error is not None:
            others[FLYTE_ERROR_TYPE] = type(outcome.error).__name__
            others[FLYTE_ERROR_MESSAGE] = self._told(_message(outcome.error))[:_MESSAGE_LENGTH]
        if self._plan.run is not None and not self._plan.primary:
            others[FLYTE_FAILED_RANK] = f"{self._plan.rank} (run {self._plan.run})"
        return {marked(self._plan.mark, name): value for name, value in others.items()}

    def _told(self, text: str) -> str:
        # A name of a file that is no UTF-8 has surrogates, on which the SDK's sender dies, and its end waits for it.
        return masked(text, self._log_filter.secrets).encode("utf-8", "backslashreplace").decode()

    def _set_state(self, experiment: Any, outcome: Outcome, resumed: bool) -> None:
        # The SDK reports a crash only through sys.excepthook, and every other end as "finished".
        if outcome.crashed or (self._plan.mark and self._failures(experiment)) or self._another_rank_failed(experiment):
            self._stored(experiment).set_state("crashed")
        elif resumed and self._plan.primary:
            stored = self._stored(experiment)
            if stored.get_state() == "crashed":
                stored.set_state("finished")

    def _says_so(self, experiment: Any, resumed: bool) -> bool:
        """Whether a success is logged: where an earlier run, or another node, may have logged something else."""
        if not self._plan.primary or not (resumed or self._plan.mark):
            return False
        failed: list[bool] = []
        self._attempt(lambda: failed.append(self._another_rank_failed(experiment)), experiment)
        return not any(failed)

    def _another_rank_failed(self, experiment: Any) -> bool:
        """Whether another rank has failed in this run: the primary one may have come to its end before it hears."""
        if self._plan.run is None or not self._plan.primary or comet.is_offline(experiment):
            return False
        others = self._stored(experiment).get_others_summary()
        name, run = marked(self._plan.mark, FLYTE_FAILED_RANK), f"(run {self._plan.run})"
        return any(other["name"] == name and str(other["valueCurrent"]).endswith(run) for other in others)

    def _failures(self, experiment: Any) -> list[str]:
        """The Others by which a node or a rank has said that it failed, in an experiment that several share."""
        others = self._stored(experiment).get_others_summary()
        return [
            str(other["name"])
            for other in others
            if str(other["name"]).endswith(FLYTE_STATUS) and crashed(other["valueCurrent"])
        ]

    def _correct(self, own: Any, outcome: Outcome) -> None:
        # Earlier runs with the same key can have left theirs in the same place.
        archives = sorted(filter(os.path.exists, comet.archives_of(own)), key=os.path.getmtime)
        if archives:
            add_others(Path(archives[-1]), self._others(outcome))
        if comet.is_offline(own) or own.disabled:
            return
        stored = self._stored(own)
        for name, value in self._others(outcome).items():
            stored.log_other(name, value)
        failed = outcome.crashed or (self._plan.mark and self._failures(own))
        stored.set_state("crashed" if failed else "finished")

    def _stored(self, experiment: Any) -> Any:
        return self._sdk.APIExperiment(previous_experiment=experiment.get_key())

    def _claim(self, experiment: Any, own: Any) -> None:
        """Say where an experiment that the body started comes from, and that it is another one than the task's."""
        try:
            experiment.get_other(FLYTE_TASK)
        except KeyError:
            # The SDK logs the exported ones only where it logs the environment.
            experiment.log_others(dict(self._plan.others))
        if own is not None and experiment.get_key() != own.get_key():
            logger.warning(
                "The task started a Comet experiment of its own, %s, beside the one that was started for it, %s. To "
                "log to that one, use comet_ml.start() or comet_ml.get_running_experiment(); to start only your own, "
                "decorate with start=False.",
                experiment.get_key(),
                own.get_key(),
            )
