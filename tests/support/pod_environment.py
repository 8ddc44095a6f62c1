"""The environment of a pod, as the control plane sets it up (`data/flyte_names.json`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

SECRET_VARIABLE = "_FSEC_COMET-ML_COMET-ML-API-KEY"
"""Where a pod has the API key that the tests' tasks ask for."""

POD_ENVIRONMENT: Mapping[str, str] = {
    "HOSTNAME": "ahq8bl2jkbsf7wxd4mzn-n0-0",
    "FLYTE_ATTEMPT_NUMBER": "0",
    "FLYTE_EXECUTION_URL": "https://flyte.example.com/console/projects/flytesnacks/domains/development/executions/"
    "ahq8bl2jkbsf7wxd4mzn/nodeId/n0/nodes",
    "FLYTE_INTERNAL_EXECUTION_ID": "ahq8bl2jkbsf7wxd4mzn",
    "FLYTE_INTERNAL_EXECUTION_PROJECT": "flytesnacks",
    "FLYTE_INTERNAL_EXECUTION_DOMAIN": "development",
    "FLYTE_INTERNAL_EXECUTION_WORKFLOW": "flytesnacks:development:my_pkg.workflows.wf",
    "FLYTE_INTERNAL_TASK_PROJECT": "flytesnacks",
    "FLYTE_INTERNAL_TASK_DOMAIN": "development",
    "FLYTE_INTERNAL_TASK_NAME": "my_pkg.workflows.train",
    "FLYTE_INTERNAL_TASK_VERSION": "v1",
}
"""A plain node's pod."""

InPod = Callable[..., AbstractContextManager[None]]
"""The fixture `in_pod`."""
