"""Keeping the API key out of logs, and hearing what the Comet SDK only logs.

`comet_ml.login` returns None and logs why it failed, with the rejected key in the message; `comet_ml.start` may
return a dead experiment and log the cause. Every record of every logger goes through `logging.Logger.handle`, whatever
handlers and filters there are, now or later: that is the one point where keys are masked, where the SDK's exceptions
are heard, and where records that would say the same thing twice are held back.
"""

from __future__ import annotations

import functools
import logging
import sys
import threading
import traceback
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import wrapt

from ..foreign_text import all_behind, described, printable, traceback_of
from ..log import logger
from .call import Call, in_body
from .masked_values import masked_value, scrub
from .masking import MASK, is_told, masked, spellings
from .protocols import Arguments, Keywords, Wrapped

__all__ = ["MASK", "SDKLogFilter", "masked", "scrub", "spellings"]

_SDK_LOGGER = "comet_ml"
# Their records have in them what a server has sent, and their frames have the key.
_ON_THE_LINE = (_SDK_LOGGER, "requests", "urllib3", logger.name)
_REPETITIONS = 5
_KINDS_OF_RECORDS = 256

_OF_EVERY_RECORD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"taskName"}

_filters: list[SDKLogFilter] = []
# A thread of the SDK can outlive its session, and log the key then.
_remembered = [frozenset[str]()]
_forgettable: deque[frozenset[str]] = deque(maxlen=64)
_in_hand = threading.local()


class SDKLogFilter:
    """Masks secrets in log records, and holds back some of the SDK's, from `install` to `remove`.

    Attributes:
        secrets: What to mask.
    """

    def __init__(self) -> None:
        self.secrets: frozenset[str] = frozenset()
        self._listeners: dict[int | None, list[Callable[[logging.LogRecord], bool]]] = {}
        self._said: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def protect(self, api_key: str) -> None:
        """Mask an API key from now on, however it is spelled."""
        self.secrets |= spellings(api_key)

    def install(self) -> None:
        """Begin: from now on every record of the process comes by."""
        _put_in_force()
        _filters.append(self)

    def remove(self) -> None:
        """End. What was secret stays masked for as long as the process runs."""
        if self in _filters:
            _filters.remove(self)
        # Those of so many sessions ago are forgotten.
        _forgettable.append(self.secrets)
        _remembered[0] = frozenset().union(*_forgettable)

    @contextmanager
    def listening(self, names: Collection[str] = ()) -> Iterator[list[BaseException]]:
        """Collect the exceptions that the SDK logs in this thread instead of raising them.

        Args:
            names: Arguments and paths that mean nothing to the user: records about them are not shown meanwhile, nor
                are those about a collected exception.

        Yields:
            The list of exceptions, filled while the block runs.
        """
        heard = list[BaseException]()

        def listen(record: logging.LogRecord) -> bool:
            error = _exception_of(record)
            if error is not None:
                if not any(error is other for other in heard):
                    heard.append(error)
                return False
            return not (isinstance(record.args, tuple) and any(type(a) is str and a in names for a in record.args))

        with self.asking(listen):
            yield heard

    @contextmanager
    def asking(self, listener: Callable[[logging.LogRecord], bool], *, everywhere: bool = False) -> Iterator[None]:
        """Ask a listener about each record of the SDK's, before it is masked, whether it is to be shown.

        Args:
            listener: Says whether.
            everywhere: Whether also about those of other threads.
        """
        thread = None if everywhere else threading.get_ident()
        listeners = self._listeners.setdefault(thread, [])
        listeners.append(listener)
        try:
            yield
        finally:
            listeners.remove(listener)

    def wants(self, record: logging.LogRecord) -> bool:
        """Whether a record is to be shown, as far as this session goes."""
        if not _is_of(record.name, (_SDK_LOGGER,)):
            return True
        # Each is asked: who listens outside of another one hears the same.
        wanted = [listener(record) for thread in (record.thread, None) for listener in self._listeners.get(thread, ())]
        return all(wanted) and not self._repeats(record)

    def _repeats(self, record: logging.LogRecord) -> bool:
        """Whether the SDK has said this often enough: with a full disk, it says so for every metric."""
        if record.levelno < logging.WARNING:
            return False
        kind = (record.name, str(record.msg)[:200], repr(record.args)[:200])
        said = self._said.pop(kind, 0) + 1
        self._said[kind] = said
        if len(self._said) > _KINDS_OF_RECORDS:
            self._said.popitem(last=False)
        return said > _REPETITIONS


@in_body
def learn(call: Call, wrapped: Wrapped, instance: object, args: Arguments, kwargs: Keywords) -> None:
    """Mask a key that the body gives to the SDK, as the session's own: the SDK prints one that the server rejects."""
    wrapped(*args, **kwargs)
    for key in (*args, *kwargs.values()):
        if isinstance(key, str):
            for each in _filters:
                each.protect(key)


def _is_of(name: object, roots: tuple[str, ...]) -> bool:
    """Whether a logger or a module is one of some packages."""
    return any(name == root or str(name).startswith(f"{root}.") for root in roots)


