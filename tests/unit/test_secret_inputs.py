"""Secrets among the inputs: none that is known is logged, whatever it stands in."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from flytekit.types.file import FlyteFile
from flytekitplugins.comet_ml.inputs.report import input_report

from tests.support.inputs import SECRETS, Inner, Text, report


@pytest.mark.parametrize(
    "value",
    [
        "thekey",
        "Bearer thekey",
        "x" * 997 + "thekey",
        "x" * 20_000 + "thekey",
        {"a": "thekey"},
        {"thekey": 1},
        ["thekey"],
        {"thekey"},
        Inner(momentum="thekey"),  # type: ignore[arg-type]
        pathlib.Path("/data/thekey"),
        FlyteFile("s3://bucket/thekey"),
        Text("thekey"),
    ],
    ids=lambda value: repr(value)[:30] if not isinstance(value, Text) else "Text",
)
def test_no_known_secret_passes(value: Any) -> None:
    found = report(SECRETS, a=value, b="other")
    assert "thekey" not in str(found)
    assert found.parameters["b"] == "other"


def test_no_known_secret_passes_in_an_input_that_was_named() -> None:
    assert input_report({"a": "thekey"}, ["a"], SECRETS).left_out == ["a"]


def test_no_known_secret_passes_in_columns() -> None:
    pandas = pytest.importorskip("pandas")
    assert "thekey" not in str(report(SECRETS, a=pandas.DataFrame({"thekey": [1]})))


def test_a_text_that_looks_secret_is_logged_if_its_input_was_named() -> None:
    address = "postgresql://me:pass@host/db"
    assert input_report({"a": address}, ["a"], ()).parameters == {"a": address}
    assert input_report({"a": address}, True, ()).left_out == ["a"]
