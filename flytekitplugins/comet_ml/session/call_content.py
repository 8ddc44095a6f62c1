"""What a session logs of a call by itself: its source, its inputs and what it returned."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from ..log import logger
from ..names import FLYTE_DATA, marked
from ..sdk.protocols import Experiment
from .plan import SessionPlan

_NAMES_SHOWN = 20
INPUTS_ASSET = "inputs.json"


def log_source(experiment: Experiment, plan: SessionPlan, secrets: Collection[str]) -> None:
    """Log the file of the task and the other files of its package, unless a secret stands in them.

    Args:
        experiment: The experiment.
        plan: The session's plan.
        secrets: Texts that must not be in anything.
    """
    if plan.source_file is None or experiment.disabled is True:
        return
    experiment.set_filename(plan.source_file)
    withheld = []
    for name, path in {plan.source_file: plan.source_file, **plan.source_files()}.items():
        try:
            code = Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError as problem:
            logger.debug("The source %s cannot be read: %s", name, problem)
            continue
        if any(secret in code for secret in secrets):
            withheld.append(name)
        elif path == plan.source_file:
            experiment.log_code(file_name=path)
        else:
            experiment.log_code(code=code, code_name=name)
    if withheld:
        logger.warning("The source is not logged of files with the Comet API key in them: %s.", _listed(withheld))


def log_inputs(experiment: Experiment, plan: SessionPlan, secrets: Collection[str]) -> None:
    """Log the inputs as parameters, and say what is left out.

    Args:
        experiment: The experiment.
        plan: The session's plan.
        secrets: Texts that must not be in anything.
    """
    if experiment.disabled is True:
        return
    report = plan.inputs(secrets)
    if report.parameters:
        experiment.log_parameters({marked(plan.mark, name): value for name, value in report.parameters.items()})
    if report.data is not None:
        experiment.log_others({marked(plan.mark, FLYTE_DATA): report.data})
    if report.asset is not None:
        name = marked(plan.mark, INPUTS_ASSET)
        experiment.log_asset_data(report.asset, name=name)
        logger.info("Not all inputs fit into parameters (number, depth, length, names): all are in the asset %s.", name)
    if report.left_out:
        logger.info("Inputs that are not logged as parameters: %s.", _listed(report.left_out))


def log_outputs(experiment: Experiment | None, plan: SessionPlan, returned: object, secrets: Collection[str]) -> None:
    """Log what the task returned, if the decorator was told to.

    Args:
        experiment: The session's experiment; None without one.
        plan: The session's plan.
        returned: What the task returned.
        secrets: Texts that must not be in anything.
    """
    if plan.outputs is None or experiment is None or experiment.disabled is True or not plan.primary:
        return
    report = plan.outputs(returned, secrets)
    if experiment.ended is True:
        logger.warning("What the task returned is not logged: its code has ended the Comet experiment.")
        return
    if report.metrics:
        experiment.log_metrics({marked(plan.mark, name): value for name, value in report.metrics.items()})
    if report.others:
        experiment.log_others({marked(plan.mark, name): value for name, value in report.others.items()})
    if report.left_out:
        logger.info("Outputs that are not logged, or not in full: %s.", _listed(report.left_out))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f", and {more} more" if more > 0 else "")
