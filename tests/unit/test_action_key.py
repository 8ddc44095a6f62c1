"""Keys of Flyte 2's actions: legal, stable, distinct."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flytekitplugins.comet_ml.keys.action_key import derive_action_key
from flytekitplugins.comet_ml.keys.experiment_key import SCOPES, Scope, is_legal_key
from hypothesis import given
from hypothesis import strategies as st

from tests.support import ROOT
from tests.support.flyte_names import ACTION_VECTORS

names = st.text(max_size=30)
made_up_runs = st.from_regex(r"r[bcdfghjklmnpqrstvwx2-9]{19}", fullmatch=True)
actions = st.one_of(st.just("a0"), st.from_regex(r"[0-9a-z]{1,25}", fullmatch=True), names)
every_name = st.fixed_dictionaries(
    {
        "flyte_project": names,
        "flyte_domain": names,
        "run": st.one_of(made_up_runs, names),
        "action": actions,
        "attempt": st.integers(0, 99_999).map(str),
        "workspace": names,
        "project_name": names,
    }
)


@pytest.mark.parametrize("vector", ACTION_VECTORS, ids=lambda vector: f"{vector['scope']} {vector['key']}")
def test_the_recipe_gives_what_it_always_gave(vector: dict[str, Any]) -> None:
    assert derive_action_key(**{name: value for name, value in vector.items() if name != "key"}) == vector["key"]


@pytest.mark.parametrize("vector", ACTION_VECTORS, ids=lambda vector: f"{vector['scope']} {vector['key']}")
def test_every_vector_stands_in_the_documentation(vector: dict[str, str]) -> None:
    row = f"| {' | '.join(vector.values())} |"
    assert row in (ROOT / "docs" / "experiment-keys.md").read_text()


@given(every_name, st.sampled_from(SCOPES))
def test_every_action_has_a_key_that_comet_takes(values: dict[str, str], scope: Scope) -> None:
    assert re.fullmatch("[0-9A-Za-z]{32,50}", derive_action_key(scope, **values))


@given(every_name, every_name, st.sampled_from(SCOPES))
def test_different_actions_have_different_keys(one: dict[str, str], other: dict[str, str], scope: Scope) -> None:
    # Made-up names of runs are taken to be unique, whatever the Flyte project.
    shared = {"attempt": (), "node": ("attempt",), "execution": ("action", "attempt")}[scope]
    told_apart = [name for name in one if name not in (*shared, "flyte_project", "flyte_domain")]
    same = all(one[name] == other[name] for name in told_apart)
    if not same:
        assert derive_action_key(scope, **one) != derive_action_key(scope, **other)


@given(every_name)
def test_the_scopes_never_meet(values: dict[str, str]) -> None:
    assert len({derive_action_key(scope, **values) for scope in SCOPES}) == len(SCOPES)


@pytest.mark.parametrize(("action", "attempt"), [("x" * 24 + "1", "0"), ("x" * 24, "10"), ("x" * 24 + "10", "0")])
def test_an_attempt_does_not_run_into_the_action_s_name(action: str, attempt: str) -> None:
    flyte = {"flyte_project": "p", "flyte_domain": "d", "run": "rbcdfghjklmnpqrstvwx"}
    key = derive_action_key("attempt", **flyte, action=action, attempt=attempt, workspace="w", project_name="p")
    assert is_legal_key(key)
    assert key.endswith(f"{action}A{attempt}") or len(key) == 40
