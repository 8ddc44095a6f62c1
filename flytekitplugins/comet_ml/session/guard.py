"""The one guard: what is done beside the task must not fail it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..log import logger


@contextmanager
def guarded(what: str, masked: Callable[[str], str] = str) -> Iterator[None]:
    """Run a block whose failure costs the task nothing: say in one warning what is not done, and go on.

    Args:
        what: What is not done if it fails, in a sentence: "The Comet experiment of this task was not ended".
        masked: Replaces the API key in a text.
    """
    try:
        yield
    except Exception as error:
        logger.warning("%s: %s", what, masked(f"{type(error).__name__}: {text_of(error)}"))


def text_of(error: BaseException) -> str:
    """The message of an exception of whatever make."""
    try:
        return str(error)
    except BaseException as problem:
        return f"(no message: its __str__ raised {type(problem).__name__})"
