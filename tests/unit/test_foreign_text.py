"""Text that others have made is printable, bounded and always there."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from flytekitplugins.comet_ml.foreign_text import MESSAGE_LENGTH, TRACEBACK_LENGTH, described, printable

from tests.support.strange_exceptions import Endless, Unreadable


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plain ä 🚀 日本", "plain ä 🚀 日本"),
        ("a\u00a0b\u3000c", "a\u00a0b\u3000c"),
        ("\x1b[31m\x9b1m", "\\x1b[31m\\x9b1m"),
        ("\u202e\u2066\u200b\ufeff", "\\u202e\\u2066\\u200b\\ufeff"),
        ("a\nb\rc\td\x85e\u2028f", "a\\nb\\rc\\td\\x85e\\u2028f"),
        ("\ud800 \0 \x7f", "\\ud800 \\x00 \\x7f"),
    ],
)
def test_what_a_terminal_would_act_on_is_spelled_out(text: str, told: str) -> None:
    assert printable(text) == told


def test_line_breaks_and_tabs_stay_where_they_may() -> None:
    assert printable("a\n\tb\r\x1b", lines=True) == "a\n\tb\\r\\x1b"


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def test_an_exception_is_described_as_python_prints_it() -> None:
    def fail() -> None:
        try:
            raise KeyError("inner")
        except KeyError as cause:
            raise ValueError("outer\nline") from cause

    with pytest.raises(ValueError, match="outer") as caught:
        fail()
    description = described(caught.value)
    assert description[:2] == ("ValueError", "outer\nline")
    assert str(description) == "ValueError: outer\\nline"
    inner, _, outer = description.traceback.partition("The above exception was the direct cause")
    assert "KeyError: 'inner'" in inner
    assert 'raise KeyError("inner")' in inner
    assert outer.endswith("ValueError: outer\nline\n")


@pytest.mark.parametrize("kind", [Unreadable, Endless], ids=["unreadable", "endless"])
def test_an_exception_of_any_make_is_described(kind: type[BaseException]) -> None:
    description = described(raised(kind()))
    assert description.type == ("Unreadable" if kind is Unreadable else "Endless")
    assert "Traceback (most recent call last)" in description.traceback
    if kind is Unreadable:
        assert description.message == "(no message: its __str__ raised SystemExit)"


def test_a_description_has_a_bounded_length() -> None:
    description = described(raised(ValueError("ä" * 5_000_000)))
    assert len(description.message) == MESSAGE_LENGTH
    assert len(description.traceback) <= TRACEBACK_LENGTH


def test_what_is_masked_is_masked_before_anything_is_cut_off() -> None:
    error = ValueError("x" * (MESSAGE_LENGTH - 3) + "secret")
    description = described(error, lambda text: text.replace("secret", "***"))
    assert description.message.endswith("x***")
    assert "sec" not in "".join(description)


def test_a_long_chain_comes_to_an_end() -> None:
    error: BaseException = ValueError("first")
    for number in range(5_000):
        later = ValueError(str(number))
        later.__cause__, error = error, later
    assert described(error).traceback.endswith("ValueError: 4999\n")


def test_a_chain_that_goes_round_comes_to_an_end() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one
    assert described(one).traceback.count("ValueError: one") == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no groups")
def test_a_group_is_described_with_its_exceptions_to_a_bounded_depth() -> None:
    group: Any = ValueError("innermost")
    for number in range(4):
        group = ExceptionGroup(str(number), [group] * 30)  # noqa: F821
    text = described(group).traceback
    assert "ValueError: innermost" in text
    assert len(text) <= TRACEBACK_LENGTH


def test_a_deep_recursion_is_told_by_its_last_frames() -> None:
    def deeper(depth: int) -> None:
        deeper(depth + 1)

    with pytest.raises(RecursionError) as caught:
        deeper(0)
    text = described(caught.value).traceback
    assert "frames more" in text
    assert "RecursionError: maximum recursion depth exceeded" in text
    assert len(text) < 10_000
