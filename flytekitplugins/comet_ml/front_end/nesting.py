"""Calls inside of calls: one that shares the experiment of a call around it is a part of that one."""

from __future__ import annotations

import types
from contextvars import ContextVar

from ..session.plan import SessionPlan
from ..tracked_function import Around

_keys_around: ContextVar[frozenset[str]] = ContextVar("comet_ml_keys_around", default=frozenset())


def is_nested(experiment_key: str | None) -> bool:
    """Whether a call that is made now shares the experiment of one around it.

    Args:
        experiment_key: The key of its experiment; None where Comet makes one.
    """
    return experiment_key in _keys_around.get()


class NotedSession:
    """A session whose experiment the calls in its body know of (`tracked_function.Around`).

    Args:
        session: The session.
        plan: What it is to do.
    """

    def __init__(self, session: Around, plan: SessionPlan) -> None:
        self._session = session
        self._keys = {plan.experiment_key} if plan.start and plan.experiment_key else set()
        self._before = _keys_around.get()

    def __enter__(self) -> NotedSession:
        self._session.__enter__()
        self._note()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None, /
    ) -> None:
        _keys_around.set(self._before)
        self._session.__exit__(kind, error, traceback)

    async def __aenter__(self) -> NotedSession:
        await self._session.__aenter__()
        self._note()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None, /
    ) -> None:
        _keys_around.set(self._before)
        await self._session.__aexit__(kind, error, traceback)

    def returned(self, value: object, /) -> None:
        """Log what the body returned, if the plan says so."""
        self._session.returned(value)

    def _note(self) -> None:
        _keys_around.set(self._before | self._keys)
