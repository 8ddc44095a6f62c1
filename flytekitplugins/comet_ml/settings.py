"""COMET_* settings of the process, in layers that can be taken off again.

The SDK reads its settings from the environment, and `comet_ml.login` writes to it: left alone, one task's settings
stay for the next task in the process. Each session puts a layer on, and takes it off when it ends; calls that
overlap (nested tasks, threads) take theirs off in any order. The newest layer is in force, on top of what the process
had before the first one and not of the others: a nested task must not find its parent's experiment key. When the last
one is off, every COMET_* variable is what it was.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

PREFIX = "COMET_"

_lock = threading.RLock()
# By identity of the environment, since people's tests replace `os.environ` with a dictionary of their own.
_stacks: dict[int, _Stack] = {}


def variable(setting: str) -> str:
    """Environment variable of a Comet setting: ``auto_log_code`` is `COMET_AUTO_LOG_CODE` (Comet)."""
    return PREFIX + setting.upper()


def rendered(value: Any) -> str | None:
    """The text that the SDK reads back as this value, whatever the setting's type.

    ``str(value)``, which `login` uses, is read back as something else for a bool of a number setting and for lists.

    Returns:
        The text, or None where the value means "not set".
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, Iterable):
        return ",".join(rendered(item) or "" for item in value)
    return str(value)


class SettingsLayer:
    """The settings of one session on top of those of the process.

    Attributes:
        environ: The environment that the layer is put on.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self.environ = environ
        self._values: dict[str, str | None] = {}
        with _lock:
            stack = _stacks.get(id(environ))
            if stack is None:
                stack = _stacks[id(environ)] = _Stack(environ)
            stack.layers.append(self)

    def set(self, values: Mapping[str, str | None]) -> None:
        """Set variables; None takes a variable away for as long as the layer is on.

        Args:
            values: By the variables' full names.
        """
        self._values.update(values)
        self.apply()

    def forget(self, name: str) -> None:
        """Say nothing more about a variable: it is again what it is without this layer."""
        self._values.pop(name, None)
        self.apply()

    def apply(self) -> None:
        """Make the environment what the layers say, whatever was written to it meanwhile."""
        with _lock:
            stack = _stacks.get(id(self.environ))
            if stack is not None:
                stack.apply()

    def remove(self) -> None:
        """Take the layer off; a second time does nothing."""
        with _lock:
            stack = _stacks.get(id(self.environ))
            if stack is None or self not in stack.layers:
                return
            stack.layers.remove(self)
            stack.apply()
            if not stack.layers:
                del _stacks[id(self.environ)]


class _Stack:
    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self.environ = environ
        self.before = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
        self.layers: list[SettingsLayer] = []

    def apply(self) -> None:
        wanted: dict[str, str | None] = dict(self.before)
        if self.layers:
            wanted.update(self.layers[-1]._values)
        for name in [name for name in self.environ if name.startswith(PREFIX)]:
            if wanted.get(name) is None:
                del self.environ[name]
        for name, value in wanted.items():
            if value is not None and self.environ.get(name) != value:
                self.environ[name] = value
