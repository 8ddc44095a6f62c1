"""An experiment that the body opens while Comet is away: it is written to an archive, as the task's own would be."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from ..log import logger
from . import answers, refusals
from .call import Call, directly, in_no_file, within
from .protocols import Experiment, Keywords


@in_no_file
def online_or_offline(
    call: Call, online: Callable[[], Experiment], offline: Callable[[], Experiment | None], api_key: object
) -> Experiment:
    """Open an experiment, offline if Comet is away or there is no API key.

    Args:
        call: The call that the body is in.
        online: Opens it as the body asks.
        offline: Opens it offline; gives None if it cannot be.
        api_key: The API key that the body gives, if it does.

    Raises:
        BaseException: What `online` raises, unless Comet is away.
    """
    fallback = call.fallback
    if fallback is None:
        return online()
    if fallback.is_away or (api_key is None and not _is_there_a_key()):
        return offline() or online()
    experiment, problem, before = None, None, answers.number()
    with fallback.trying() as heard:
        try:
            experiment = online()
        except Exception as error:
            problem = error
    if experiment is not None and (experiment.alive or experiment.disabled):
        fallback.be_patient(experiment)
        return experiment
    causes = [each for each in (problem, *heard) if each is not None]
    refused = next(filter(refusals.is_refusal, causes), None)
    if refused is None and (answers.number() > before or any(map(refusals.is_outage, causes))):
        # As at the start of the session: it was asked, and what is no refusal is an outage.
        if experiment is not None:
            call.forget(experiment)
        # The SDK would end what is running.
        with call.set_aside():
            instead = offline()
        if instead is not None:
            logger.warning(
                "Comet cannot be reached (%s): the experiment %s, which the task opens, is written to an archive.",
                fallback.masked(refusals.described(causes[0]) if causes else "it has not started the experiment"),
                instead.get_key(),
            )
            return instead
    if problem is not None:
        raise problem
    assert experiment is not None
    if call.tells(f"not started {experiment.get_key()}"):
        logger.warning(
            "Comet has not started the experiment %s, which the task opens (%s): what is logged to it is lost.",
            experiment.get_key(),
            fallback.masked(refusals.described(refused)) if refused is not None else "the SDK does not say why",
        )
    return experiment


def _is_there_a_key() -> bool:
    return bool(importlib.import_module("comet_ml").get_config("comet.api_key"))


@in_no_file
def opened_offline(call: Call, given: Keywords) -> Experiment:
    """An offline experiment for the arguments of an online one.

    Args:
        call: The call that the body is in.
        given: The arguments, by name.
    """
    import comet_ml

    previous = given.get("previous_experiment")
    kind: Any = comet_ml.OfflineExperiment if previous is None else comet_ml.ExistingOfflineExperiment
    parameters = inspect.signature(kind.__init__).parameters
    with directly(), within(call):
        experiment: Experiment = kind(**{name: value for name, value in given.items() if name in parameters})
    return experiment
