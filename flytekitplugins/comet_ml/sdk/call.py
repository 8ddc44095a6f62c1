"""The experiments of one tracked call: which is running, which were opened, how long the body may wait for them."""

from __future__ import annotations

import os
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from .protocols import Arguments, Experiment, Keywords, Wrapped, Wrapper

_F = TypeVar("_F", bound=Callable[..., object])


@dataclass(frozen=True, repr=False)
class Fallback:
    """What a call does about experiments of the body's when Comet is away.

    Attributes:
        is_away: Whether it is known already that Comet cannot be reached, or is not to be.
        trying: Has the SDK give up soon while the block runs, and gives the exceptions that it only logs meanwhile.
        be_patient: Has an experiment that is there wait as long as the settings say.
        masked: Takes the API key out of a text.
    """

    is_away: bool
    trying: Callable[[], AbstractContextManager[list[BaseException]]]
    be_patient: Callable[[Experiment], None]
    masked: Callable[[str], str]


class Call:
    """What the SDK has to do with a tracked call.

    Attributes:
        before: The experiment that was running in the process before the call.
        outer: The experiment that was running in the context before the call: its caller's.
        opened: Every experiment that was opened in the call, in the order of opening.
        own: The experiment that the session started, or the first that the body opened where it started none.
        identity: What a bare `comet_ml.start` in the call means: workspace, project and experiment key.
        name: The name that the decorator gives the task's experiment, if it does.
        closed: Whether whatever is opened in the call is to be disabled.
        seconds_to_wait: How long the body may wait for a server that takes nothing, in all.
        on_open: Called with every experiment that is opened in the call, while the SDK makes it.
        on_made: Called with every one that the SDK has made for the body.
        settings: Has the call's settings hold while the body opens an experiment: gets the API key that it gives.
        has_source: Whether the session is starting an experiment whose source it logs itself.
        directory: Where the SDK is to keep what it has not sent; None leaves it to the SDK.
        url_of: Gives the address that an experiment will have in Comet.
        streams: Standard output and error as they were before any call that runs.
        told: What was said once, and need not be said again.
        left_behind: Is set when a start is over that came to no end within its deadline; None if there is no such.
        fallback: What is done if the body opens an experiment and Comet is away; None leaves it to the SDK.
        left: Experiments whose end the body has asked for, and does not wait for any more.
    """

    def __init__(self, before: Experiment | None, outer: Experiment | None) -> None:
        self.before = before
        self.outer = outer
        self.opened: list[Experiment] = []
        self.own: Experiment | None = None
        self.identity: dict[str, object] = {}
        self.name: str | None = None
        self.closed = False
        self.seconds_to_wait = 60.0
        self.on_open: Callable[[Experiment], None] = lambda experiment: None
        self.on_made: Callable[[Experiment], None] = lambda experiment: None
        self.settings: Callable[[object], AbstractContextManager[None]] = lambda api_key: nullcontext()
        self.has_source = False
        self.directory: str | None = None
        self.url_of: Callable[[Experiment], str | None] = lambda experiment: None
        self.streams: dict[str, object] = {}
        self.left_behind: threading.Event | None = None
        self.told: set[str] = set()
        self.fallback: Fallback | None = None
        self.left: list[Experiment] = []
        self._running: Experiment | None = None
        self._process = os.getpid()

    @property
    def running(self) -> Experiment | None:
        """The running experiment: the newest that has not ended, or the last one that has; None before there is one."""
        if self._running is not None and self.is_over(self._running):
            return next((each for each in reversed(self.opened) if not self.is_over(each)), self._running)
        return self._running

    @running.setter
    def running(self, experiment: Experiment | None) -> None:
        self._running = experiment
        if experiment is not None and not any(experiment is other for other in self.opened):
            self.opened.append(experiment)

    def is_over(self, experiment: Experiment) -> bool:
        """Whether an experiment has ended, or the body has asked for its end."""
        return experiment.ended or any(experiment is each for each in self.left)

    @property
    def in_forked_child(self) -> bool:
        """Whether this is a child that the body has forked."""
        return os.getpid() != self._process

    @property
    def key_is_taken(self) -> bool:
        """Whether an experiment with the task's key was opened in this process."""
        key = self.identity.get("experiment_key")
        return not self.in_forked_child and any(each.get_key() == key for each in self.opened)

    def tells(self, what: str) -> bool:
        """Whether something is to be said: it was not said before, and is from now on."""
        is_new = what not in self.told
        self.told.add(what)
        return is_new

    def forget(self, experiment: Experiment) -> None:
        """Take an experiment out of the call, such as one that found no server."""
        self.opened[:] = [each for each in self.opened if each is not experiment]
        if self._running is experiment:
            self._running = self.opened[-1] if self.opened else None

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Open another experiment beside the running one, which lives on; it is the running one again if that fails."""
        aside, self._running = self._running, None
        try:
            yield
        finally:
            opened = self._running
            if aside is not None and (opened is None or opened.ended or not getattr(opened, "alive", True)):
                self._running = aside

    def experiment_of(self, experiment: Experiment) -> bool:
        """Whether an experiment was opened in this call, under this object or under another of the same experiment."""
        return any(vars(each) is vars(experiment) for each in self.opened)


current: ContextVar[Call | None] = ContextVar("tracked_call", default=None)
"""The call that the context belongs to."""

calls: list[Call] = []
"""All tracked calls that run, in the order in which they began."""

direct: ContextVar[bool] = ContextVar("direct_use_of_the_sdk", default=False)
"""Whether this plugin itself uses the SDK: its functions then do what they do without us."""


def nearest() -> Call | None:
    """The call of the context. A context without one, such as a thread that a call started, has the newest call."""
    # The settings that are in force there, with the experiment's key, are those of the newest call, too.
    return current.get() or next(reversed(calls), None)


def call_of(experiment: Experiment) -> Call | None:
    """The tracked call that an experiment was opened in; None for one of no call."""
    return next((call for call in reversed(calls) if call.experiment_of(experiment)), None)


@contextmanager
def directly() -> Iterator[None]:
    """Use the SDK's functions as they are without this plugin, while the block runs."""
    token = direct.set(True)
    try:
        yield
    finally:
        direct.reset(token)


@contextmanager
def within(call: Call | None) -> Iterator[None]:
    """Belong to a call while the block runs, as a thread does that the call has started."""
    before = current.get()
    current.set(call)
    try:
        yield
    finally:
        current.set(before)


# Wrappers


def in_no_file(function: _F) -> _F:
    """Have a function stand in no file: the SDK takes the first on the stack that is not its own for the source."""
    assert isinstance(function, types.FunctionType)
    function.__code__ = function.__code__.replace(co_filename=f"<{function.__module__}>")
    return function


def in_body(wrapper: Callable[[Call, Wrapped, Any, Arguments, Keywords], object]) -> Wrapper:
    """Have a wrapper stand before what the body of a task does, and give it the body's call.

    Outside of a tracked call, and where this plugin itself uses the SDK, the wrapped function is called instead.
    """

    @in_no_file
    def wrapper_in_body(wrapped: Wrapped, instance: object, args: Arguments, kwargs: Keywords) -> object:
        call = nearest()
        if call is None or direct.get():
            return wrapped(*args, **kwargs)
        return wrapper(call, wrapped, instance, args, kwargs)

    return wrapper_in_body
