"""Keeping the API key out of logs and exceptions, and hearing the errors that the Comet SDK only logs.

`comet_ml.login` returns None and logs why it failed, with the rejected key in the message; `comet_ml.start` may
return a dead experiment and log the cause. A filter on the handlers of all loggers masks the key; while it listens, it
also keeps the SDK's exceptions and holds back the records that would say the same thing twice.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from ..log import logger

MASK = "***"
_SDK_LOGGER = "comet_ml"
_REPETITIONS = 5


def masked(text: str, secrets: Collection[str]) -> str:
    """A text with every secret in it replaced by asterisks."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def spellings(api_key: str) -> frozenset[str]:
    """The texts by which an API key could be recognised: a key that embeds its server also goes without it."""
    return frozenset(text for text in (api_key, api_key.partition("*")[0]) if text)


def scrub(error: BaseException | None, secrets: Collection[str]) -> None:
    """Mask secrets in the arguments of an exception and of those behind it: the SDK's can carry the API key.

    Args:
        error: The exception, which stays the same object.
        secrets: What to mask.
    """
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        current = waiting.pop()
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        waiting += [current.__cause__, current.__context__, *current.args]
        try:
            # Those of an ExceptionGroup, which Python 3.10 does not have.
            waiting += getattr(current, "exceptions", ())
            _scrub_one(current, secrets)
        except Exception as problem:
            # The exception of a task can be anything, a frozen dataclass too.
            logger.debug(
                "A %s could not be searched for the API key: %s", type(current).__name__, type(problem).__name__
            )


def _scrub_one(error: BaseException, secrets: Collection[str]) -> None:
    def is_told(value: object) -> bool:
        return isinstance(value, str) and any(secret in value for secret in secrets)

    if any(map(is_told, error.args)):
        error.args = tuple(masked(a, secrets) if isinstance(a, str) else a for a in error.args)
    for name, value in list(vars(error).items()):
        if is_told(value):
            setattr(error, name, masked(value, secrets))
        elif name == "__notes__":
            error.__dict__[name] = [masked(n, secrets) if isinstance(n, str) else n for n in value]


class SDKLogFilter(logging.Filter):
    """Masks secrets in log records, and holds back some of the SDK's, from `install` to `remove`.

    Attributes:
        secrets: What to mask.
    """

    def __init__(self) -> None:
        super().__init__()
        self.secrets: frozenset[str] = frozenset()
        self._handlers: list[logging.Handler] = []
        self._listeners: dict[int, tuple[list[BaseException], frozenset[str]]] = {}
        self._said: Counter[tuple[str, str, str]] = Counter()
        self._last: dict[tuple[str, str, str], tuple[float, int | None]] = {}

    def install(self) -> None:
        """Put the filter on every handler that there is."""
        # Also those of urllib3, which logs addresses at DEBUG, and of whoever logs an exception of the SDK.
        loggers = [logging.root, *list(logging.root.manager.loggerDict.values())]
        for owner in loggers:
            for handler in owner.handlers if isinstance(owner, logging.Logger) else ():
                if handler not in self._handlers:
                    handler.addFilter(self)
                    self._handlers.append(handler)

    def remove(self) -> None:
        """Take the filter off again."""
        for handler in self._handlers:
            handler.removeFilter(self)
        self._handlers.clear()

    @contextmanager
    def listening(self, names: Collection[str] = ()) -> Iterator[list[BaseException]]:
        """Collect the exceptions that the SDK logs in this thread instead of raising them.

        Args:
            names: Arguments and paths that mean nothing to the user: records about them are not shown meanwhile, nor
                are those about a collected exception.

        Yields:
            The list of exceptions, filled while the block runs.
        """
        thread, heard = threading.get_ident(), list[BaseException]()
        self._listeners[thread] = (heard, frozenset(names))
        try:
            yield heard
        finally:
            del self._listeners[thread]

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record, and say whether it is to be shown (`logging.Filter`)."""
        listener = self._listeners.get(record.thread or 0)
        if listener is not None and record.name.split(".")[0] == _SDK_LOGGER:
            heard, names = listener
            error = record.exc_info[1] if record.exc_info else None
            if error is not None:
                if error not in heard:
                    heard.append(error)
                return False
            if isinstance(record.args, tuple) and any(isinstance(a, str) and a in names for a in record.args):
                return False
        self._mask(record)
        return not self._repeats(record)

    def _repeats(self, record: logging.LogRecord) -> bool:
        """Whether the SDK has said this often enough: with a full disk, it says so for every metric."""
        if record.name.split(".")[0] != _SDK_LOGGER or record.levelno < logging.WARNING:
            return False
        said = (record.name, str(record.msg), repr(record.args))
        # Each handler asks about the same record. To keep it would keep the frames of its exception.
        moment = (record.created, record.thread)
        if moment != self._last.get(said):
            self._last[said] = moment
            self._said[said] += 1
        return self._said[said] > _REPETITIONS

    def _mask(self, record: logging.LogRecord) -> None:
        if not self.secrets:
            return
        try:
            message = record.getMessage()
        except Exception:
            # Arguments that do not fit: the handler itself complains of it, and prints them.
            message = f"{record.msg!r} {record.args!r}"
        if any(secret in message for secret in self.secrets):
            record.msg, record.args = masked(message, self.secrets), ()
        if record.exc_info and record.exc_info[1] is not None:
            text = "".join(traceback.format_exception(record.exc_info[1])).rstrip()
            if any(secret in text for secret in self.secrets):
                # A formatter takes the text that is there, and would else format the exception with the key in it.
                record.exc_info, record.exc_text = None, masked(text, self.secrets)
