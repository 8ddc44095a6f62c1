"""The API key in exceptions: masked wherever it stands in them, and whatever their make."""

from __future__ import annotations

import base64
import pickle
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from flytekitplugins.comet_ml.sdk.redaction import scrub, spellings

from tests.support.canary import CANARY
from tests.support.strange_exceptions import Endless, Unreadable


class Slotted(Exception):  # noqa: N818
    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True)
class FrozenError(Exception):
    key: str


@dataclass(frozen=True)
class Options:
    key: str
    others: tuple[Any, ...] = ()


def caused() -> Exception:
    error = RuntimeError("outside")
    error.__cause__ = ValueError(f"inside {CANARY}")
    error.__cause__.__context__ = error
    return error


def answered() -> Exception:
    response = requests.Response()
    response.request = requests.Request("POST", f"http://x/?apiKey={CANARY}", json={"k": CANARY}).prepare()
    response.request.headers["Authorization"] = CANARY
    response._content = CANARY.encode()
    return requests.HTTPError("no luck", response=response)


def noted() -> Exception:
    error = ValueError("no luck")
    error.__dict__["__notes__"] = [f"tried {CANARY}"]
    return error


EXCEPTIONS: dict[str, Callable[[], BaseException]] = {
    "in a dict": lambda: ValueError({"apiKey": [CANARY]}),
    "as a name in a dict": lambda: ValueError({CANARY: 1}),
    "in bytes": lambda: ValueError(CANARY.encode(), bytearray(CANARY.encode())),
    "in a tuple in a set": lambda: ValueError({(CANARY, 1)}),
    "in a dataclass": lambda: ValueError(Options("a", (Options(CANARY),))),
    "in an attribute": lambda: _with(ValueError("no luck"), config=Options(CANARY)),
    "in an exception in an attribute": lambda: _with(ValueError("no luck"), last=ValueError([CANARY])),
    "in an exception in a container": lambda: ValueError([{"e": ValueError(CANARY)}]),
    "in a slot": lambda: Slotted(CANARY),
    "in a frozen one": lambda: FrozenError(CANARY),
    "in a cycle of causes": caused,
    "in a response": answered,
    "in a note": noted,
    "in the name of a file": lambda: FileNotFoundError(2, "no such file", f"/keys/{CANARY}"),
    "in the code of an exit": lambda: SystemExit(f"key {CANARY}"),
    "in a decoding error": lambda: UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, "no"),
    "in base64": lambda: ValueError(base64.b64encode(f"user:{CANARY}".encode()).decode()),
    "in a list that contains itself": lambda: ValueError(_cycle()),
}


def _with(error: Exception, **attributes: Any) -> Exception:
    vars(error).update(attributes)
    return error


def _cycle() -> list[Any]:
    found: list[Any] = [CANARY]
    found.append(found)
    return found


@pytest.mark.parametrize("make", EXCEPTIONS.values(), ids=EXCEPTIONS.keys())
def test_a_key_in_an_exception_is_masked(make: Callable[[], BaseException]) -> None:
    error = make()
    scrub(error, spellings(CANARY))
    text = "".join(traceback.format_exception(error)) + f"{error} {error!r} {error.args!r} {vars(error)!r}"
    assert CANARY not in text
    try:
        assert CANARY.encode() not in pickle.dumps(error)
    except (TypeError, AttributeError, pickle.PicklingError):
        assert make.__name__ != "answered"


def test_a_group_s_exceptions_are_masked() -> None:
    if sys.version_info < (3, 11):
        pytest.skip("Python 3.10 has none")

    class Own(ExceptionGroup):  # noqa: F821
        @property
        def exceptions(self) -> Any:
            raise SystemExit

    inner = ValueError(CANARY)
    scrub(Own("some", [inner]), spellings(CANARY))
    assert str(inner) == "***"


@pytest.mark.parametrize("kind", [Unreadable, Endless], ids=["unreadable", "endless"])
def test_an_exception_of_any_make_does_no_harm(kind: type[BaseException]) -> None:
    error = kind(CANARY)
    error_behind = ValueError(CANARY)
    BaseException.__context__.__set__(error, error_behind)  # type: ignore[attr-defined]
    scrub(error, spellings(CANARY))
    assert str(error_behind) == "***"


def test_what_a_user_holds_is_not_changed() -> None:
    config, error = {"key": CANARY}, ValueError()
    error.args = (config,)
    scrub(error, spellings(CANARY))
    assert config == {"key": CANARY}
    assert error.args == ({"key": "***"},)


@pytest.mark.slow
def test_a_large_exception_is_searched_no_further_than_is_bearable() -> None:
    error = ValueError([[str(number)] for number in range(1_000_000)])
    scrub(error, spellings(CANARY))
    assert len(error.args[0]) == 1_000_000
