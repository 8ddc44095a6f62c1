"""Starting the experiment of a session: online within a deadline, else offline, else disabled."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from ..archives.own_directory import elsewhere
from ..deadline import through
from ..errors import CometTrackingError, InvalidExperimentKeyError, ServerUnavailableError
from ..foreign_text import without_frames
from ..log import logger
from ..sdk import refusals
from ..sdk.call import Call, nearest, within
from ..sdk.protocols import Experiment
from ..shown import shown
from .life_cycle import Deadline
from .plan import Mode
from .server import last_outage, server_of
from .shared import SETTINGS_OF_MODES, Part, Shared
from .termination import SECONDS_TO_ACT
from .whereabouts import where_the_archive_goes

SECONDS_TO_START = 15.0
"""What login and start may take together, by the clock. A server that needs longer is away."""


class Starter(Part):
    """Starts the experiment that a plan asks for.

    Attributes:
        shared: What the parts of the session share.
        mode: Whether the experiment is sent, written to an archive, or disabled. Until the start, what was asked for.
        cause: Why an experiment that should be sent is written to an archive; None if it need not be.
        is_away: Whether the server cannot be reached.
    """

    def __init__(self, shared: Shared, mode: Mode) -> None:
        super().__init__(shared)
        self.mode = mode
        self.cause: BaseException | None = None
        self.is_away = False
        self.logs_code: bool | None = None
        self._directory: str | None = None

    def start(
        self, log_in: Callable[[], list[BaseException]] | None, beside: Callable[[], None] = lambda: None
    ) -> Experiment | None:
        """Log in, and start the experiment if the plan asks for one.

        Args:
            log_in: Checks the API key, and returns the exceptions that the SDK has only logged; None where there is
                nothing to check.
            beside: Begins what else is asked of the server, if it is asked.

        Raises:
            InvalidExperimentKeyError: If Comet would refuse the key. Nothing is posted then.
            APIKeyRejectedError: If the server does not accept the API key.
            WorkspaceAccessError: If the key may not write to the workspace.
            ExperimentRefusedError: If the server refuses the experiment for another reason.
            ServerUnavailableError: If the server cannot be reached, and the plan says that this is an error.
        """
        if self.mode != "online" or (log_in is None and not self._plan.start):
            return self._started_without_server() if self._plan.start else None
        server = server_of(self._sdk, self._plan.host)
        known = last_outage.since(self.shared.asked, server)
        if known is not None:
            # While this call waited, another one has asked, for as long as a call may.
            return self._unavailable(known)
        beside()
        attempt = _Attempt(self, log_in)
        # What a mock does takes no time, and people's mocks look at the thread.
        experiment = attempt.run_here() if not self._sdk.is_real else attempt.run(Deadline(SECONDS_TO_START))
        if attempt.cause is None:
            self._adopt(experiment)
            return experiment
        last_outage.note(server, attempt.cause)
        return self._unavailable(attempt.cause)

    def _adopt(self, experiment: Experiment | None) -> None:
        """Make an experiment that was started in a thread the running one of this call."""
        if experiment is None:
            return
        self._call.running = experiment
        self._call.on_open(experiment)
        if hasattr(experiment, "main_thread_id"):
            # Where Comet's remote callbacks run.
            experiment.main_thread_id = threading.get_ident()

    def _started_without_server(self) -> Experiment | None:
        self.check_key()
        return self.started_offline() if self.mode == "offline" else self._sdk.disabled_experiment()

    def check_key(self) -> None:
        """Refuse an experiment key that Comet would refuse.

        Raises:
            InvalidExperimentKeyError: With the key, and what is a legal one.
        """
        key = self._plan.experiment_key
        if key is None or self.mode == "disabled":
            return
        if not self._sdk.is_valid_experiment_key(key) or not key.isascii():
            raise InvalidExperimentKeyError(
                f"comet_ml_login: Comet refuses experiment_key={shown(key, experiment_key=True)}: a key is 32 to 50 "
                f"ASCII letters and digits; this one has {len(key)} characters."
            )

    def _unavailable(self, cause: BaseException) -> Experiment | None:
        server = server_of(self._sdk, self._plan.host)
        text = self.shared.masked(refusals.described(cause))
        self.is_away = True
        if not self._plan.start:
            logger.warning(
                "Comet at %s cannot be reached (%s): an experiment that the task opens is written to an archive.",
                server,
                text,
            )
            return None
        if self._plan.on_unavailable == "raise":
            raise ServerUnavailableError(
                f"Comet at {server} cannot be reached ({text}), and on_unavailable is 'raise'. With 'offline' the task "
                "runs, and its experiment is written to an archive."
            ) from None
        self.mode, self.cause = "offline", cause
        experiment = self.started_offline()
        if self.mode == "offline":
            logger.warning(
                "Comet at %s cannot be reached (%s): the experiment is written to an archive; %s.",
                server,
                text,
                where_the_archive_goes(self._plan, experiment),
            )
        return experiment

    def started_offline(self) -> Experiment:
        """Start an offline experiment, in another directory if need be; a disabled one where none takes it."""
        self._layer.set(SETTINGS_OF_MODES["offline"])
        problem: Exception | None = None
        for again in (False, True):
            try:
                if again:
                    self._directory = elsewhere()
                started = self.started()
                if started is not None:
                    return started
            except Exception as error:
                problem = error
        text = self.shared.masked(refusals.described(problem)) if problem is not None else "no experiment"
        logger.warning("This task has no Comet experiment: its archive cannot be written (%s).", text)
        self.mode = "disabled"
        self._layer.set(SETTINGS_OF_MODES["disabled"])
        return self._sdk.disabled_experiment()

    def started(self) -> Experiment | None:
        """What `comet_ml.start` gives for the plan."""
        plan = self._plan
        arguments = self._sdk.start_arguments(workspace=plan.workspace, project_name=plan.project_name)
        if plan.experiment_key:
            arguments["experiment_key"] = plan.experiment_key
        if plan.login_kwargs.get("mode") is not None:
            arguments["mode"] = plan.login_kwargs["mode"]
        arguments["online"] = self.mode == "online"
        call = nearest() or self._call
        # The SDK would log the file that calls `start`, which is this plugin's, and the command, which is Flyte's.
        # Where the function is in no file (a notebook), the SDK logs the notebook instead.
        call.has_source = bool(plan.source_file or plan.remote)
        try:
            experiment = self._sdk.start(**arguments, experiment_config=self._config())
        finally:
            call.has_source = False
        if experiment is not None and plan.login_kwargs.get("disable_auto_logging"):
            # The SDK reads this setting when it is imported, and not again.
            experiment.disable_mp()
        return experiment

    def _config(self) -> object:
        config = self._sdk.experiment_config(self._plan.config_arguments())
        if self._directory is not None:
            config.offline_directory = self._directory
        self.logs_code = getattr(config, "log_code", None)
        return config

    def refusal(self, error: BaseException) -> CometTrackingError | None:
        """The error that stands for an exception of the SDK, if the server refused something by it; without the key."""
        refused = refusals.refusal(
            error,
            server=server_of(self._sdk, self._plan.host),
            workspace=self._plan.workspace,
            project_name=self._plan.project_name,
        )
        return None if refused is None else type(refused)(self.shared.masked(str(refused)))


class _Attempt:
    """Login and start, in a thread that may be left behind.

    Attributes:
        cause: Why there is no experiment online. It is an outage, and this is what the SDK raised for it.
    """

    def __init__(self, starter: Starter, log_in: Callable[[], list[BaseException]] | None) -> None:
        self.cause: BaseException | None = None
        self._starter = starter
        self._log_in = log_in
        self._experiment: Experiment | None = None
        self._refused: CometTrackingError | None = None
        self._left_behind = False
        self._lock = threading.Lock()

    def run(self, deadline: Deadline) -> Experiment | None:
        """Run it within a deadline."""
        call = self._starter.shared.call
        # The attempt has a call of its own. What it does after the deadline concerns nobody.
        own = Call(call.before, call.outer)
        own.directory = call.directory

        over = threading.Event()

        def attempt() -> None:
            with within(own):
                self._attempt()
            over.set()

        try:
            raised = through(attempt, "comet-ml-start", seconds=deadline.left, seconds_more=SECONDS_TO_ACT)
        finally:
            with self._lock:
                if not self._finished:
                    self._left_behind, call.left_behind = True, over
                    self.cause = TimeoutError(f"no answer within {SECONDS_TO_START:.0f} seconds")
        if raised is not None:
            if self._experiment is not None and not self._left_behind:
                # The end of the session ends it.
                call.running = call.own = self._experiment
            raise raised
        return self._result()

    def run_here(self) -> Experiment | None:
        """Run it in this thread."""
        self._attempt()
        return self._result()

    _finished = False

    def _result(self) -> Experiment | None:
        if self._refused is not None:
            raise self._refused
        return self._experiment if self.cause is None else None

    def _attempt(self) -> None:
        experiment, cause, refused = None, None, None
        handled = sys.exc_info()[1]
        try:
            experiment = self._started()
        except CometTrackingError as error:
            # The frames that it comes from have the API key in their variables, which some tools show.
            refused = without_frames(error, since=handled)
        except BaseException as error:
            # Whatever the SDK raises here is no fault of the task.
            cause = without_frames(error, since=handled)
        with self._lock:
            self._experiment, self.cause, self._refused = experiment, self.cause or cause, refused
            self._finished, late = True, self._left_behind
        if late and experiment is not None and not experiment.ended:
            # The task runs with another one by now: this must not stay running in Comet.
            experiment.end()

    def _started(self) -> Experiment | None:
        starter = self._starter
        for error in self._log_in() if self._log_in is not None else ():
            refused = starter.refusal(error)
            if refused is not None:
                raise refused from None
            logger.debug("comet_ml.login logged %s", starter.shared.masked(refusals.described(error)))
            if refusals.is_unreachable(error):
                raise error
        if not starter.shared.plan.start or self._left_behind:
            return None
        starter.check_key()
        with starter.shared.log_filter.listening() as heard:
            try:
                experiment = starter.started()
                # A mocked SDK may have nothing to give.
                if experiment is None or experiment.alive:
                    return experiment
                error = heard[-1] if heard else RuntimeError("the experiment did not start")
                with starter.shared.guarded("An experiment that did not start was not ended"):
                    # The next `start` would return it.
                    experiment.end()
            except BaseException as raised:
                error = raised
        for cause in [error, *heard]:
            refused = starter.refusal(cause)
            if refused is not None:
                raise refused from None
        raise error
