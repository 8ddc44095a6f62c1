"""Experiment keys of Flyte 2: pure functions from the names of an action to the key of its experiment.

Flyte 2 renders a link's template itself (`runName`, `actionName`, `taskRetryAttempt`), and Comet takes keys of 32 to 50
ASCII letters and digits. The name of a run has 20 characters, its root action is `a0`, and the name of a child has up
to 25. So the key of a root action is a short prefix and all three names. That of a child is a longer prefix, which
stands for the run, and two names: a child is serialized where its run is known. A prefix is a digest. Where such a text
is no legal key, and for runs whose name a person chose, the key is a digest of everything.

What one experiment covers is its scope, as in Flyte 1: an attempt of an action, an action over all its attempts, or a
whole run.

The recipe is a public contract, described with test vectors in `docs/experiment-keys.md`.
"""

from __future__ import annotations

import re

from .experiment_key import Scope, digest, is_legal_key

KEY_RECIPE = "flytekitplugins-comet-ml/1/flyte2"
"""Version tag of the digests: the first element of what is hashed, followed by `/<scope>`."""

ROOT_ACTION = "a0"
"""Name of the first action of every run (Flyte's run service)."""

BEFORE_ATTEMPT = "A"
"""What stands before the attempt in a key. Names of actions have no capitals, so that none runs into the number."""

# Flyte's run service makes up "r" and 19 characters.
_MADE_UP_RUN = re.compile(r"r[0-9a-z]{19}")
_RUN_PREFIX_LENGTH = 14
_ACTION_PREFIX_LENGTH = 20


def run_prefix(scope: Scope, *, workspace: str, project_name: str) -> str:
    """What stands before the names in the key of a root action, or of a whole run.

    Args:
        scope: What the experiment covers.
        workspace: Comet workspace, as given to the decorator.
        project_name: Comet project, as given to the decorator.

    Returns:
        14 hex digits.
    """
    return digest(_tag(scope), workspace, project_name)[:_RUN_PREFIX_LENGTH]


def action_prefix(
    scope: Scope, *, flyte_project: str, flyte_domain: str, run: str, workspace: str, project_name: str
) -> str:
    """What stands before the names in the key of a child action: it stands for the run.

    Args:
        scope: What the experiment covers: "attempt" or "node".
        flyte_project: Flyte project of the run.
        flyte_domain: Flyte domain of the run.
        run: The run's name.
        workspace: Comet workspace, as given to the decorator.
        project_name: Comet project, as given to the decorator.

    Returns:
        20 hex digits.
    """
    return digest(_tag(scope), flyte_project, flyte_domain, run, workspace, project_name)[:_ACTION_PREFIX_LENGTH]


def derive_action_key(
    scope: Scope,
    *,
    flyte_project: str,
    flyte_domain: str,
    run: str,
    action: str,
    attempt: str,
    workspace: str,
    project_name: str,
) -> str:
    """The experiment key of one attempt of an action.

    Args:
        scope: What the experiment covers: this attempt, the action over all its attempts, or the whole run.
        flyte_project: Flyte project of the run.
        flyte_domain: Flyte domain of the run.
        run: The run's name.
        action: The action's name.
        attempt: Number of the attempt, from "0"; what templates have as `taskRetryAttempt`.
        workspace: Comet workspace, as given to the decorator.
        project_name: Comet project, as given to the decorator.

    Returns:
        A legal key: the text that the link's template renders where that can be right, else 40 hex digits.
    """
    comet = {"workspace": workspace, "project_name": project_name}
    flyte = {"flyte_project": flyte_project, "flyte_domain": flyte_domain, "run": run}
    if scope == "execution" or action == ROOT_ACTION:
        rendered = run_prefix(scope, **comet) + run_text(scope, run, action, attempt)
        if _MADE_UP_RUN.fullmatch(run) is None:
            # It may be used again, in another project or domain.
            rendered = ""
    else:
        rendered = action_prefix(scope, **flyte, **comet) + action_text(scope, action, attempt)
    if is_legal_key(rendered):
        return rendered
    names = {"attempt": [action, attempt], "node": [action], "execution": []}[scope]
    return digest(_tag(scope), flyte_project, flyte_domain, run, *names, workspace, project_name)


def run_text(scope: Scope, run: str, action: str, attempt: str) -> str:
    """What follows the prefix of a root action, or of a whole run: of names, or of a template's variables."""
    return f"{run}{action_text(scope, action, attempt)}"


def action_text(scope: Scope, action: str, attempt: str) -> str:
    """What follows the prefix of a child action: of names, or of a template's variables."""
    return {"attempt": f"{action}{BEFORE_ATTEMPT}{attempt}", "node": action, "execution": ""}[scope]


def _tag(scope: Scope) -> str:
    return f"{KEY_RECIPE}/{scope}"
