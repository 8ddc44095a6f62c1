"""Whether this process is one of pytest's, or comes from one: no test can change that, whatever it does."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from types import FrameType

from ..log import logger

_SIGNS = ("PYTEST_CURRENT_TEST", "PYTEST_VERSION")
"""What pytest sets. The first is for each test, and the second, from 8.2 on, for the whole run."""

_HELD = PurePath("flytekitplugins", "comet_ml", "testing", "__init__.py").parts
"""The file of the pytest plugin. It is open in every process of pytest that has loaded the plugin."""

_COMMANDS = {"pytest", "py.test", "pytest.exe"}
_FIRST_WORDS = 5
"""Of a command line: `python -X dev -m pytest`."""


def is_in_pytest(environ: Mapping[str, str]) -> bool:
    """Whether this process is pytest's, or was started by one that is.

    A test can change its environment, and that of a child. So the stacks of the threads count, too, and the processes
    that this one comes from.

    Args:
        environ: The environment of the process.
    """
    return any(environ.get(name) for name in _SIGNS) or _runs_pytest() or _comes_from_pytest()


def _runs_pytest() -> bool:
    stacks = sys._current_frames().values()
    return any(str(frame.f_globals.get("__name__")).startswith("_pytest.") for top in stacks for frame in _frames(top))


def _frames(top: FrameType | None) -> Iterator[FrameType]:
    while top is not None:
        yield top
        top = top.f_back


def _comes_from_pytest() -> bool:
    try:
        # Comet's SDK needs it, too.
        import psutil

        for process in psutil.Process().parents():
            try:
                # The plugin may be off.
                names = {PurePath(word).name for word in process.cmdline()[:_FIRST_WORDS]}
                files = [PurePath(each.path).parts[-len(_HELD) :] for each in process.open_files()]
            except psutil.Error:
                # It is another user's.
                continue
            if _HELD in files or not _COMMANDS.isdisjoint(names):
                return True
    except Exception as problem:
        logger.debug("It is not known which processes this one comes from: %s", problem)
    return False
