"""Saying in the log where an experiment is, or where its archive goes."""

from __future__ import annotations

from ..archives.store import local_upload_command
from ..log import logger
from ..sdk.experiments import offline_directory
from ..sdk.protocols import Experiment
from .plan import Mode, SessionPlan
from .shared import Shared


def announce(shared: Shared, experiment: Experiment, mode: Mode) -> None:
    """Say in one line where an experiment is.

    Args:
        shared: What the parts of the session share.
        experiment: The experiment.
        mode: Whether it is sent or written to an archive; of a disabled one nothing is said.
    """
    if mode == "online":
        logger.info("Comet experiment: %s", experiment.url)
    elif mode == "offline":
        asked_for = shared.plan.remote or shared.sdk.setting("comet.api_key")
        logger.info(
            "Comet experiment, offline%s; %s.%s",
            "" if asked_for else ": no API key found",
            where_the_archive_goes(shared.plan, experiment),
            "" if asked_for else " To go online, set COMET_API_KEY or run `comet login`.",
        )


def where_the_archive_goes(plan: SessionPlan, experiment: Experiment) -> str:
    """Say where the archive of an offline experiment will be, and how to send it."""
    if plan.store_archive is not None:
        return "it is stored with the task's data when the task ends"
    archive = f"{offline_directory(experiment)}/{experiment.get_key()}*.zip"
    return f"to send it, run `{local_upload_command(archive)}`"
