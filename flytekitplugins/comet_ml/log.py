"""The plugin's logger. It shows where the experiment is, and needs no configuration for that."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO

logger = logging.getLogger("flytekitplugins.comet_ml")
"""Level INFO unless the application has set one."""


if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[TextIO]
else:
    _StreamHandler = logging.StreamHandler


class _FallbackHandler(_StreamHandler):
    """Writes to standard error if nobody else handles the record.

    Python's own last resort shows warnings only, and neither `pyflyte run` nor a pod configures the root logger.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(logging.Formatter("[%(name)s] %(message)s"))

    @property
    def stream(self) -> TextIO:
        # Looked up each time: the SDK and pytest replace it.
        return sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        """Ignored."""

    def emit(self, record: logging.LogRecord) -> None:
        if not _handled_elsewhere():
            super().emit(record)


def _handled_elsewhere() -> bool:
    current: logging.Logger | None = logger
    while current is not None:
        if any(not isinstance(handler, _FallbackHandler) for handler in current.handlers):
            return True
        current = current.parent if current.propagate else None
    return False


if logger.level == logging.NOTSET:
    logger.setLevel(logging.INFO)
if not logger.handlers:
    logger.addHandler(_FallbackHandler())
