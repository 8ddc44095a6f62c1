"""Keys of the scopes "node" and "execution": which pods share one, and which never do."""

from __future__ import annotations

import logging
import multiprocessing
import re
import sys
from typing import Any, get_args

import pytest
from flytekit.core.context_manager import FlyteContextManager
from flytekitplugins.comet_ml import CometLink, InvalidOptionError, comet_ml_login
from flytekitplugins.comet_ml.flyte1.identity import Identity, identify
from flytekitplugins.comet_ml.keys.experiment_key import (
    SCOPES,
    Scope,
    derive_execution_key,
    derive_experiment_key,
    derive_node_key,
    is_legal_key,
    link_suffix,
)
from flytekitplugins.comet_ml.keys.node_id import node_id, shortened
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.flyte_names import CASES, NAMES, identity_of
from tests.support.pod_environment import InPod
from tests.support.tracked import SECRET

OPTIONS: dict[str, Any] = {**NAMES, "secret": SECRET}
LONG = "train-resnet50-on-imagenet-with-lr-0001-seed77"


def key_of(case: dict[str, Any], scope: Scope) -> str:
    return identity_of(case).experiment_key(**NAMES, scope=scope)


# The node


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_a_pod_knows_the_node_id_that_the_templates_have(case: dict[str, Any]) -> None:
    found, _, index = str(identity_of(case).node_id).partition("/")
    assert found == case["template_vars"]["nodeId"]
    assert index == (case["env"]["FLYTE_K8S_ARRAY_INDEX"] if case["case"].startswith("legacy") else "")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_the_control_plane_s_hash_is_made_as_it_makes_it(case: dict[str, Any]) -> None:
    names = case["template_vars"]
    whole = f"{names['executionName']}-{names['nodeId']}-{names['taskRetryAttempt']}"
    if not case["case"].startswith("legacy"):
        assert shortened(whole, 50) == names["generatedName"]


def retry(case: dict[str, Any], number: int) -> dict[str, Any]:
    """The same node's attempt with another number, with the names that the control plane would give it."""
    names = case["template_vars"]
    last = shortened(f"{names['executionName']}-{names['nodeId']}-{number}", 50)
    return {
        **case,
        "env": {**case["env"], "FLYTE_ATTEMPT_NUMBER": str(number), "HOSTNAME": last},
        "raw_output_prefix": f"{case['raw_output_prefix'].rpartition('/')[0]}/{last}",
        "output_prefix": f"{case['output_prefix'].rpartition('/')[0]}/{number}",
    }


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case["case"].startswith("legacy")], ids=lambda case: case["case"]
)
def test_all_attempts_of_a_node_have_its_key(case: dict[str, Any]) -> None:
    assert {key_of(retry(case, number), "node") for number in (0, 1, 12)} == {key_of(case, "node")}
    assert len({key_of(retry(case, number), "attempt") for number in (0, 1, 12)}) == 3


@pytest.mark.parametrize(
    ("name", "attempt", "output_prefix", "expected"),
    [
        ("exec1-n0-0", "0", None, "n0"),
        ("exec1-n0-12", "12", None, "n0"),
        ("exec1-n0-0-dn1-3", "3", None, "n0-0-dn1"),
        ("exec1-n0-0/3/1", "0", None, "n0/3"),
        ("exec1-n0-1/3/0", "1", None, "n0/3"),
        # Host names, where the raw output prefix is somebody's own.
        ("exec1-n0-1-worker-0", "1", None, None),
        ("exec1", "0", None, None),
        ("exec1-0", "0", None, None),
        ("exec1-n0-0", None, None, None),
        ("fic64lyy", "0", None, None),
    ],
)
def test_a_node_is_told_from_its_attempt_or_not_at_all(
    name: str, attempt: str | None, output_prefix: str | None, expected: str | None
) -> None:
    assert node_id("exec1", name, attempt, output_prefix) == expected


@pytest.mark.parametrize(
    ("output_prefix", "expected"),
    [
        (f"s3://b/metadata/propeller/flytesnacks-development-{LONG}/n0/data/0", "n0"),
        (f"s3://b/metadata/propeller/flytesnacks-development-{LONG}/n0/data/0/", "n0"),
        (f"/anything/{LONG}/n0/data/0", "n0"),
        # Of another node, of another attempt, of another execution, and of no node.
        (f"s3://b/metadata/propeller/flytesnacks-development-{LONG}/n1/data/0", None),
        (f"s3://b/metadata/propeller/flytesnacks-development-{LONG}/n0/data/1", None),
        ("s3://b/metadata/propeller/flytesnacks-development-other/n0/data/0", None),
        (f"s3://b/metadata/propeller/flytesnacks-development-{LONG}", None),
        (f"s3://b/metadata/propeller/flytesnacks-development-{LONG}/n0/data/0/n1", None),
        ("", None),
        (None, None),
    ],
)
def test_a_hashed_name_needs_an_output_prefix_that_hashes_to_it(
    output_prefix: str | None, expected: str | None
) -> None:
    assert node_id(LONG, "fic64lyy", "0", output_prefix) == expected
    assert node_id(LONG, "fic64lyy/3/1", "0", output_prefix) == (f"{expected}/3" if expected else None)


