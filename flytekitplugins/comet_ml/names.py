"""Names on which several places must agree: link types, config keys, Others, and how a run ended."""

from __future__ import annotations

from typing import Literal

COMET_SERVICE = "https://www.comet.com"
"""Comet's own service."""

# The link in a task template: a contract with the platforms' `dynamic-log-links`, which are deployed.

EXECUTION_LINK_TYPE = "comet-ml-execution-id"
"""Link type whose key the console renders from execution name, node id, attempt and suffix."""

CUSTOM_LINK_TYPE = "comet-ml-custom-id"
"""Link type whose key stands in the task's config."""

NODE_LINK_TYPE = "comet-ml-node-id"
"""Link type of scope "node": the console renders the key from execution name, suffix and node id."""

WHOLE_EXECUTION_LINK_TYPE = "comet-ml-whole-execution-id"
"""Link type of scope "execution": the console renders the key from execution name and suffix."""

LINK_TYPE_KEY = "link_type"
PROJECT_NAME_KEY = "project_name"
WORKSPACE_KEY = "workspace"
EXPERIMENT_KEY_KEY = "experiment_key"
LINK_SUFFIX_KEY = "link_suffix"
HOST_KEY = "host"

CONFIG_KEYS = {
    "LINK_TYPE_KEY": LINK_TYPE_KEY,
    "COMET_ML_PROJECT_NAME_KEY": PROJECT_NAME_KEY,
    "COMET_ML_WORKSPACE_KEY": WORKSPACE_KEY,
    "COMET_ML_EXPERIMENT_KEY_KEY": EXPERIMENT_KEY_KEY,
    "COMET_ML_URL_SUFFIX_KEY": LINK_SUFFIX_KEY,
    "COMET_ML_HOST_KEY": HOST_KEY,
}
"""The names of the config keys, as attributes of a decorated function."""

# Comet's Others, by which an experiment says where it comes from and how its task ended.

FLYTE_EXECUTION = "flyte_execution"
FLYTE_PROJECT = "flyte_project"
FLYTE_DOMAIN = "flyte_domain"
FLYTE_WORKFLOW = "flyte_workflow"
FLYTE_EXECUTION_URL = "flyte_execution_url"
FLYTE_NODE = "flyte_node"
FLYTE_ATTEMPT = "flyte_attempt"
FLYTE_TASK = "flyte_task"
FLYTE_RUN = "flyte_run"
FLYTE_ACTION = "flyte_action"
FLYTE_TASK_VERSION = "flyte_task_version"
FLYTE_MAP_INDEX = "flyte_map_index"
"""Which element of its list a node of a map task works on, from 0."""
FLYTE_LOCAL_RUN = "flyte_local_run"
"""What the experiments of one local run have in common: an identifier that this plugin makes up for it."""
FLYTE_DATA = "flyte_data"
"""Where a task's files, data sets and frames come from and what they look like, as JSON."""
FLYTE_PREVIOUS_EXPERIMENT = "flyte_previous_experiment"
FLYTE_OTHER_EXPERIMENTS = "flyte_other_experiments"
"""Keys of the experiments that the task opened beside or after the one that its node links to."""
FLYTE_STATUS = "flyte_status"
FLYTE_ERROR_TYPE = "flyte_error_type"
FLYTE_ERROR_MESSAGE = "flyte_error_message"
FLYTE_FAILED_RANK = "flyte_failed_rank"
FLYTE_ARCHIVE_PREFIX = "flyte_archive_"
"""Before a digest: the archive with that digest was sent to the experiment."""
FLYTE_ARTIFACT_PREFIX = "flyte_artifact_"
"""Before the id of an artifact that a run logged offline: it was made. Its value is name, version, and Comet's id."""

TRACEBACK = "traceback.txt"
"""Name of the asset with the traceback of a task that failed."""
CREATED_FROM = "Created from"
"""Comet's own Other for the tool that made an experiment."""

Status = Literal["running", "finished", "failed", "terminated"]
"""How a task goes or went: it raised (failed), or its process was told to stop (terminated)."""

CometState = Literal["running", "finished", "crashed"]
"""The state of an experiment, as `comet_ml.APIExperiment.set_state` takes it."""


def known_status(status: object, otherwise: Status) -> Status:
    """A status as an experiment's Other has it; another one if it is none of a run that has ended."""
    ended: tuple[Status, ...] = ("failed", "terminated", "finished")
    return next((each for each in ended if each == status), otherwise)


def crashed(status: object) -> bool:
    """Whether a status, as an experiment's Other has it, is one that Comet shows as crashed."""
    return status in ("failed", "terminated")


def marked(mark: str | None, name: str) -> str:
    """The name of a parameter or Other of one node in an experiment that several share: ``n0/epochs``."""
    return f"{mark}/{name}" if mark else name


def mark_of(others: object) -> str | None:
    """What a node's run has before its names, in an experiment that it shares with other nodes: ``n0``.

    Args:
        others: The names of the run's Others.
    """
    names = map(str, others)  # type: ignore[call-overload]
    return next((name.removesuffix(f"/{FLYTE_NODE}") for name in names if name.endswith(f"/{FLYTE_NODE}")), None)


def unmarked(mark: str | None, name: str) -> str:
    """A name without the mark of its node, the opposite of `marked`."""
    return name.removeprefix(f"{mark}/") if mark else name
