"""What is shown of a session's experiments beside Comet: gathered here, in terms of Comet, and shown by whoever can."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from .. import sdk as comet
from ..archives.store import OfflineArchives
from ..link import CometLink
from ..log import logger
from ..names import marked
from ..sdk import logged_values as logged
from ..sdk.redaction import SDKLogFilter, masked
from ..sdk.refusals import described
from ..session.end import STATUS, Outcome
from ..session.plan import Mode, SessionPlan
from .metric_history import MetricCourse, MetricHistory
from .page import DeckContent, EarlierExperiment, State

MAX_EXPERIMENTS = 8
"""Experiments of one call that are shown: a sweep in a task opens one a trial."""


class Display:
    """Follows a session's experiments, and shows them as they start and as they ended.

    It costs nothing where nobody shows them: nothing is recorded then. No failure of it fails the task.
    """

    def __init__(self, plan: SessionPlan, log_filter: SDKLogFilter) -> None:
        self._plan = plan
        self._log_filter = log_filter
        self._show = plan.show
        self._experiments: list[Any] = []
        self._histories: dict[str, MetricHistory] = {}
        self._undo: list[Callable[[], None]] = []
        self._began = False

    def follow(self, experiment: Any) -> None:
        """Record the metrics of an experiment that is being opened."""
        if self._show is None or experiment is None or any(experiment is other for other in self._experiments):
            return
        self._attempt(lambda: self._follow(experiment))

    def begin(self, experiment: Any, mode: Mode, cause: BaseException | None = None) -> None:
        """Show the experiment that a session has started, if it has.

        Args:
            experiment: The experiment.
            mode: Whether it is sent, written to an archive, or disabled.
            cause: Why it is written to an archive, if it should be sent.
        """
        if mode == "disabled":
            self._show = None
        self._began = True
        # Whatever was opened on the way here, such as one that found no server.
        self._experiments[:] = [other for other in self._experiments if other is experiment]
        if experiment is not None:
            self.follow(experiment)
            self._attempt(lambda: self._shown("running", None, None, cause))

    def end(self, outcome: Outcome, archives: OfflineArchives, cause: BaseException | None) -> None:
        """Show how the experiments ended.

        Args:
            outcome: How the task ended.
            archives: The session's offline archives.
            cause: Why it is written to an archive, if it should be sent.
        """
        if self._began and self._experiments:
            state: State = "crashed" if outcome.status == "failed" else outcome.status
            self._attempt(lambda: self._shown(state, outcome.error, archives, cause))
        for undo in self._undo:
            undo()
        self._undo.clear()
        self._experiments.clear()

    def _attempt(self, step: Callable[[], None]) -> None:
        if self._show is None:
            return
        try:
            step()
        except Exception as error:
            # Once: the end would say it again.
            self._show = None
            logger.warning(
                "The Comet deck of this task could not be made: %s", self._masked(f"{type(error).__name__}: {error}")
            )

    def _follow(self, experiment: Any) -> None:
        if getattr(experiment, "disabled", False) is True:
            return
        self._experiments.append(experiment)
        if len(self._experiments) > MAX_EXPERIMENTS:
            dropped = self._experiments.pop(1)
            self._histories.pop(str(dropped.get_key()), None)
        # An experiment that is opened a second time goes on.
        history = self._histories.setdefault(str(experiment.get_key()), MetricHistory())
        self._undo.append(logged.watch_metrics(experiment, history.record))

    def _shown(
        self, state: State, error: BaseException | None, archives: OfflineArchives | None, cause: BaseException | None
    ) -> None:
        by_key: dict[str, list[Any]] = {}
        for experiment in self._experiments:
            by_key.setdefault(str(experiment.get_key()), []).append(experiment)
        if self._show is not None:
            self._show([self._content(key, by_key[key], state, error, archives, cause) for key in by_key])

    def _content(
        self,
        key: str,
        experiments: list[Any],
        state: State,
        error: BaseException | None,
        archives: OfflineArchives | None,
        cause: BaseException | None,
    ) -> DeckContent:
        plan, newest = self._plan, experiments[-1]
        # What was reported to Comet is what is shown; an experiment that the body ended itself was told nothing.
        status = logged.logged_other(newest, marked(plan.mark, STATUS)) if state != "running" else None
        states: dict[str | None, State] = {"failed": "crashed", "terminated": "terminated", "finished": "finished"}
        state = states.get(status, state)
        url = newest.url if isinstance(newest.url, str) else None
        archive = next(iter(archives.kept), None) if archives is not None else None
        offline = comet.is_offline(newest) or archive is not None
        link = url or CometLink(plan.project_name, plan.workspace, plan.host).url(key)
        message = f"{type(error).__name__}: {error}" if error is not None and state == "crashed" else None
        parameters = {name: value for experiment in experiments for name, value in _parameters(experiment).items()}
        return DeckContent(
            key=key,
            name=self._masked(plan.name or "Comet experiment"),
            workspace=plan.workspace,
            project_name=plan.project_name,
            url=link,
            state=state,
            offline=offline,
            archive=self._masked(archive) if archive else None,
            host=archives.host if archives is not None else None,
            cause=self._masked(described(cause)) if cause is not None else None,
            error=self._masked(message) if message is not None else None,
            task=plan.others.get("flyte_task"),
            execution=plan.others.get("flyte_execution"),
            attempt=plan.others.get("flyte_attempt"),
            earlier=[
                EarlierExperiment(attempt, earlier, f"{link.rpartition('/')[0]}/{quote(earlier, safe='')}")
                for attempt, earlier in plan.earlier_experiments.items()
            ],
            parameters={self._masked(name): self._masked(value) for name, value in parameters.items()},
            metrics=self._metrics(key, experiments),
        )

    def _metrics(self, key: str, experiments: list[Any]) -> list[MetricCourse]:
        history = self._histories.get(key)
        courses = history.courses() if history is not None else []
        known = {course.name for course in courses}
        last = {name: value for experiment in experiments for name, value in logged.last_metrics(experiment).items()}
        # Texts, and all of them where the SDK has no place to listen. By its short name a metric may be there twice.
        unseen = {n: v for n, v in last.items() if n not in known and not any(k.endswith(f"_{n}") for k in known)}
        courses += [MetricCourse(name=name, last=_number(value)) for name, value in unseen.items()]
        return [_renamed(course, self._masked) for course in courses]

    def _masked(self, text: str) -> str:
        return masked(text, self._log_filter.secrets)


def _parameters(experiment: Any) -> dict[str, str]:
    return {name: str(value) for name, value in logged.logged_parameters(experiment).items()}


def _number(value: Any) -> float | str:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return str(value)


def _renamed(course: MetricCourse, masked: Callable[[str], str]) -> MetricCourse:
    last = masked(course.last) if isinstance(course.last, str) else course.last
    return dataclasses.replace(course, name=masked(course.name), last=last)
