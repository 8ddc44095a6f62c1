"""What the control plane calls the pods of its nodes (`data/flyte_names.json`), and the keys that follow from it."""

from __future__ import annotations

import json
from typing import Any

from flytekitplugins.comet_ml.flyte1.identity import Identity
from flytekitplugins.comet_ml.keys.experiment_key import derive_experiment_key, generated_name
from flytekitplugins.comet_ml.keys.node_id import node_id

from tests.support import DATA

CASES: list[dict[str, Any]] = json.loads((DATA / "flyte_names.json").read_text())
VECTORS: list[dict[str, str]] = json.loads((DATA / "key_vectors.json").read_text())
"""Names and the keys that they give: these stand in the documentation as well, and must never change."""

ACTION_VECTORS: list[dict[str, str]] = json.loads((DATA / "action_key_vectors.json").read_text())
"""The same, for actions of Flyte 2."""

NAMES = {"workspace": "my-team", "project_name": "digits"}


def identity_of(case: dict[str, Any]) -> Identity:
    """What a pod knows of itself, from the control plane's names."""
    environment = case["env"]
    execution, attempt = environment["FLYTE_INTERNAL_EXECUTION_ID"], environment["FLYTE_ATTEMPT_NUMBER"]
    name = generated_name(execution, case["raw_output_prefix"], environment.get("HOSTNAME"))
    return Identity(
        local=False,
        task="train",
        execution=execution,
        project=environment["FLYTE_INTERNAL_EXECUTION_PROJECT"],
        domain=environment["FLYTE_INTERNAL_EXECUTION_DOMAIN"],
        node=name,
        node_id=node_id(execution, name, attempt, case["output_prefix"]),
        attempt=attempt,
    )


def derived_key(case: dict[str, Any], *, workspace: str = "my-team", project_name: str = "digits") -> str:
    """The key of a pod's attempt, by the public recipe."""
    environment = case["env"]
    execution = environment["FLYTE_INTERNAL_EXECUTION_ID"]
    return derive_experiment_key(
        flyte_project=environment["FLYTE_INTERNAL_EXECUTION_PROJECT"],
        flyte_domain=environment["FLYTE_INTERNAL_EXECUTION_DOMAIN"],
        execution=execution,
        generated_name=generated_name(execution, case["raw_output_prefix"], environment.get("HOSTNAME")),
        workspace=workspace,
        project_name=project_name,
    )
