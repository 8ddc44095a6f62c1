"""Keys: legal, stable, distinct, and equal to the rendered link wherever that can be."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flytekitplugins.comet_ml.keys.experiment_key import (
    derive_execution_key,
    derive_experiment_key,
    derive_node_key,
    generated_name,
    hostname_key,
    is_legal_key,
    link_suffix,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.support.flyte_names import CASES, VECTORS, derived_key


def rendered_link(case: dict[str, Any], *, workspace: str = "my-team", project_name: str = "digits") -> str:
    names = case["template_vars"]
    return f"{names['executionName']}{names['nodeId']}{names['taskRetryAttempt']}{link_suffix(project_name, workspace)}"


def linked_directly(case: dict[str, Any]) -> bool:
    """The rule of the documentation, written down a second time: from the template's variables, not from the pod's."""
    names = case["template_vars"]
    plain = "-" not in names["nodeId"] and len(names["taskRetryAttempt"]) == 1
    unhashed = names["generatedName"] == f"{names['executionName']}-{names['nodeId']}-{names['taskRetryAttempt']}"
    legacy_map = re.search(r"/\d+/\d+$", case["raw_output_prefix"]) is not None
    return plain and unhashed and not legacy_map and re.fullmatch("[0-9A-Za-z]{32,50}", rendered_link(case)) is not None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_every_pod_has_a_key_that_comet_takes(case: dict[str, Any]) -> None:
    assert re.fullmatch("[0-9A-Za-z]{32,50}", derived_key(case))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_the_key_is_the_rendered_link_exactly_where_the_rule_says_so(case: dict[str, Any]) -> None:
    assert (derived_key(case) == rendered_link(case)) == linked_directly(case)


def test_one_pod_has_one_key_and_different_pods_have_different_keys() -> None:
    pods = {(case["env"]["FLYTE_INTERNAL_EXECUTION_ID"], case["raw_output_prefix"].split("/", 5)[5]) for case in CASES}
    assert len({derived_key(case) for case in CASES}) == len(pods)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_all_replicas_of_a_pod_have_the_same_key(case: dict[str, Any]) -> None:
    replica = {**case, "env": {**case["env"], "HOSTNAME": case["env"].get("HOSTNAME", "") + "-worker-7"}}
    assert derived_key(replica) == derived_key(case)


# The recipe is public.
RECIPES = {"attempt": derive_experiment_key, "node": derive_node_key, "execution": derive_execution_key}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['scope']} {vector['key']}")
def test_the_recipe_gives_what_it_always_gave(vector: dict[str, str]) -> None:
    names = {name: value for name, value in vector.items() if name not in ("scope", "key")}
    assert RECIPES[vector["scope"]](**names) == vector["key"]


def test_a_plain_node_has_the_text_that_the_deployed_template_renders() -> None:
    key = derive_experiment_key(
        flyte_project="flytesnacks",
        flyte_domain="development",
        execution="ahq8bl2jkbsf7wxd4mzn",
        generated_name="ahq8bl2jkbsf7wxd4mzn-n0-0",
        workspace="my-team",
        project_name="digits",
    )
    assert key == "ahq8bl2jkbsf7wxd4mznn00" + link_suffix("digits", "my-team")


@pytest.mark.parametrize(
    ("prefix", "hostname", "expected"),
    [
        ("s3://b/data/i4/exec1-n0-0", "exec1-n9-9", "exec1-n0-0"),
        ("s3://b/data/i4/exec1-n0-0/", None, "exec1-n0-0"),
        ("s3://b/data/i4/exec1-n0-0/3/1", None, "exec1-n0-0/3/1"),
        ("s3://b/data/i4/fic64lyy", None, "fic64lyy"),
        ("s3://b/data/i4/fic64lyy/3/1", None, "fic64lyy/3/1"),
        ("/tmp/my-own-prefix", "exec1-n0-0", "exec1-n0-0"),
        ("/tmp/my-own-prefix", "fic64lyy", "fic64lyy"),
        ("/tmp/my-own-prefix", "ip-10-0-12-34.ec2.internal", "exec1"),
        ("/tmp/exec10-n0-0", "exec10-n0-0", "exec1"),
        ("/tmp/exec1-n0-0/three/1", None, "exec1"),
        (None, None, "exec1"),
        ("", "", "exec1"),
    ],
)
def test_only_names_of_this_execution_are_trusted(prefix: str | None, hostname: str | None, expected: str) -> None:
    assert generated_name("exec1", prefix, hostname) == expected


def test_the_key_of_people_s_mocks_is_the_host_name_without_dashes() -> None:
    assert hostname_key("a-b-0", "digits", "my-team") == "ab0" + link_suffix("digits", "my-team")


@pytest.mark.parametrize(
    ("key", "legal"),
    [
        ("a" * 31, False),
        ("a" * 32, True),
        ("Z9" * 25, True),
        ("a" * 51, False),
        ("a" * 31 + "-", False),
        ("ä" * 32, False),
        ("٣" * 32, False),
        ("a" * 32 + "\n", False),
    ],
)
def test_a_key_is_32_to_50_ascii_letters_and_digits(key: str, legal: bool) -> None:
    assert is_legal_key(key) is legal


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(first=st.tuples(*[names] * 6), second=st.tuples(*[names] * 6))
def test_different_names_have_different_keys(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    arguments = ("flyte_project", "flyte_domain", "execution", "generated_name", "workspace", "project_name")
    keys = [derive_experiment_key(**dict(zip(arguments, pod, strict=True))) for pod in (first, second)]
    assert all(is_legal_key(key) for key in keys)
    assert (keys[0] == keys[1]) == (first == second)
