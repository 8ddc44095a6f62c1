"""A tracked call's session with Comet: login, start, end. It knows the SDK, and nothing of flytekit."""

from __future__ import annotations

import contextvars
import os
import threading
import time
from collections.abc import Callable, MutableMapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from .. import sdk as comet
from ..archives.store import DIRECTORY_SETTING, OfflineArchives
from ..errors import CometTrackingError
from ..log import logger
from ..names import Status
from ..sdk import refusals
from ..sdk.delivery import be_patient, hurry, keep_reports_home, let_go, little_patience, lose_nothing
from ..sdk.keywords import settings_of
from ..sdk.redaction import SDKLogFilter, masked, scrub, spellings
from ..sdk.running import own_experiment
from ..sdk.settings import SettingsLayer, variable
from ..sdk.slot import Slot
from .end import End, Outcome, outcome_of
from .login import COMET_HOSTS, is_real, log_in, login_settings, server_settings
from .plan import Mode, Observer, Progress, SessionPlan
from .sigterm import SECONDS_TO_ACT, Termination, before_termination
from .start import Starter, raise_refusal, server_of

_COMMAND_LINE = "COMET_AUTO_LOG_CLI_ARGUMENTS"

_SECONDS_TO_HEAR = 0.05

# The settings are the process's: two calls must not start at once.
_starting = threading.RLock()


