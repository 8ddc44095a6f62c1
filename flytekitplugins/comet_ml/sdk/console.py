"""What the SDK prints on the console: in a tracked call, only what helps.

The SDK says what it does in 30 lines of INFO, and some of its warnings are wrong in a tracked call. Its console handler
shows none of these while a tracked call runs. Every other handler still has all of it: the SDK's log file
(`COMET_LOGGING_FILE`), and handlers of the user's. The console has, too, if the user has set `COMET_LOGGING_CONSOLE`.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ..forks import process_lock

_SDK_LOGGER = "comet_ml"
_SUMMARY_LOGGER = "comet_ml.summary"

_NOT_SO = ("JUPYTER_NEEDS_END", "PYDEV_NEEDS_END", "AWS_LAMBDA_NEEDS_END")
"""Names of warnings that ask for `experiment.end()`: a tracked call ends what was opened in it."""

_SAID_BETTER = ("FALLBACK_STREAMER_ONLINE_FAILED_ARCHIVE_UPLOAD_MESSAGE",)
"""Names of warnings with a command that sends the archive from where it is gone soon; ours says where it stays."""

_OF_NO_USE = ("Failed to log ip",)
"""What the SDK warns of on every machine that has no network. Nothing that the user logged is lost by it."""


_lock = process_lock()
_quiet_calls: list[bool] = []
"""For each call that holds back what does not help: whether it shows the SDK's summary at an experiment's end."""


@contextmanager
def quiet(*, everything: bool = False, summary: bool = False) -> Iterator[None]:
    """Hold back what does not help, while the block runs.

    Args:
        everything: Whether the user wants to see all of it.
        summary: Whether the user has asked for the SDK's summary.
    """
    if everything:
        yield
        return
    with _lock():
        _quiet_calls.append(summary)
        for handler in _console_handlers():
            # Once, whoever else has put it there.
            handler.addFilter(_is_shown)
    try:
        yield
    finally:
        with _lock():
            _quiet_calls.remove(summary)
            if not _quiet_calls:
                for handler in _console_handlers():
                    handler.removeFilter(_is_shown)


def _console_handlers() -> list[logging.Handler]:
    # The SDK's log file is a subclass, and what reports errors to its makers is none.
    return [each for each in logging.getLogger(_SDK_LOGGER).handlers if type(each) is logging.StreamHandler]


def _is_shown(record: logging.LogRecord) -> bool:
    if record.levelno < logging.WARNING:
        return record.name == _SUMMARY_LOGGER and any(_quiet_calls)
    texts = importlib.import_module("comet_ml.logging_messages")
    return record.msg not in (*_OF_NO_USE, *(getattr(texts, name, None) for name in (*_NOT_SO, *_SAID_BETTER)))
