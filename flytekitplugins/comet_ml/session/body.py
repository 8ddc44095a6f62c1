"""Experiments that the body of a task opens itself: under the settings of its call, and with word of where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..log import logger
from ..names import FLYTE_TASK
from ..sdk.arguments import settings_of_config
from ..sdk.constructors import take_over
from ..sdk.experiments import is_offline
from ..sdk.protocols import Experiment
from ..sdk.settings import EXPERIMENT_KEY, rendered, variable
from .plan import Mode
from .shared import Part, Shared, starting
from .whereabouts import announce


class Body(Part):
    """What the SDK does in the body of a call.

    Args:
        shared: What the parts of the session share.
        mode: Whether the session's experiments are sent, written to an archive, or disabled.
        on_first: Called with the first experiment that the body opens, where the session has started none.
    """

    def __init__(self, shared: Shared, mode: Mode, on_first: Callable[[Experiment], None]) -> None:
        super().__init__(shared)
        self._mode = mode
        self._on_first = on_first

    def prepare(self, experiment: Experiment | None) -> None:
        """Let code that opens an experiment of its own, and child processes, find the session's.

        Args:
            experiment: The session's experiment, if it has started one.
        """
        plan, call, arguments = self._plan, self._call, self._plan.config_arguments()
        call.closed = self._mode == "disabled"
        call.on_made, call.settings = self._made, self._settings
        name = arguments.pop("name", None)
        call.name = name if isinstance(name, str) else None
        # What the decorator says of an experiment holds for each that is opened; the body can say otherwise.
        held = {variable(setting): rendered(value) for setting, value in settings_of_config(arguments).items()}
        # If the SDK logs the environment, it logs these to every experiment that is created, in every process.
        others = {f"COMET_LOG_OTHER_{name.upper()}": value for name, value in plan.others.items()}
        self._layer.set({**held, **others})
        key = str(experiment.get_key()) if experiment is not None else plan.experiment_key
        if self._mode == "disabled":
            return
        call.identity = {
            **self._sdk.start_arguments(workspace=plan.workspace, project_name=plan.project_name),
            **({"experiment_key": key} if key else {}),
        }
        if experiment is not None:
            # With the key exported, an Experiment() that cannot join would be dead.
            self._layer.set({EXPERIMENT_KEY: key if self._sdk.can_join() else None})

    @contextmanager
    def _settings(self, api_key: object) -> Iterator[None]:
        """Have the call's settings hold while the body opens an experiment, unless it is for another account."""
        own = self._layer.says(variable("api_key"))
        if (api_key is not None and api_key != own) or self._layer.holds():
            yield
            return
        with starting(), self._layer.holding():
            yield

    def _made(self, experiment: Experiment) -> None:
        """Say where an experiment that the body has opened comes from, and that it is another one than the task's."""
        call, key = self._call, experiment.get_key()
        if experiment.disabled or not experiment.alive:
            return
        is_first = call.own is None
        if call.own is None:
            call.own = experiment
            call.identity.setdefault("experiment_key", key)
        with self.shared.guarded(f"The Comet experiment {key} does not say where it comes from"):
            try:
                experiment.get_other(FLYTE_TASK)
            except KeyError:
                # The SDK logs the exported ones only where it logs the environment.
                experiment.log_others(dict(self._plan.others))
        if is_first:
            self._introduce(experiment)
        elif key != call.own.get_key() and call.tells("another"):
            logger.warning(
                "The task started a Comet experiment of its own, %s, beside the one that was started for it, %s. To "
                "log to that one, use comet_ml.start() or comet_ml.get_running_experiment(); to start only your own, "
                "decorate with start=False.",
                key,
                call.own.get_key(),
            )

    def _introduce(self, experiment: Experiment) -> None:
        """Give the task's experiment the decorator's name and tags, and say in the log where it is."""
        with self.shared.guarded("The Comet experiment of this task lacks name or tags of the decorator"):
            tags = self._plan.config_arguments().get("tags")
            take_over(experiment, self._call.name, tags if isinstance(tags, (list, tuple)) else None)
        if self._plan.primary:
            announce(self.shared, experiment, "offline" if is_offline(experiment) else "online")
        self._on_first(experiment)
