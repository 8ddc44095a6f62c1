"""COMET_* settings of the process, in layers that can be taken off again.

The SDK reads its settings from the environment, and `comet_ml.login` writes to it: left alone, one task's settings
stay for the next task in the process. Each session puts a layer on, and takes it off when it ends; calls that
overlap (nested tasks, threads) take theirs off in any order. The newest layer is in force, on top of what the process
and its code have set and not of the other layers: a nested task must not find its parent's experiment key. A layer
that is taken off leaves the COMET_* variables as it found them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager

from ..forks import process_lock

PREFIX = "COMET_"
EXPERIMENT_KEY = f"{PREFIX}EXPERIMENT_KEY"
"""The experiment that the SDK continues. Who takes the experiment's key away wants another experiment."""

_lock = process_lock()
# By identity of the environment, since people's tests replace `os.environ` with a dictionary of their own.
_stacks: dict[int, list[SettingsLayer]] = {}


def variable(setting: str) -> str:
    """Environment variable of a Comet setting: ``auto_log_code`` is `COMET_AUTO_LOG_CODE` (Comet)."""
    return PREFIX + setting.upper()


def rendered(value: object) -> str | None:
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


_held: dict[int, SettingsLayer] = {}
"""The layer that holds while the body of its call opens an experiment, though it may not be on top."""


class SettingsLayer:
    """The settings of one session on top of those of the process.

    Attributes:
        environ: The environment that the layer is put on.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self.environ = environ
        self._values: dict[str, str | None] = {}
        with _lock():
            stack = _stacks.setdefault(id(environ), [])
            self._found = _comet_variables(environ)
            self._base = stack[-1]._without_it(self._found) if stack else self._found
            stack.append(self)
            self.apply()

    def set(self, values: Mapping[str, str | None]) -> None:
        """Set variables; None takes a variable away for as long as the layer is on.

        Args:
            values: By the variables' full names.
        """
        self._values.update(values)
        self._put(values)

    def forget(self, name: str) -> None:
        """Say nothing more about a variable: it is again what it is without this layer."""
        self._values.pop(name, None)
        self._put([name])

    def apply(self) -> None:
        """Make the environment what this layer says, if it is in force, whatever was written to it meanwhile."""
        self._put({*_comet_variables(self.environ), *self._base, *self._values})

    def _put(self, names: Iterable[str]) -> None:
        """What `apply` does, for some variables alone: a pod can have thousands."""
        with _lock():
            if _in_force(self.environ) is self:
                _put(self.environ, names, {**self._base, **self._values})

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Have the layer's settings hold while the block runs, in one thread at a time.

        The body can have taken settings away: these are put back. Or the layer of another session is on top, as in
        async tasks that overlap: then the variables are those of this one.
        """
        with _lock():
            in_force, outer = _in_force(self.environ), _held.get(id(self.environ))
            found, wanted = _comet_variables(self.environ), {**self._base, **self._values}
            if in_force is self:
                # What the body has set, counts.
                wanted.pop(EXPERIMENT_KEY, None)
                wanted = {**{name: value for name, value in wanted.items() if value is not None}, **found}
            _held[id(self.environ)] = self
            _put(self.environ, {*found, *wanted}, wanted)
        try:
            yield
        finally:
            with _lock():
                _held.pop(id(self.environ), None)
                if outer is not None:
                    _held[id(self.environ)] = outer
                now = _in_force(self.environ)
                if now is in_force:
                    _put(self.environ, {*_comet_variables(self.environ), *found}, found)
                elif now is not None:
                    # The other session has ended meanwhile.
                    now.apply()

    def says(self, name: str) -> str | None:
        """What the layer says of a variable, or what it found; None where that is nothing."""
        return {**self._base, **self._values}.get(name)

    def holds(self) -> bool:
        """Whether the layer is in force and nothing that it says was taken away, or it is not on any more."""
        with _lock():
            stack = _stacks.get(id(self.environ), [])
            if self not in stack:
                return True
            wanted = {**self._base, **self._values}
            missing = {n for n, value in wanted.items() if value is not None} - {*self.environ, EXPERIMENT_KEY}
            return _in_force(self.environ) is self and not missing

    def remove(self) -> None:
        """Take the layer off; a second time does nothing."""
        with _lock():
            stack = _stacks.get(id(self.environ), [])
            if self not in stack:
                return
            position = stack.index(self)
            stack.remove(self)
            if position < len(stack):
                # What the next one will leave behind is not this one's any more.
                stack[position]._found = self._found
            elif _held.get(id(self.environ)) in (None, self):
                _put(self.environ, {*_comet_variables(self.environ), *self._found}, self._found)
            if not stack:
                del _stacks[id(self.environ)]

    def _without_it(self, variables: Mapping[str, str]) -> dict[str, str]:
        """What variables would be without this layer: where it is still in force, what it covers."""
        applied, without = {**self._base, **self._values}, dict(self._base)
        for name in {*variables, *applied}:
            if variables.get(name) != applied.get(name):
                # Code has set it since.
                without.pop(name, None)
                if name in variables:
                    without[name] = variables[name]
        return without


def _in_force(environ: MutableMapping[str, str]) -> SettingsLayer | None:
    return _held.get(id(environ)) or next(reversed(_stacks.get(id(environ), [])), None)


def _comet_variables(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in list(environ) if name.startswith(PREFIX)}


def _put(environ: MutableMapping[str, str], names: Iterable[str], wanted: Mapping[str, str | None]) -> None:
    """Give variables the values that are wanted, and take away those that are to have none."""
    for name in names:
        value = wanted.get(name)
        if value is None:
            environ.pop(name, None)
        elif environ.get(name) != value:
            environ[name] = value