def test_the_hashed_name_of_a_ray_cluster_is_found_too() -> None:
    execution = "my-training-with-a-name-of-fortythree-chars"
    name = shortened(f"{execution}-n0-0", 47)
    assert len(name) == 8
    assert node_id(execution, name, "0", f"s3://b/metadata/p-d-{execution}/n0/data/0") == "n0"


def test_a_map_task_s_nodes_in_a_long_execution_are_told_apart() -> None:
    found = {
        node_id(
            LONG,
            shortened(f"{LONG}-n0-0-n{index}-0", 50),
            "0",
            f"s3://b/metadata/flytesnacks-development-{LONG}/n0/data/0/{index}/0",
        )
        for index in range(3)
    }
    assert found == {"n0-0-n0", "n0-0-n1", "n0-0-n2"}


def test_a_node_that_cannot_be_told_has_an_experiment_for_each_attempt_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    identity = Identity(local=False, task="train", execution=LONG, project="p", domain="d", node="fic64lyy")
    assert identity.experiment_key(**NAMES, scope="node") == identity.experiment_key(**NAMES)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert 'scope="node" is as scope="attempt" here: the name of this pod (fic64lyy)' in caplog.text


def test_the_output_prefix_is_that_of_the_task_and_else_of_the_command_line(
    in_pod: InPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = f"s3://b/metadata/propeller/flytesnacks-development-{LONG}/n0/data/0"
    monkeypatch.setattr(sys, "argv", ["pyflyte-execute", "--inputs", "i", "--output-prefix", prefix])
    with in_pod("fic64lyy", FLYTE_INTERNAL_EXECUTION_ID=LONG):
        context = FlyteContextManager.current_context()
        assert context.user_space_params is not None
        assert identify(context, _environment(), task="t").node_id == "n0"
        context.user_space_params._output_metadata_prefix = prefix.replace("n0/", "n1/")
        assert identify(context, _environment(), task="t").node_id is None


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)


def test_a_spawned_process_has_its_parent_s_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    # Workers of torch Elastic are such processes; flytekit gives them no output prefix.
    monkeypatch.setattr(sys, "argv", ["pyflyte-execute", "--output-prefix", "s3://b/n0"])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_arguments) == sys.argv


def _arguments() -> list[str]:
    return sys.argv


# Which pods share a key


def test_all_pods_of_an_execution_have_its_key_and_no_others() -> None:
    executions = {case["env"]["FLYTE_INTERNAL_EXECUTION_ID"] for case in CASES}
    assert len({key_of(case, "execution") for case in CASES}) == len(executions)


def test_pods_of_different_nodes_have_different_keys() -> None:
    nodes = {
        (case["env"]["FLYTE_INTERNAL_EXECUTION_ID"], case["template_vars"]["nodeId"], identity_of(case).node_id)
        for case in CASES
    }
    assert len({key_of(case, "node") for case in CASES}) == len(nodes)


@pytest.mark.parametrize("scope", SCOPES)
def test_every_pod_has_a_key_that_comet_takes(scope: Scope) -> None:
    assert all(is_legal_key(key_of(case, scope)) for case in CASES)