def _exception_of(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if isinstance(record.exc_info, tuple) else None


# The one point


def _put_in_force() -> None:
    """Have every record come by, for as long as the process runs: other code may have wrapped ours meanwhile."""
    if not isinstance(vars(logging.Logger)["handle"], wrapt.FunctionWrapper):
        for name in ("handle", "callHandlers"):
            wrapt.wrap_function_wrapper(logging.Logger, name, _come_by)
        threading.excepthook = _masked_first(threading.excepthook, lambda arguments: arguments.exc_value)
        sys.unraisablehook = _masked_first(sys.unraisablehook, lambda arguments: arguments.exc_value)
        warnings.formatwarning = wrapt.FunctionWrapper(warnings.formatwarning, _mask_warning)


def _come_by(wrapped: Wrapped, instance: logging.Logger, args: Arguments, kwargs: Keywords) -> object:
    """What stands before `Logger.handle`, and before `callHandlers` for loggers with a `handle` of their own."""
    record = args[0] if args else kwargs.get("record")
    if not (_filters or _remembered[0]) or getattr(_in_hand, "record", None) is record:
        return wrapped(*args, **kwargs)
    outer, _in_hand.record = getattr(_in_hand, "record", None), record
    try:
        return wrapped(*args, **kwargs) if _is_shown(record) else None
    finally:
        _in_hand.record = outer


def _is_shown(record: object) -> bool:
    """Mask a record, and say whether anybody is to see it."""
    if not isinstance(record, logging.LogRecord):
        return True
    try:
        shown = all(each.wants(record) for each in list(_filters))
        if shown:
            _make_printable(record)
            secrets = _secrets()
            if secrets:
                _mask(record, secrets)
        return shown
    except Exception as problem:  # what is logged can be of any make, and a handler would fail on it as well
        record.msg, record.args = f"(a record of {record.name!r} could not be read: {type(problem).__name__})", ()
        record.exc_info, record.exc_text = None, None
        return True


def has_a_secret(text: str) -> bool:
    """Whether a text has a secret of a session in it that runs."""
    return is_told(text, _union(*(each.secrets for each in list(_filters))))


def _secrets() -> frozenset[str]:
    return _union(_remembered[0], *(each.secrets for each in list(_filters)))


@functools.lru_cache(maxsize=64)
def _union(*secrets: frozenset[str]) -> frozenset[str]:
    return frozenset().union(*secrets)


def _mask(record: logging.LogRecord, secrets: frozenset[str]) -> None:
    message = _message_of(record)
    # A handler can show the arguments apart from the message.
    if is_told(message, secrets) or masked_value(record.args, secrets) is not record.args:
        record.msg, record.args = masked(message, secrets), ()
    for name in vars(record).keys() - _OF_EVERY_RECORD:
        value = vars(record)[name]
        new = masked_value(value, secrets)
        if new is not value:
            setattr(record, name, new)
    for name in ("exc_text", "stack_info"):
        if getattr(record, name):
            setattr(record, name, masked(str(getattr(record, name)), secrets))
    _mask_exception(record, secrets)


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        # Arguments that do not fit: the handler itself complains of it, and prints them.
        return f"{record.msg!r} {record.args!r}"


def _mask_exception(record: logging.LogRecord, secrets: frozenset[str]) -> None:
    """Leave only the text of an exception where the key is in it, or can be in the variables of its frames.

    A formatter takes the text that is there, and would else format the exception; some show variables as well.
    """
    error = _exception_of(record)
    if error is None:
        return
    found: list[str] = []

    def mask(text: str) -> str:
        told = masked(text, secrets)
        if told != text:
            found.append(told)
        return told

    description = described(error, mask)
    if found or _is_of(record.name, _ON_THE_LINE) or _is_told_in_frames(error, secrets):
        record.exc_info, record.exc_text = None, description.traceback.rstrip()


def _is_told_in_frames(error: BaseException, secrets: frozenset[str]) -> bool:
    """Whether a variable of the SDK has a secret in it, in a frame that an exception leads to."""
    for each in all_behind(error):
        for frame, _ in traceback.walk_tb(traceback_of(each)):
            if _is_of(frame.f_globals.get("__name__"), _ON_THE_LINE):
                variables = dict(frame.f_locals)
                if masked_value(variables, secrets) is not variables:
                    return True
    return False


def _make_printable(record: logging.LogRecord) -> None:
    """Spell out what a terminal would act on, where a record has in it what a server has sent."""
    if not _filters or not _is_of(record.name, _ON_THE_LINE):
        return
    if isinstance(record.args, tuple) and any(type(a) is str and not a.isprintable() for a in record.args):
        record.args = tuple(printable(a) if type(a) is str else a for a in record.args)
    message = _message_of(record)
    told = printable(message, lines=True)
    if told != message:
        record.msg, record.args = told, ()


# What is written to standard error past all loggers


def _masked_first(
    hook: Callable[[Any], object], error_of: Callable[[Any], BaseException | None]
) -> Callable[[object], object]:
    def masked_hook(arguments: object) -> object:
        scrub(error_of(arguments), _secrets())
        return hook(arguments)

    return masked_hook


def _mask_warning(wrapped: Wrapped, instance: None, args: Arguments, kwargs: Keywords) -> str:
    return masked(wrapped(*args, **kwargs), _secrets())
