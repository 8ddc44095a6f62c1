"""What an experiment is told at its start: where it comes from, its name, its source, its inputs."""

from __future__ import annotations

from ..names import CREATED_FROM
from ..sdk.experiments import is_resumed
from ..sdk.protocols import Experiment
from .call_content import log_inputs, log_source
from .shared import Shared
from .start import Starter


def describe(experiment: Experiment, starter: Starter) -> None:
    """Log what Flyte knows: Others, name, source and inputs. No failure of it fails the task."""
    shared, plan = starter.shared, starter.shared.plan
    with shared.guarded("What Flyte knows about this task could not be logged to its Comet experiment"):
        resumed = is_resumed(experiment)
        experiment.log_others({**plan.others, CREATED_FROM: plan.login_kwargs.get("source") or "flyte"})
        if not resumed and (name := _name(shared)):
            experiment.set_name(name)
        log_inputs(experiment, plan, shared.log_filter.secrets)
        if plan.source_file and (not resumed if starter.logs_code is None else starter.logs_code):
            log_source(experiment, plan, shared.log_filter.secrets)


def _name(shared: Shared) -> str | None:
    """The name to give it; None where it has the one that the user gave."""
    # The SDK itself gives this one only where it logs details of the system.
    if isinstance(name := shared.sdk.setting("comet.experiment_name"), str) and name:
        return name
    given = (
        shared.sdk.setting("comet.start.experiment_name"),
        shared.plan.config_arguments().get("name"),
        shared.layer.environ.get("COMET_START_EXPERIMENT_NAME"),
    )
    return None if any(isinstance(name, str) and name for name in given) else shared.plan.name