class Session:
    """A context manager around the body of a tracked call.

    Entering logs in and starts the experiment, so that `comet_ml.get_running_experiment()` is it; leaving ends what
    began meanwhile, and puts the process back as it was. An experiment that was running before is set aside: neither
    joined, nor written to, nor ended.

    Attributes:
        experiment: The experiment that was started; None before, and without `start`.
        mode: Whether it is sent, written to an archive, or disabled.
        cause: Why an experiment that should be sent is written to an archive; None if it need not be.
    """

    def __init__(self, sdk: Any, environ: MutableMapping[str, str], plan: SessionPlan) -> None:
        self.experiment: Any = None
        self.mode: Mode = "online"
        self.cause: BaseException | None = None
        self._sdk = sdk
        self._environ = environ
        self._plan = plan
        self._log_filter = SDKLogFilter()
        self._observer: Observer | None = plan.observer
        self._layer: SettingsLayer
        self._slot: Slot
        self._archives = OfflineArchives(plan.store_archive)
        # Until the body has begun, and unless it ends otherwise.
        self._outcome = Outcome("failed")
        self._begun = threading.Event()
        self._termination = Termination()
        self._end: End | None = None
        self._context: contextvars.Context
        self._undo = ExitStack()
        self._process = os.getpid()
        self._own_server = False

    def __enter__(self) -> Session:
        try:
            self._begin()
        except CometTrackingError as error:
            # The frames that it comes from have the API key in their variables, which some tools show.
            raise error.with_traceback(None) from None
        return self

    def _begin(self) -> None:
        with _starting, ExitStack() as undo:
            self._termination = undo.enter_context(before_termination(self._terminate))
            undo.callback(self._begun.set)
            self._slot = undo.enter_context(own_experiment(self._sdk))
            self._slot.opened = lambda experiment: self._tell(lambda observer: observer.opened(experiment))
            undo.enter_context(comet.capturing_no_output(self._slot.outer))
            self._log_filter.install()
            undo.callback(self._log_filter.remove)
            self._layer = SettingsLayer(self._environ)
            undo.callback(self._layer.remove)
            self._layer.set(self._archive_settings())
            undo.callback(self._archives.close)
            self._context = contextvars.copy_context()
            self._end = End(self._sdk, self._slot, self._plan, self._archives, self._log_filter)
            undo.callback(self._finish)
            impatient = little_patience(self._environ)
            self._layer.set(impatient)
            with comet.one_reading(self._sdk):
                unreachable = self._log_in()
            if self._plan.start:
                with comet.one_reading(self._sdk):
                    self._start(unreachable)
            for name in impatient:
                self._layer.forget(name)
            server = server_of(self._sdk, self._plan)
            self._own_server = urlsplit(server).hostname not in COMET_HOSTS
            self._archives.host = server if self._own_server and self._plan.remote else None
            if self.experiment is not None and self.mode == "online":
                be_patient(self._sdk, self.experiment)
                self._lose_nothing(self.experiment)
            self._slot.made, self._slot.end = self._lose_nothing, self._end_early
            self._prepare_body()
            if self.mode == "disabled":
                self._observer = None
            self._tell(lambda observer: observer.started(self._progress("running")))
            self._undo = undo.pop_all()
        self._begun.set()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        scrub(error, self._log_filter.secrets)
        if os.getpid() != self._process:
            # A child that the body has forked leaves it, by sys.exit() perhaps; the experiment is its parent's.
            return
        self._outcome = outcome_of(error)
        self._undo.close()

    # Login

    def _log_in(self) -> BaseException | None:
        """Put the settings in force and log in, as far as the mode needs it.

        Returns:
            Why the server cannot be reached, if it cannot.
        """
        plan, arguments = self._plan, self._plan.login_arguments()
        self._layer.set(login_settings(arguments))
        before = self._slot.before
        if before is not None and self._environ.get("COMET_EXPERIMENT_KEY") == before.get_key():
            # The key of the experiment that is set aside.
            self._layer.set({"COMET_EXPERIMENT_KEY": None})
        if not plan.log_command_line and not self._environ.get(_COMMAND_LINE):
            self._layer.set({_COMMAND_LINE: "0"})
        comet.check_settings(self._sdk, settings_of(plan.login_kwargs))
        self.mode = self._requested_mode()
        api_key = plan.login_kwargs.get("api_key") or comet.setting(self._sdk, "comet.api_key")
        self._protect(api_key)
        if self.mode == "disabled":
            self._layer.set({"COMET_AUTO_LOG_DISABLE": "1", "COMET_EXPERIMENT_KEY": None})
            return None
        if self.mode == "offline":
            self._layer.set({"COMET_START_ONLINE": "0"})
            return None
        if plan.credentials is not None:
            api_key = arguments["api_key"] = plan.credentials()
            self._protect(api_key)
        self._layer.set(server_settings(self._sdk, plan.host, api_key, plan.login_kwargs, self._environ))
        comet.forget_clients(self._sdk)
        asked_for = plan.login_kwargs.get("force") or plan.login_kwargs.get("anonymous")
        if not api_key and not asked_for and is_real(self._sdk):
            # There is nothing to check, and in a notebook the SDK would stop and ask for a key.
            return None
        heard = log_in(self._sdk, arguments, self._layer, self._log_filter)
        for error in heard:
            raise_refusal(self._sdk, plan, error, self._log_filter)
            logger.debug("comet_ml.login logged %s", masked(repr(error), self._log_filter.secrets))
        if arguments.get("api_key"):
            # `login` leaves the key nowhere, and neither `start` nor child processes would find it.
            self._layer.set({variable("api_key"): arguments["api_key"]})
        return next((error for error in heard if refusals.is_unreachable(error)), None)

    def _protect(self, api_key: object) -> None:
        """Keep a key out of the log and the experiment's data."""
        if isinstance(api_key, str):
            self._log_filter.secrets |= spellings(api_key)

    def _requested_mode(self) -> Mode:
        if not self._plan.primary and self._plan.rank is None:
            return "disabled"
        disabled = self._plan.config_arguments().get("disabled")
        if disabled if disabled is not None else comet.is_on(self._sdk, "comet.auto_log.disable", self._environ):
            return "disabled"
        online = self._plan.login_kwargs.get("online")
        if (online if online is not None else comet.is_on(self._sdk, "comet.start.online", self._environ)) is False:
            return "offline"
        return "online"

    # Start

    def _start(self, unreachable: BaseException | None) -> None:
        starter = Starter(self._sdk, self._plan, self.mode, self._layer, self._log_filter)
        self.experiment = starter.start(unreachable)
        self.mode, self.cause = starter.mode, starter.cause
        if self.experiment is None:
            return
        created = self.mode == "online" and not comet.is_resumed(self.experiment)
        if self._plan.primary or created:
            # The rank that comes first, whichever it is, names it.
            starter.describe(self.experiment)
        if self._plan.primary:
            starter.announce(self.experiment)
        else:
            comet.silence_state(self.experiment)

    def _lose_nothing(self, experiment: Any) -> None:
        """See to it that what is logged to an experiment, the session's or one of the body's, arrives somewhere."""
        if not experiment.alive or comet.is_offline(experiment):
            return
        lose_nothing(experiment)
        if self._own_server:
            keep_reports_home(self._sdk, experiment)

    def _end_early(self, experiment: Any) -> None:
        """End an experiment in whose place the body opens another one."""
        hurry(experiment, self._plan.end_timeout)
        experiment.end()
        let_go(experiment)

    def _prepare_body(self) -> None:
        """Let code in the body that opens an experiment of its own, and child processes, find this one."""
        self._slot.closed = self.mode == "disabled"
        # The SDK logs these to every experiment that is created, in whatever process, if it logs the environment.
        self._layer.set({f"COMET_LOG_OTHER_{name.upper()}": value for name, value in self._plan.others.items()})
        if self.experiment is not None and self.mode != "disabled":
            key = str(self.experiment.get_key())
            self._slot.arguments = {
                **comet.start_arguments(
                    self._sdk, workspace=self._plan.workspace, project_name=self._plan.project_name
                ),
                "experiment_key": key,
            }
            # With the key exported, an Experiment() that cannot join would be dead.
            self._layer.set({"COMET_EXPERIMENT_KEY": key if self._slot.joins else None})

    def _archive_settings(self) -> dict[str, str | None]:
        given = [
            self._plan.login_kwargs.get("offline_directory"),
            self._plan.config_arguments().get("offline_directory"),
        ]
        if any(given) or self._environ.get(DIRECTORY_SETTING):
            return {}
        return self._archives.open()

    def _tell(self, step: Callable[[Observer], None]) -> None:
        if self._observer is None:
            return
        try:
            step(self._observer)
        except Exception as error:
            # Once: the end would say it again.
            self._observer = None
            text = masked(f"{type(error).__name__}: {error}", self._log_filter.secrets)
            logger.warning("The Comet deck of this task could not be made: %s", text)

    def _progress(self, status: Status, error: BaseException | None = None) -> Progress:
        return Progress(
            plan=self._plan,
            experiment=self.experiment,
            mode=self.mode,
            status=status,
            masked=lambda text: masked(text, self._log_filter.secrets),
            cause=masked(refusals.described(self.cause), self._log_filter.secrets) if self.cause is not None else None,
            error=error,
            archives=self._archives.by_key(),
            host=self._archives.host,
        )

    # End

    def _finish(self) -> None:
        assert self._end is not None
        outcome, termination = self._outcome, self._termination
        if outcome.crashed:
            # A handler of the body's raises before our listener has had its turn.
            time.sleep(_SECONDS_TO_HEAR)
        if termination.dying or (termination.received and outcome.crashed):
            # What the body raises then is the doing of the signal.
            outcome = Outcome("terminated")
        try:
            self._end.run(self.experiment, outcome, self._plan.end_timeout)
        except Exception as problem:
            # No more threads, no more memory: the body's result is not hostage to that.
            text = masked(f"{type(problem).__name__}: {problem}", self._log_filter.secrets)
            logger.warning("The Comet experiment of this task was not ended: %s", text)
        if termination.dying:
            # SIGTERM has come meanwhile: what is done about it needs the settings, which are next to go.
            time.sleep(SECONDS_TO_ACT)
        self._tell(lambda observer: observer.ended(self._progress(outcome.status, outcome.error)))

    def _terminate(self, seconds: float) -> None:
        """End within a few seconds, called in a thread when the process is about to die."""
        deadline = time.monotonic() + seconds
        self._begun.wait(seconds / 3)
        if self._end is not None:
            left = deadline - time.monotonic()
            outcome = Outcome("terminated")
            self._context.copy().run(self._end.run, self.experiment, outcome, left)
            self._tell(lambda observer: observer.ended(self._progress(outcome.status, outcome.error)))


def _in_forked_child() -> None:
    # A thread that is not there any more may have held it.
    global _starting
    _starting = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
