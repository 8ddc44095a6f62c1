"""Exceptions that do harm when they are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Lying(type):
    @property
    def __name__(cls) -> str:
        raise SystemExit

    @property
    def __mro__(cls) -> Any:
        raise SystemExit


class Unreadable(Exception, metaclass=Lying):  # noqa: N818
    @property
    def args(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no arguments")

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no attributes")

    @property
    def __class__(self) -> Any:
        raise RuntimeError("no class")

    def __getattribute__(self, name: str) -> Any:
        raise KeyboardInterrupt

    def __setattr__(self, name: str, value: Any) -> None:
        raise KeyboardInterrupt

    def __str__(self) -> str:
        raise SystemExit(0)

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise SystemExit(0)

    def __hash__(self) -> int:
        raise SystemExit(0)


class Endless(Exception):  # noqa: N818
    @property
    def __cause__(self) -> Any:  # type: ignore[override]
        return Endless()

    @property
    def exceptions(self) -> Iterator[Exception]:
        while True:
            yield Endless()
