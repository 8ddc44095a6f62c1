"""Experiment keys: pure functions from the names that Flyte gives to a pod to the key of its experiment.

Two rules meet here. A Comet experiment key is 32 to 50 ASCII letters and digits (Comet). And platforms have deployed a
link template that renders `{executionName}{nodeId}{taskRetryAttempt}{link_suffix}` (Flyte's control plane). So the key
is that text if the text is a legal key. Everywhere else (sub-workflows, ``@dynamic``, map tasks, names with dashes,
names that are too short or too long) the key is a digest of everything that tells one pod from another.

What one experiment covers is its scope: an attempt (as above), a node over all its attempts, or a whole execution.
The texts and digests of different scopes have different tags in them, so that they never meet.

The recipe is a public contract, described with test vectors in `docs/experiment-keys.md`: changing what these
functions return for the same names sends people's links to nowhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Literal

Scope = Literal["attempt", "node", "execution"]
"""What one experiment covers: an attempt of a node, a node over all its attempts, or a whole execution."""

SCOPES: tuple[Scope, ...] = ("attempt", "node", "execution")

KEY_RECIPE = "flytekitplugins-comet-ml/1"
"""Version tag of the digest: the first element of what is hashed, followed by `/<scope>` unless that is "attempt"."""

_LEGAL_KEY = re.compile(r"[0-9A-Za-z]{32,50}")
# The control plane shortens a name that is too long to "f" and the base32 text of a 32-bit hash (7 characters).
_HASHED_NAME = re.compile(r"f[a-z1-6]{7}")
_NUMBER = re.compile(r"[0-9]+")
# Names of executions that Flyte makes up: one by a person or a schedule, and one of a child launch plan.
_MADE_UP_NAME = re.compile(r"[af][0-9a-z]{19}|f[a-z1-6]{13}")
_SUFFIX_LENGTH = 18


def is_legal_key(key: str) -> bool:
    """Whether Comet accepts a text as an experiment key: 32 to 50 ASCII letters and digits."""
    return _LEGAL_KEY.fullmatch(key) is not None


def link_suffix(project_name: str, workspace: str, scope: Scope = "attempt") -> str:
    """The part of a rendered key that stands for a Comet project and workspace.

    It is part of the deployed link contract. It keeps two decorators with different projects apart in one execution.

    Args:
        project_name: Comet project.
        workspace: Comet workspace.
        scope: What the experiment covers.

    Returns:
        10 hex digits for "attempt". 18 for the others, whose keys have fewer names in them: with them, an execution's
        name of 14 or 20 characters makes a legal key.
    """
    if scope == "attempt":
        return hashlib.shake_256(f"{project_name}-{workspace}".encode()).hexdigest(5)
    return _digest(scope, workspace, project_name)[:_SUFFIX_LENGTH]


def hostname_key(hostname: str, project_name: str, workspace: str) -> str:
    """The key that earlier releases derived: a host name without its dashes, and the link suffix.

    It is not checked: a host name can give a text that Comet refuses.
    """
    return f"{hostname.replace('-', '')}{link_suffix(project_name, workspace)}"


def generated_name(execution: str, raw_output_prefix: str | None, hostname: str | None) -> str:
    """The name that the control plane generated for this pod, or the nearest thing that can be trusted.

    Args:
        execution: The execution's name (`FLYTE_INTERNAL_EXECUTION_ID`).
        raw_output_prefix: Where the pod writes its data: `<base>/<shard>/<generated name>`, and
            `<base>/<shard>/<generated name>/<index>/<subtask attempt>` for map tasks of the legacy, pre-ArrayNode kind.
        hostname: The pod's host name, which usually is the generated name, with a suffix for replicas of a job.

    Returns:
        The generated name; followed by `/<index>/<subtask attempt>` for a legacy map task. The execution's name where
        neither the prefix nor the host name belongs to the execution (people's own prefixes, hostNetwork pods).
    """
    segments = (raw_output_prefix or "").rstrip("/").split("/")
    if _belongs_to(execution, segments[-1]):
        return segments[-1]
    if len(segments) > 2 and _belongs_to(execution, segments[-3]):
        index, subtask_attempt = segments[-2:]
        if _NUMBER.fullmatch(index) and _NUMBER.fullmatch(subtask_attempt):
            return "/".join(segments[-3:])
    if hostname and _belongs_to(execution, hostname):
        return hostname
    return execution


def previous_attempt(generated_name: str, attempt: str) -> str | None:
    """The generated name of the attempt before.

    Args:
        generated_name: What `generated_name` returns for the pod.
        attempt: Number of the attempt (`FLYTE_ATTEMPT_NUMBER`).

    Returns:
        The name; None for a first attempt, and for names that the control plane has hashed.
    """
    head, separator, number = generated_name.rpartition("/" if "/" in generated_name else "-")
    # Subtasks of a legacy map task count their own attempts.
    counted = "/" in generated_name or number == attempt
    if not separator or not counted or not _NUMBER.fullmatch(number) or int(number) == 0:
        return None
    return f"{head}{separator}{int(number) - 1}"


def derive_experiment_key(
    *, flyte_project: str, flyte_domain: str, execution: str, generated_name: str, workspace: str, project_name: str
) -> str:
    """The experiment key of one pod.

    Args:
        flyte_project: Flyte project of the execution.
        flyte_domain: Flyte domain of the execution.
        execution: The execution's name.
        generated_name: What `generated_name` returns for the pod.
        workspace: Comet workspace, as given to the decorator.
        project_name: Comet project, as given to the decorator.

    Returns:
        A legal key: the text that the deployed link template renders where that can be right, else 40 hex digits.
    """
    plain_node = re.fullmatch(rf"{re.escape(execution)}-([^-/]+)-([0-9])", generated_name)
    if plain_node:
        rendered = f"{execution}{plain_node[1]}{plain_node[2]}{link_suffix(project_name, workspace)}"
        if is_legal_key(rendered):
            return rendered
    return _digest("attempt", flyte_project, flyte_domain, execution, generated_name, workspace, project_name)


def derive_node_key(
    *, flyte_project: str, flyte_domain: str, execution: str, node_id: str, workspace: str, project_name: str
) -> str:
    """The experiment key of a node, for all its attempts.

    Args:
        flyte_project: Flyte project of the execution.
        flyte_domain: Flyte domain of the execution.
        execution: The execution's name.
        node_id: What `node_id.node_id` returns for the pod.
        workspace: Comet workspace, as given to the decorator.
        project_name: Comet project, as given to the decorator.

    Returns:
        A legal key: the text that the link template renders where that can be right, else 40 hex digits.
    """
    rendered = f"{execution}{link_suffix(project_name, workspace, 'node')}{node_id}"
    if _MADE_UP_NAME.fullmatch(execution) and is_legal_key(rendered):
        return rendered
    return _digest("node", flyte_project, flyte_domain, execution, node_id, workspace, project_name)


def derive_execution_key(
    *, flyte_project: str, flyte_domain: str, execution: str, workspace: str, project_name: str
) -> str:
    """The experiment key of a whole execution.

    Args:
        flyte_project: Flyte project of the execution.
        flyte_domain: Flyte domain of the execution.
        execution: The execution's name.
        workspace: Comet workspace, as given to the decorator.
        project_name: Comet project, as given to the decorator.

    Returns:
        A legal key: the text that the link template renders where that can be right, else 40 hex digits.
    """
    # A name that people chose can be used again, in another project or domain; nothing of these is in the template.
    if _MADE_UP_NAME.fullmatch(execution):
        return f"{execution}{link_suffix(project_name, workspace, 'execution')}"
    return _digest("execution", flyte_project, flyte_domain, execution, workspace, project_name)


def _digest(scope: Scope, *names: str) -> str:
    return digest(KEY_RECIPE if scope == "attempt" else f"{KEY_RECIPE}/{scope}", *names)


def digest(*names: str) -> str:
    """The digest of a list of names: 40 hex digits of SHA-256.

    Args:
        names: The names; the first is the tag that says what the digest is for.
    """
    # JSON without blanks and without ASCII escapes is byte for byte what JSON.stringify gives in a browser.
    text = json.dumps(names, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def _belongs_to(execution: str, name: str) -> bool:
    return name == execution or name.startswith(f"{execution}-") or _HASHED_NAME.fullmatch(name) is not None
