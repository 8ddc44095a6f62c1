"""A tracked call's session with Comet: login, start, body, end. It knows the SDK, and nothing of Flyte."""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType

from ..archives.store import DIRECTORY_SETTING, OfflineArchives
from ..deadline import through
from ..errors import CometTrackingError
from ..foreign_text import without_frames
from ..names import Status
from ..sdk import console, refusals
from ..sdk.call import Call
from ..sdk.comet_sdk import CometSDK
from ..sdk.experiments import capturing_no_output
from ..sdk.masked_groups import raise_without_secrets
from ..sdk.protocols import Experiment
from ..sdk.redaction import SDKLogFilter, masked, scrub
from ..sdk.settings import SettingsLayer
from .body import Body
from .call_content import log_outputs
from .end import End
from .event_loop import beside_the_loop
from .guard import guarded
from .interrupt import Interrupt, uninterrupted
from .leaving import before_exit
from .life_cycle import Deadline, LifeCycle, Outcome
from .opening import Opening
from .outcome import outcome_by, outcome_of
from .plan import Mode, Observer, Progress, SessionPlan
from .shared import Shared, starting
from .sigterm import SECONDS_TO_ACT, Termination, before_termination, prepare


class Session:
    """A context manager around the body of a tracked call, for ``with`` and ``async with``.

    Entering logs in and starts the experiment, and `comet_ml.get_running_experiment()` returns it. Leaving ends what
    was opened meanwhile, and puts the process back as it was. An experiment that was running before is set aside: it is
    neither joined, nor written to, nor ended.

    Args:
        comet_ml: The `comet_ml` module, or what a test has put in its place.
        environ: The environment of the process.
        plan: What to do.

    Attributes:
        experiment: The experiment that was started; None before, and without `start`.
        mode: Whether it is sent, written to an archive, or disabled.
        cause: Why an experiment that should be sent is written to an archive; None if it need not be.
    """

    def __init__(self, comet_ml: object, environ: MutableMapping[str, str], plan: SessionPlan) -> None:
        self.experiment: Experiment | None = None
        self.mode: Mode = "online"
        self.cause: BaseException | None = None
        self._sdk = CometSDK.of(comet_ml)
        self._environ = environ
        self._plan = plan
        self._life = LifeCycle()
        self._log_filter = SDKLogFilter()
        self._observer: Observer | None = plan.observer
        self._archives = OfflineArchives(plan.store_archive)
        self._termination = Termination()
        self._interrupt = Interrupt()
        self._undo = ExitStack()
        self._inside = False
        self._process = os.getpid()
        # An async session is entered in another one.
        self._thread = threading.current_thread()
        # Until the body has begun, and unless it ends otherwise.
        self._outcome = Outcome("failed")
        self._layer: SettingsLayer
        self._call: Call
        self._end: End | None = None
        self._context: contextvars.Context

    def __enter__(self) -> Session:
        handled = sys.exc_info()[1]
        try:
            self._begin()
        except CometTrackingError as error:
            # The frames that it comes from have the API key in their variables, which some tools show.
            raise without_frames(error, since=handled) from None
        except BaseException as error:
            # An interrupt, or a task's own timeout. Who wants to see the error sees where the task was called.
            raise without_frames(error, since=handled)  # noqa: B904 - it is the same one
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._inside:
            self._leave(error)
            raise_without_secrets(error, self._log_filter.secrets)

    def _leave(self, error: BaseException | None) -> None:
        with uninterrupted(SECONDS_TO_ACT, self._terminate) as self._interrupt:
            if os.getpid() != self._process:
                # A child that the body has forked leaves it, perhaps by sys.exit(). The experiment is its parent's.
                scrub(error, self._log_filter.secrets)
                return
            with self._undo:
                try:
                    self._inside = False
                    self._find_outcome(error)
                except BaseException as raised:
                    # Flyte will see it as the task's own error.
                    self._outcome = outcome_by(raised)
                    raise without_frames(raised, since=error)  # noqa: B904 - it is the same one

    def _find_outcome(self, error: BaseException | None) -> None:
        with guarded("It is not known how this task ended", self._masked):
            self._outcome = Outcome("failed", error) if error is not None else Outcome("finished")
            scrub(error, self._log_filter.secrets)
            explained = self._termination.explains(error, self._interrupt.handler)
            self._outcome = outcome_of(error) if not explained else Outcome("terminated")

    def returned(self, value: object) -> None:
        """Log what the body returned, if the plan says so.

        Args:
            value: What it returned, which may be anything.
        """
        with guarded("What the task returned could not be logged to its Comet experiment", self._masked):
            log_outputs(self.experiment, self._plan, value, self._log_filter.secrets)

    async def __aenter__(self) -> Session:
        # Only here can signals be watched, if this is the main thread.
        prepare()
        try:
            await beside_the_loop(self.__enter__)
        except asyncio.CancelledError as error:
            # It has begun all the same, and there will be no body.
            await self.__aexit__(type(error), error, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await beside_the_loop(lambda: self._leave(error))
        raise_without_secrets(error, self._log_filter.secrets)

    def _begin(self) -> None:
        asked = time.monotonic()
        with starting(), self._sdk.one_reading(), ExitStack() as undo:
            self._life.starting()
            self._termination = undo.enter_context(
                before_termination(self._terminate, self._save, grace_period=self._plan.grace_period)
            )
            undo.enter_context(before_exit(self._terminate, self._thread))
            undo.callback(self._life.running)
            self._call = undo.enter_context(self._sdk.call())
            self._call.on_open = lambda experiment: self._tell(lambda observer: observer.opened(experiment))
            self._call.seconds_to_wait = self._plan.end_timeout
            undo.enter_context(capturing_no_output(self._call.outer))
            undo.enter_context(console.quiet(everything=self._wants_console(), summary=self._wants_summary()))
            self._log_filter.install()
            undo.callback(self._log_filter.remove)
            self._layer = SettingsLayer(self._environ)
            undo.callback(self._layer.remove)
            undo.callback(self._archives.close)
            self._call.directory = self._archives.open()
            self._layer.set(self._archive_settings())
            self._context = contextvars.copy_context()
            shared = Shared(self._sdk, self._plan, self._environ, self._log_filter, self._layer, self._call, asked)
            self._end = End(shared, self._archives, self._life)
            undo.callback(self._finish)
            opening = Opening(shared)
            self._call.url_of = opening.url_of
            try:
                opening.open()
            except BaseException as error:
                self._outcome = outcome_by(error)
                raise
            finally:
                self.experiment, self.mode, self.cause = opening.experiment, opening.mode, opening.cause
                host = opening.server_elsewhere if self._plan.remote else None
                self._archives.belong_to(host, announced=self.mode != "online")
            self._call.fallback = opening.fallback()
            Body(shared, self.mode, self._told_where).prepare(self.experiment)
            if self.mode == "disabled":
                self._observer = None
            self._tell(lambda observer: observer.started(self._progress("running")))
            self._inside = True
            self._undo = undo.pop_all()
        self._life.running()

    def _wants_console(self) -> bool:
        return bool(self._environ.get("COMET_LOGGING_CONSOLE") or self._sdk.setting("comet.logging.console"))

    def _wants_summary(self) -> bool:
        """Whether somebody has asked for the SDK's summary; by default it is printed."""
        name = "display_summary_level"
        given = {**self._plan.login_kwargs, **self._plan.config_arguments()}
        return bool(given.get(name) or self._environ.get(f"COMET_{name.upper()}"))

    def _archive_settings(self) -> dict[str, str | None]:
        given = [
            self._plan.login_kwargs.get("offline_directory"),
            self._plan.config_arguments().get("offline_directory"),
        ]
        if any(given) or self._environ.get(DIRECTORY_SETTING):
            return {}
        return self._archives.settings()

    # The observer

    def _told_where(self, experiment: Experiment) -> None:
        """The body has opened the experiment that the session has left to it."""
        self._tell(lambda observer: observer.started(replace(self._progress("running"), experiment=experiment)))

    def _tell(self, step: Callable[[Observer], None]) -> None:
        observer, told = self._observer, False
        if observer is None:
            return
        with guarded("The Comet deck of this task could not be made", self._masked):
            step(observer)
            told = True
        if not told:
            # Once: the end would say it again.
            self._observer = None

    def _progress(self, status: Status, error: BaseException | None = None) -> Progress:
        return Progress(
            plan=self._plan,
            experiment=self.experiment,
            mode=self.mode,
            status=status,
            masked=self._masked,
            cause=self._masked(refusals.described(self.cause)) if self.cause is not None else None,
            error=error,
            archives=self._archives.by_key(),
            host=self._archives.host,
        )

    def _masked(self, text: str) -> str:
        return masked(text, self._log_filter.secrets)

    # The end

    def _finish(self) -> None:
        assert self._end is not None
        # The body may have cleared the environment.
        self._layer.apply()
        outcome, termination = self._outcome, self._termination
        raised = self._ended(self._end, outcome, min(self._plan.end_timeout, termination.seconds_left))
        # What is done about an interrupt needs the settings, which are next to go.
        self._interrupt.settle()
        if termination.dying:
            # SIGTERM has come meanwhile: what is done about it needs the settings, which are next to go.
            time.sleep(SECONDS_TO_ACT)
        self._tell(lambda observer: observer.ended(self._progress(outcome.status, outcome.error)))
        if raised is not None:
            raise without_frames(raised, since=outcome.error)

    def _ended(self, end: End, outcome: Outcome, seconds: float) -> BaseException | None:
        """End, whatever is raised here meanwhile, as by the handler of a signal; return that."""

        def run() -> None:
            with guarded("The Comet experiment of this task was not ended", self._masked):
                # No more threads, no more memory: the body's result is not hostage to that.
                end.run(outcome, seconds)

        if not self._sdk.is_real:
            # What a mock does takes no time, and people's mocks look at the thread.
            run()
            return None
        raised = through(run, "comet-ml-end-of-task", at_once=lambda: self._interrupt.left is not None)
        if raised is not None:
            # Flyte will see it as the task's own error.
            outcome, seconds = outcome_by(raised), SECONDS_TO_ACT
            run()
        return raised

    def _save(self, seconds: float) -> None:
        """Save what was logged so far, called in a thread when the process has some more seconds to live."""
        if self._end is not None:
            last = self._termination.seconds_left <= SECONDS_TO_ACT + 0.5
            self._context.copy().run(self._end.save, seconds, last=last)

    def _terminate(self, seconds: float) -> None:
        """End within a few seconds, called in a thread when the process is about to die."""
        deadline = Deadline(seconds)
        self._life.wait_until_begun(seconds / 3)
        if self._end is not None:
            outcome = Outcome("terminated")
            self._context.copy().run(self._end.run, outcome, deadline.left)
            self._tell(lambda observer: observer.ended(self._progress(outcome.status, outcome.error)))
