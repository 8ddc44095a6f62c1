"""What kind an experiment is, and what is particular to it beyond the SDK's public functions."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..log import logger
from .arguments import EXPERIMENT_CONFIG_ARGUMENTS
from .protocols import Experiment


def arguments_of_config(config: Any) -> dict[str, Any]:
    """The arguments that a `comet_ml.ExperimentConfig` was made with, as far as they are not the defaults.

    It is no dataclass: its attributes are its arguments, all but one under their own names.
    """
    fresh, names = type(config)(), {name: name for name in EXPERIMENT_CONFIG_ARGUMENTS} | {"disabled": "_disabled"}
    return {
        argument: getattr(config, name)
        for argument, name in names.items()
        if getattr(config, name) != getattr(fresh, name)
    }


def is_resumed(experiment: Experiment) -> bool:
    """Whether an experiment existed before it was started."""
    return type(experiment).__name__.startswith("Existing")


def is_offline(experiment: Experiment) -> bool:
    """Whether an experiment is written to an archive instead of being sent."""
    return "Offline" in type(experiment).__name__


def archives_of(experiment: Experiment) -> list[str]:
    """Offline archives that an ended experiment has written: its own, or the one that a lost connection left.

    `set_offline_zip_uploader` is public and tells it too, but logs "successfully uploaded".
    """
    left = getattr(getattr(experiment, "streamer", None), "offline_archive_file", None)
    if left:
        return [str(left)]
    if not is_offline(experiment):
        return []
    directory = getattr(experiment, "offline_directory", None) or os.curdir
    return sorted(glob.glob(os.path.join(glob.escape(directory), f"{experiment.get_key()}*.zip")))


@contextmanager
def capturing_no_output(experiment: Any) -> Iterator[None]:
    """While this runs, what is printed is not logged to an experiment, which else captures it for the whole process."""
    capture: Any = getattr(experiment, "logger", None)
    if not hasattr(capture, "set_experiment"):
        yield
        return
    capture.set_experiment(None)
    try:
        yield
    finally:
        capture.set_experiment(experiment)


def stop_heartbeat(experiment: Any) -> None:
    """Keep an experiment from reporting every few seconds that it runs: another state would not stay."""
    heartbeat: Any = getattr(experiment, "_heartbeat_thread", None)
    if hasattr(heartbeat, "close"):
        heartbeat.close()


def silence_state(experiment: Any) -> None:
    """Keep an experiment that several processes write to from reporting the state of this one.

    Each process reports that the experiment runs, every few seconds, and at its end that it does not any more, whatever
    the others do; the SDK has no switch for that.
    """
    stop_heartbeat(experiment)
    try:
        experiment._mark_as_ended = lambda: None
    except AttributeError:
        logger.debug("This comet-ml cannot be kept from reporting the state of a rank.")
