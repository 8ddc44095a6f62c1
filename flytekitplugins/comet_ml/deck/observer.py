"""Follows a session's experiments, and gathers what the Comet deck says of them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from urllib.parse import quote

from ..foreign_text import described
from ..link import CometLink
from ..names import FLYTE_ATTEMPT, FLYTE_EXECUTION, FLYTE_STATUS, FLYTE_TASK, Status, known_status, marked
from ..sdk import logged_values
from ..sdk.experiments import is_offline
from ..sdk.protocols import Experiment
from ..session.plan import Progress
from .metric_history import MetricCourse, MetricHistory, as_number
from .page import DeckContent, EarlierExperiment

MAX_EXPERIMENTS = 8
"""Experiments of one call that are shown: a sweep in a task opens one a trial."""


class DeckObserver:
    """Records what is logged to a session's experiments, and shows them as they start and as they ended.

    Args:
        show: Shows the experiments, one after the other.
    """

    def __init__(self, show: Callable[[Sequence[DeckContent]], None]) -> None:
        self._show = show
        self._experiments: list[Experiment] = []
        self._histories: dict[str, MetricHistory] = {}
        # Seconds since the epoch, and of a clock that nobody sets.
        self._starts: dict[str, tuple[float, float]] = {}
        self._undo: list[Callable[[], None]] = []

    def opened(self, experiment: Experiment) -> None:
        """Record the metrics of an experiment (`Observer.opened`)."""
        known = any(experiment is other for other in self._experiments)
        if known or getattr(experiment, "disabled", False) is True:
            return
        self._experiments.append(experiment)
        if len(self._experiments) > MAX_EXPERIMENTS:
            dropped = self._experiments.pop(1)
            self._histories.pop(str(dropped.get_key()), None)
            self._starts.pop(str(dropped.get_key()), None)
        # An experiment that is opened a second time goes on.
        history = self._histories.setdefault(str(experiment.get_key()), MetricHistory())
        self._starts.setdefault(str(experiment.get_key()), (time.time(), time.monotonic()))
        self._undo.append(logged_values.watch_metrics(experiment, history.record))

    def started(self, progress: Progress) -> None:
        """Show the experiment that the session has started, if it has (`Observer.started`)."""
        # Whatever was opened on the way here, such as one that found no server.
        self._experiments[:] = [other for other in self._experiments if other is progress.experiment]
        if progress.experiment is not None:
            self.opened(progress.experiment)
        if self._experiments:
            self._show(self._contents(progress))

    def ended(self, progress: Progress) -> None:
        """Show how the experiments ended (`Observer.ended`)."""
        if self._experiments:
            self._show(self._contents(progress))
        for undo in self._undo:
            undo()
        self._undo.clear()

    def _contents(self, progress: Progress) -> list[DeckContent]:
        by_key: dict[str, list[Experiment]] = {}
        for experiment in self._experiments:
            by_key.setdefault(str(experiment.get_key()), []).append(experiment)
        return [self._content(key, by_key[key], progress) for key in by_key]

    def _content(self, key: str, experiments: list[Experiment], progress: Progress) -> DeckContent:
        plan, masked, newest = progress.plan, progress.masked, experiments[-1]
        status = _status(newest, progress)
        archive = progress.archives.get(key)
        url = newest.url if isinstance(newest.url, str) else None
        link = url or CometLink(plan.project_name, plan.workspace, plan.host).url(key)
        failure = described(progress.error, masked) if progress.error is not None and status == "failed" else None
        started, since = self._starts.get(key, (None, None))
        # When the body has ended one of its own is not known.
        own = progress.experiment
        of_the_task = key == str(own.get_key()) if own is not None else len(self._starts) == 1
        parameters = {name: value for experiment in experiments for name, value in _parameters(experiment).items()}
        return DeckContent(
            key=key,
            name=masked(logged_values.logged_other(newest, "Name") or plan.name or "Comet experiment"),
            workspace=plan.workspace,
            project_name=plan.project_name,
            url=link,
            status=status,
            offline=is_offline(newest) or archive is not None,
            archive=masked(archive) if archive else None,
            host=progress.host,
            cause=progress.cause,
            error=str(failure) if failure is not None else None,
            traceback=failure.traceback if failure is not None else None,
            started=started,
            duration=time.monotonic() - since if since is not None and of_the_task and status != "running" else None,
            tags=[masked(tag) for experiment in experiments for tag in logged_values.logged_tags(experiment)],
            task=plan.others.get(FLYTE_TASK),
            execution=plan.others.get(FLYTE_EXECUTION),
            attempt=plan.others.get(FLYTE_ATTEMPT),
            earlier=[
                EarlierExperiment(attempt, earlier, f"{link.rpartition('/')[0]}/{quote(earlier, safe='')}")
                for attempt, earlier in plan.earlier_experiments.items()
            ],
            parameters={masked(name): masked(value) for name, value in parameters.items()},
            metrics=self._metrics(key, experiments, masked),
        )

    def _metrics(self, key: str, experiments: list[Experiment], masked: Callable[[str], str]) -> list[MetricCourse]:
        history = self._histories.get(key)
        courses = history.courses() if history is not None else []
        known = {course.name for course in courses}
        last = {name: value for each in experiments for name, value in logged_values.last_metrics(each).items()}
        # Texts, and all of them where the SDK has no place to listen. By its short name a metric may be there twice.
        unseen = {n: v for n, v in last.items() if n not in known and not any(k.endswith(f"_{n}") for k in known)}
        courses += [MetricCourse(name=name, last=_value(value)) for name, value in unseen.items()]
        return [_renamed(course, masked) for course in courses]


def _status(experiment: Experiment, progress: Progress) -> Status:
    """The page shows what Comet was told. An experiment that the body ended itself was told nothing."""
    if progress.status == "running":
        return "running"
    told = logged_values.logged_other(experiment, marked(progress.plan.mark, FLYTE_STATUS))
    return known_status(told, progress.status)


def _parameters(experiment: Experiment) -> dict[str, str]:
    return {name: str(value) for name, value in logged_values.logged_parameters(experiment).items()}


def _value(value: object) -> float | str:
    number = as_number(value)
    return str(value) if number is None else number


def _renamed(course: MetricCourse, masked: Callable[[str], str]) -> MetricCourse:
    last = masked(course.last) if isinstance(course.last, str) else course.last
    return dataclasses.replace(course, name=masked(course.name), last=last)