def test_no_key_belongs_to_two_scopes() -> None:
    keys = {scope: {key_of(case, scope) for case in CASES} for scope in SCOPES}
    assert not keys["attempt"] & keys["node"]
    assert not keys["attempt"] & keys["execution"]
    assert not keys["node"] & keys["execution"]


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
MADE_UP = re.compile(r"[af][0-9a-z]{19}|f[a-z1-6]{13}")
made_up = st.sampled_from(["ahq8bl2jkbsf7wxd4mzn", "f3b0c44298fc1c149afb", "fnupkr1azh4pj3"]) | st.from_regex(
    MADE_UP, fullmatch=True
)
chosen = st.sampled_from(["run1", "nightlyrun7abcdefgh", "my-nightly-training-2024-05-01", LONG])
nodes = st.sampled_from(["n0", "n1", "dn0", "n12", "n0-0-n1", "train", "efn", "n0/3"]) | texts
places = st.sampled_from(["flytesnacks", "development", "production"])
# Of these pairs of workspace and project, the first two have one suffix in scope "attempt".
projects = st.sampled_from([("my-team", "digits"), ("team", "digits-my"), ("team", "digits"), ("my-team", "a/b & c")])
pods = st.tuples(places, places, made_up | chosen | texts, nodes, st.integers(0, 12).map(str), projects)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two pods that differ in some of their names."""
    first, second = draw(pods), draw(pods)
    second = tuple(mine if draw(st.booleans()) else yours for mine, yours in zip(first, second, strict=True))
    if first[2] == second[2] and MADE_UP.fullmatch(first[2]):
        # Such a name stands for one execution of one project and domain.
        second = (*first[:2], *second[2:])
    return first, second


def keys_of(pod: Any) -> dict[str, str]:
    flyte_project, flyte_domain, execution, node, attempt, (workspace, project_name) = pod
    names = {
        "flyte_project": flyte_project,
        "flyte_domain": flyte_domain,
        "execution": execution,
        "workspace": workspace,
        "project_name": project_name,
    }
    return {
        "attempt": derive_experiment_key(**names, generated_name=f"{execution}-{node}-{attempt}"),
        "node": derive_node_key(**names, node_id=node),
        "execution": derive_execution_key(**names),
    }


@settings(max_examples=500)
@given(pair=pairs())
def test_two_pods_share_exactly_the_keys_of_the_scopes_that_they_share(pair: Any) -> None:
    (*execution, node, attempt, project), (*other_execution, other_node, other_attempt, other_project) = pair
    mine, yours = keys_of(pair[0]), keys_of(pair[1])
    assert all(is_legal_key(key) for key in mine.values())
    one_execution = (execution, project) == (other_execution, other_project)
    one_node = one_execution and node == other_node
    assert (mine["execution"] == yours["execution"]) == one_execution
    assert (mine["node"] == yours["node"]) == one_node
    if execution[2] == other_execution[2] == "nightlyrun7abcdefgh" or project != other_project:
        # What the deployed template of scope "attempt" renders for both, as docs/experiment-keys.md says.
        return
    assert (mine["attempt"] == yours["attempt"]) == (one_node and attempt == other_attempt)


@settings(max_examples=500)
@given(pair=pairs())
def test_no_two_scopes_share_a_key(pair: Any) -> None:
    mine, yours = (keys_of(pod) for pod in pair)
    assert not any(mine[a] == yours[b] for a in SCOPES for b in SCOPES if a != b)


def test_the_scope_is_in_what_is_hashed() -> None:
    names = {"flyte_project": "p", "flyte_domain": "d", "execution": "run1", **NAMES}
    assert derive_node_key(**names, node_id="n0") != derive_experiment_key(**names, generated_name="n0")
    shifted = {**names, "flyte_domain": "run1", "execution": "n0"}
    assert derive_execution_key(**names) != derive_execution_key(**shifted)


@given(execution=made_up, node=nodes, other=nodes)
def test_nodes_of_one_execution_share_a_key_only_if_they_are_one(execution: str, node: str, other: str) -> None:
    first, second = [
        derive_node_key(flyte_project="p", flyte_domain="d", execution=execution, node_id=each, **NAMES)
        for each in (node, other)
    ]
    assert (first == second) == (node == other)


@given(first=st.tuples(texts, texts) | projects, second=st.tuples(texts, texts) | projects)
def test_projects_share_the_suffix_of_a_scope_only_if_they_are_one(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    for scope in ("node", "execution"):
        assert (link_suffix(*first, scope) == link_suffix(*second, scope)) == (first == second)


# The option


def test_each_scope_has_a_link_type_of_its_own_and_its_own_suffix() -> None:
    configs = [CometLink("digits", "my-team", scope=scope).config() for scope in SCOPES]
    assert [config["link_type"] for config in configs] == [
        "comet-ml-execution-id",
        "comet-ml-node-id",
        "comet-ml-whole-execution-id",
    ]
    assert [len(config["link_suffix"]) for config in configs] == [10, 18, 18]
    assert len({config["link_suffix"] for config in configs}) == 3


@pytest.mark.parametrize("scope", ["run", None, "", "Node"])
def test_a_scope_that_there_is_not_is_refused(scope: Any) -> None:
    with pytest.raises(InvalidOptionError, match="`scope` must be 'attempt' or 'node' or 'execution', not"):
        comet_ml_login(**OPTIONS, scope=scope)


@pytest.mark.parametrize("scope", ["node", "execution"])
def test_a_scope_with_a_given_key_is_refused(scope: Any) -> None:
    with pytest.raises(InvalidOptionError, match=f"scope='{scope}' derives .* experiment_key='k+' gives it"):
        comet_ml_login(**OPTIONS, scope=scope, experiment_key="k" * 32)
    comet_ml_login(**OPTIONS, scope="attempt", experiment_key="k" * 32)


def test_a_misspelt_scope_is_named() -> None:
    with pytest.raises(InvalidOptionError, match="Did you mean `scope`"):
        comet_ml_login(**OPTIONS, scopes="node")


def test_the_scopes_are_those_of_the_type() -> None:
    assert get_args(Scope) == SCOPES
