"""What an experiment is told at its start: where it comes from, its name, its source, its inputs."""

from __future__ import annotations

from ..log import logger
from ..names import CREATED_FROM
from ..sdk.comet_sdk import CometSDK
from ..sdk.experiments import is_resumed
from ..sdk.protocols import Experiment
from ..sdk.redaction import SDKLogFilter, masked
from ..sdk.settings import SettingsLayer
from .call_content import log_inputs, log_source
from .guard import guarded
from .plan import SessionPlan
from .start import Starter


def describe(
    experiment: Experiment,
    sdk: CometSDK,
    plan: SessionPlan,
    starter: Starter,
    layer: SettingsLayer,
    log_filter: SDKLogFilter,
) -> None:
    """Log what Flyte knows: Others, name, source and inputs. No failure of it fails the task."""
    what = "What Flyte knows about this task could not be logged to its Comet experiment"
    with guarded(what, lambda text: masked(text, log_filter.secrets)):
        resumed = is_resumed(experiment)
        experiment.log_others({**plan.others, CREATED_FROM: plan.login_kwargs.get("source") or "flyte"})
        if plan.name and not resumed and not _has_name(sdk, plan, layer):
            experiment.set_name(plan.name)
        log_inputs(experiment, plan, log_filter.secrets)
        if plan.source_file and (not resumed if starter.logs_code is None else starter.logs_code):
            log_source(experiment, plan, log_filter.secrets)


def _has_name(sdk: CometSDK, plan: SessionPlan, layer: SettingsLayer) -> bool:
    named = [sdk.setting(name) for name in ("comet.start.experiment_name", "comet.experiment_name")]
    named += [plan.config_arguments().get("name"), layer.environ.get("COMET_START_EXPERIMENT_NAME")]
    return any(isinstance(name, str) and name for name in named)


def announce(experiment: Experiment, sdk: CometSDK, plan: SessionPlan, starter: Starter) -> None:
    """Say in the log where the experiment is, in one line."""
    if starter.mode == "online":
        logger.info("Comet experiment: %s", experiment.url)
    elif starter.mode == "offline" and starter.cause is None:
        asked_for = plan.remote or sdk.setting("comet.api_key")
        logger.info(
            "Comet experiment, offline%s; %s.%s",
            "" if asked_for else ": no API key found",
            starter.where_the_archive_goes(experiment),
            "" if asked_for else " To go online, set COMET_API_KEY or run `comet login`.",
        )
