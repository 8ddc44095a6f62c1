"""The end of a session: what was opened in the call is ended, and Comet shows how the task ended.

Everything here takes a bounded time, and fails nothing. A step that the SDK cannot do is logged, and the others are
done all the same.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

from ..archives.archive import add_others
from ..archives.store import OfflineArchives
from ..log import logger
from ..names import FLYTE_OTHER_EXPERIMENTS, marked
from ..sdk import disk_room
from ..sdk.experiments import archives_of, is_offline, is_resumed, stop_heartbeat
from ..sdk.patience import hurry
from ..sdk.protocols import Experiment
from ..sdk.running_experiment import is_of_another_call
from ..sdk.sending import await_connection, deliver_within, end_within, forget_exit_hook, is_connected
from ..sdk.temporary_files import tell_if_gone
from ..sdk.threads import run_within
from .life_cycle import Deadline, LifeCycle, Outcome
from .outcome import Report
from .shared import Part, Shared

_SECONDS_FOR_THE_SERVER_TO_COME_BACK = 12.0
_SECONDS_FOR_A_LATE_START = 3.0


class End(Part):
    """Ends what was opened in a call, once, from whichever thread comes first.

    Args:
        shared: What the parts of the session share.
        archives: The session's offline archives.
        life: Where the session stands.
    """

    def __init__(self, shared: Shared, archives: OfflineArchives, life: LifeCycle) -> None:
        super().__init__(shared)
        self._archives = archives
        self._life = life
        self._report = Report(shared)
        self._ending: Experiment | None = None
        self._told_terminated: set[int] = set()
        self._saving: threading.Thread | None = None

    def run(self, outcome: Outcome, seconds: float) -> None:
        """End, or correct what was said of the outcome if the end has been claimed already.

        Args:
            outcome: How the task ended.
            seconds: How long this may take.
        """
        deadline = Deadline(seconds)
        if self._life.claim_end(outcome):
            try:
                self._end(outcome, deadline, seconds)
            finally:
                self._life.ended()
            return
        if self._ending is not None and not self._ending.ended:
            hurry(self._ending, seconds * 0.5)
        if not self._life.wait_until_ended(seconds * 0.6):
            # The end hangs in another thread, and does not come to the archives any more.
            self._archive_what_is_there([each for each in self._opened() if not each.ended], deadline.left)
        elif self._life.correct(outcome) and self._call.own is not None:
            self._correct(self._call.own, outcome, deadline)

    def save(self, seconds: float, *, last: bool) -> None:
        """Put what was logged so far into a safe place, Comet or an archive. The experiments go on.

        Args:
            seconds: How long this may take.
            last: Whether the process may be killed at any moment. Comet shows a terminated task then, and a later end
                corrects it.
        """
        if self._life.state != "running":
            return
        deadline = Deadline(seconds)
        opened = [each for each in self._opened() if not each.ended and not each.disabled]
        left = []
        for number, experiment in enumerate(opened):
            share = Deadline(deadline.left / 2 / (len(opened) - number))
            # Only the primary rank says so, because another rank does not correct it later.
            tells = last and self._plan.primary and id(experiment) not in self._told_terminated
            if tells and self._is_the_task_s(experiment):
                self._tell_terminated(experiment, share)
            if is_offline(experiment) or not deliver_within(experiment, share.left):
                left.append(experiment)
        if left and self._life.state == "running" and (self._saving is None or not self._saving.is_alive()):
            self._saving = run_within(deadline.left, lambda: self._archive(left), "comet-ml-archives")

    def _tell_terminated(self, experiment: Experiment, deadline: Deadline) -> None:
        """Have Comet show that the task was terminated, while its experiment goes on."""
        outcome = Outcome("terminated")
        self._told_terminated.add(id(experiment))
        stop_heartbeat(experiment)

        def tell() -> None:
            with self.shared.guarded(f"Comet does not show that the task of the experiment {key} is terminated"):
                self._report.log(experiment, outcome, resumed=True)
                if not is_offline(experiment) and is_connected(experiment):
                    self._report.set_state(experiment, outcome, resumed=True)

        key = experiment.get_key()
        run_within(deadline.left / 2, tell, "comet-ml-termination-shown")

    def _opened(self) -> list[Experiment]:
        """The experiments of the call, the newest first; of several objects of one experiment, one."""
        found: dict[int, Experiment] = {}
        for experiment in reversed(self._call.opened):
            if experiment is not self._call.before and not is_of_another_call(self._call, experiment):
                found.setdefault(
                    id(vars(experiment)) if hasattr(experiment, "__dict__") else id(experiment), experiment
                )
        return list(found.values())

    def _end(self, outcome: Outcome, deadline: Deadline, given: float) -> None:
        left_open: list[Experiment] = []
        opened = self._opened()
        if len(opened) > 1:
            run_within(deadline.left / 4, self._name_the_others, "comet-ml-others")
        for number, experiment in enumerate(opened):
            forget_exit_hook(experiment)
            if experiment.ended:
                self._add_archives(experiment)
                # A second object of an experiment that goes on is corrected by the end of that.
                again = any(each.get_key() == experiment.get_key() for each in opened if each is not experiment)
                if outcome.crashed and self._is_the_task_s(experiment) and not (again and number > 0):
                    # The body, or a logger in it, has ended it, and the task failed after that.
                    self._correct(experiment, outcome, deadline)
                continue
            # A last part of the time is for the archives, where the process is about to die.
            share = 0.8 if outcome.status == "terminated" else 1.0
            if not self._end_one(experiment, outcome, Deadline(deadline.left * share / (len(opened) - number))):
                left_open.append(experiment)
        # A store may take as long again, unless the process is to be killed.
        seconds = deadline.left if given < self._plan.end_timeout or outcome.status == "terminated" else given
        # A moment to say so if it is not enough.
        self._archive_what_is_there(left_open, seconds - 0.2)
        if self._call.left_behind is not None and outcome.status != "terminated":
            # What it has created must not stay running in Comet.
            self._call.left_behind.wait(min(_SECONDS_FOR_A_LATE_START, deadline.left))

    def _is_the_task_s(self, experiment: Experiment) -> bool:
        # A logger can have opened it, under the same key, as another object.
        own = self._call.own
        return experiment.get_key() in (self._plan.experiment_key, own.get_key() if own is not None else None)

    def _end_one(self, experiment: Experiment, outcome: Outcome, deadline: Deadline) -> bool:
        """End an experiment, and say whether that came to its end in time."""
        # The process was to be killed, and was not. What was said then counts as an earlier attempt's.
        resumed = is_resumed(experiment) or id(experiment) in self._told_terminated
        key = experiment.get_key()
        reports = experiment.alive and not is_offline(experiment)

        def before() -> None:
            # If nodes share an experiment, each says how it ended, and the state follows from all of them.
            if experiment.alive:
                with self.shared.guarded(f"The Comet experiment {key} did not end cleanly"):
                    self._report.log(experiment, outcome, resumed)
            if reports and outcome.status != "terminated":
                await_connection(experiment, min(deadline.left / 4, _SECONDS_FOR_THE_SERVER_TO_COME_BACK))

        def after() -> None:
            with self.shared.guarded(f"The Comet experiment {key} did not end cleanly"):
                self._report.set_state(experiment, outcome, resumed)

        if run_within(deadline.left, before, "comet-ml-outcome").is_alive():
            return False
        self._ending = experiment
        tell_if_gone(self._call, experiment)
        if not end_within(experiment, deadline.left):
            return False
        self._add_archives(experiment)
        # Without a connection, the archive has the state, and sending it sets the state.
        if reports and is_connected(experiment):
            run_within(deadline.left, after, "comet-ml-state")
        return True

    # Archives

    def _add_archives(self, experiment: Experiment) -> None:
        archives = archives_of(experiment)
        self._archives.add(archives)
        if archives or is_offline(experiment):
            self._tell_what_is_lost(experiment)

    def _tell_what_is_lost(self, experiment: Experiment) -> None:
        lost = disk_room.lost(experiment)
        if lost and self._call.tells(f"lost {experiment.get_key()}"):
            logger.warning(
                "The archive of the Comet experiment %s lacks what the disk had no room for: %s.",
                experiment.get_key(),
                ", ".join(f"{number} x {kind}" for kind, number in sorted(lost.items())),
            )

    def _archive_what_is_there(self, left_open: list[Experiment], seconds: float) -> None:
        if run_within(seconds, lambda: self._archive(left_open), "comet-ml-archives").is_alive():
            logger.warning(
                "Comet archives could not be stored within %.0f seconds, and are gone when the pod's disk is: %s",
                seconds,
                ", ".join(self._archives.pending),
            )
        for experiment in left_open:
            kept = any(experiment.get_key() in path for path in [*self._archives.kept, *self._archives.pending])
            # What the body waited for in vain has been said.
            level = logging.INFO if f"waiting {experiment.get_key()}" in self._call.told else logging.WARNING
            logger.log(
                level,
                "The Comet experiment %s did not end in time; %s.",
                experiment.get_key(),
                "its archive has what may not have arrived" if kept else "what had not arrived is lost",
            )

    def _archive(self, unfinished: list[Experiment]) -> None:
        for experiment in unfinished:
            with self.shared.guarded(f"The Comet experiment {experiment.get_key()} has no archive"):
                self._archives.rescue(experiment)
                self._tell_what_is_lost(experiment)
        self._archives.keep(self._log_filter.secrets)

    # What Comet shows

    def _correct(self, experiment: Experiment, outcome: Outcome, deadline: Deadline) -> None:
        def correct() -> None:
            with self.shared.guarded(f"The Comet experiment {experiment.get_key()} did not end cleanly"):
                # Earlier runs with the same key can have left theirs in the same place.
                archives = sorted(filter(os.path.exists, archives_of(experiment)), key=os.path.getmtime)
                if archives:
                    add_others(Path(archives[-1]), self._report.others(outcome))
                self._report.correct(experiment, outcome)

        run_within(deadline.left, correct, "comet-ml-correction")

    def _name_the_others(self) -> None:
        """Have the experiment that the node links to name those that the body has opened besides."""
        own = self._call.own
        # One that Comet has refused is neither alive nor ended.
        there = [each for each in self._call.opened if not each.disabled and (each.alive or each.ended)]
        keys = dict.fromkeys(each.get_key() for each in there)
        if own is None or own.disabled or len(keys) < 2 or is_offline(own):
            return
        others = ", ".join(key for key in keys if key != own.get_key())
        name = marked(self._plan.mark, FLYTE_OTHER_EXPERIMENTS)
        with self.shared.guarded(f"The Comet experiment {own.get_key()} does not name the others of its task"):
            if own.ended:
                self._sdk.stored(own.get_key()).log_other(name, others)
            else:
                own.log_others({name: others})
