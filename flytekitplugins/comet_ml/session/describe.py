"""What an experiment is told at its start: where it comes from, its name, its source, its inputs."""

from __future__ import annotations

from ..log import logger
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
        if plan.name and not resumed and not _has_name(shared):
            experiment.set_name(plan.name)
        log_inputs(experiment, plan, shared.log_filter.secrets)
        if plan.source_file and (not resumed if starter.logs_code is None else starter.logs_code):
            log_source(experiment, plan, shared.log_filter.secrets)


def _has_name(shared: Shared) -> bool:
    named = [shared.sdk.setting(name) for name in ("comet.start.experiment_name", "comet.experiment_name")]
    named += [shared.plan.config_arguments().get("name"), shared.layer.environ.get("COMET_START_EXPERIMENT_NAME")]
    return any(isinstance(name, str) and name for name in named)


def announce(experiment: Experiment, starter: Starter) -> None:
    """Say in the log where the experiment is, in one line."""
    if starter.mode == "online":
        logger.info("Comet experiment: %s", experiment.url)
    elif starter.mode == "offline" and starter.cause is None:
        asked_for = starter.shared.plan.remote or starter.shared.sdk.setting("comet.api_key")
        logger.info(
            "Comet experiment, offline%s; %s.%s",
            "" if asked_for else ": no API key found",
            starter.where_the_archive_goes(experiment),
            "" if asked_for else " To go online, set COMET_API_KEY or run `comet login`.",
        )
