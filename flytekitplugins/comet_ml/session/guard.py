"""The one guard: what is done beside the task must not fail it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..foreign_text import described
from ..log import logger
from ..signal_handlers import raised_by_a_signal


@contextmanager
def guarded(what: str, masked: Callable[[str], str] = str) -> Iterator[None]:
    """Run a block whose failure costs the task nothing. One warning says what is not done.

    What the handler of a signal raises meanwhile, such as a task's own timeout, is no failure of the block.

    Args:
        what: What is not done if it fails, in a sentence: "The Comet experiment of this task was not ended".
        masked: Replaces the API key in a text.
    """
    try:
        yield
        return
    except Exception as error:
        raised = raised_by_a_signal(error)
        if raised is None:
            logger.warning("%s: %s", what, described(error, masked))
    if raised is not None:
        raise raised
