"""The end of a session: what began during the call is ended, and Comet shows how the task ended."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection
from typing import Any

from . import sdk as comet
from .log import logger
from .plan import SessionPlan
from .redaction import masked
from .running import Slot, began_during

_MESSAGE_LENGTH = 1000


def end_session(
    sdk: Any, slot: Slot, plan: SessionPlan, own: Any, error: BaseException | None, secrets: Collection[str]
) -> None:
    """End the experiments of a call. No failure of it fails the task: it is logged.

    Args:
        sdk: The `comet_ml` module.
        slot: The call's place of a running experiment.
        plan: What the session was to do.
        own: The experiment that the session started.
        error: What the body raised, if it did.
        secrets: Texts that must not be in what is logged.
    """
    failure = _failure(error)
    for experiment in began_during(sdk, slot):
        if experiment.ended:
            continue
        # An archive cannot say how it ended, and a disabled experiment has nobody to say it to.
        reports = failure is not None and experiment.alive and not comet.is_offline(experiment)
        if experiment is not own:
            _attempt(lambda: _claim(experiment, own, plan), experiment, secrets)  # noqa: B023 - called at once
        if failure is not None:
            _attempt(lambda: _log_failure(experiment, failure, secrets), experiment, secrets)  # noqa: B023
        _attempt(experiment.end, experiment, secrets)
        if reports:
            _attempt(lambda: _report_crash(sdk, experiment), experiment, secrets)  # noqa: B023


def _attempt(step: Callable[[], None], experiment: Any, secrets: Collection[str]) -> None:
    """Do one step of the end; if it fails, the others are done all the same."""
    try:
        step()
    except Exception as problem:
        logger.warning(
            "The Comet experiment %s did not end cleanly: %s",
            experiment.get_key(),
            masked(f"{type(problem).__name__}: {problem}", secrets),
        )


def _report_crash(sdk: Any, experiment: Any) -> None:
    # The SDK reports a crash only through sys.excepthook, and every other end as "finished".
    sdk.APIExperiment(previous_experiment=experiment.get_key()).set_state("crashed")


def _failure(error: BaseException | None) -> BaseException | None:
    """The exception by which a task failed; `sys.exit()` and `sys.exit(0)` are no failure."""
    return None if isinstance(error, SystemExit) and error.code in (None, 0) else error


def _log_failure(experiment: Any, error: BaseException, secrets: Collection[str]) -> None:
    experiment.log_others(
        {
            "flyte_status": "failed",
            "flyte_error_type": type(error).__name__,
            "flyte_error_message": masked(str(error), secrets)[:_MESSAGE_LENGTH],
        }
    )
    text = masked("".join(traceback.format_exception(error)), secrets)
    experiment.log_asset_data(text, name="traceback.txt", overwrite=True)


def _claim(experiment: Any, own: Any, plan: SessionPlan) -> None:
    """Say where an experiment that the body started comes from, and that it is another one than the task's."""
    try:
        experiment.get_other("flyte_task")
    except KeyError:
        # The SDK logs the exported ones only where it logs the environment.
        experiment.log_others(dict(plan.others))
    if own is not None and experiment.get_key() != own.get_key():
        logger.warning(
            "The task started a Comet experiment of its own, %s, beside the one that was started for it, %s. To log to "
            "that one, use comet_ml.start() or comet_ml.get_running_experiment(); to start only your own, decorate "
            "with start=False.",
            experiment.get_key(),
            own.get_key(),
        )
