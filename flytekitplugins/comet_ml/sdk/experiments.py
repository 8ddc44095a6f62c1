"""What kind an experiment is, and what is particular to it beyond the SDK's public functions."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..log import logger
from .arguments import EXPERIMENT_CONFIG_ARGUMENTS
from .protocols import Experiment

if TYPE_CHECKING:
    from comet_ml.streamer.offline import OfflineStreamer
    from comet_ml.streamer.online import OnlineStreamer

MESSAGES = "messages.json"
"""The file, in the directory of an experiment's writer, that has its messages, one a line."""


def arguments_of_config(config: object) -> dict[str, object]:
    """The arguments that a `comet_ml.ExperimentConfig` was made with, as far as they are not the defaults.

    It is no dataclass, but it has an attribute for each of its arguments.
    """
    given, fresh = (
        {name: getattr(each, name) for name in EXPERIMENT_CONFIG_ARGUMENTS} for each in (config, type(config)())
    )
    return {name: value for name, value in given.items() if value != fresh[name]}


def is_resumed(experiment: Experiment) -> bool:
    """Whether an experiment existed before it was started."""
    return type(experiment).__name__.startswith("Existing")


def is_offline(experiment: object) -> bool:
    """Whether an experiment is written to an archive instead of being sent."""
    return "Offline" in type(experiment).__name__


def online_of(experiment: Experiment) -> OnlineStreamer | None:
    """The streamer that sends an experiment's messages; None offline, and where this SDK has it elsewhere."""
    online: OnlineStreamer | None = getattr(getattr(experiment, "streamer", None), "online_streamer", None)
    return online


def writer_of(experiment: Experiment) -> OfflineStreamer | None:
    """The streamer that writes an experiment's messages to the disk.

    That of an online experiment writes a copy of everything, in case the server is lost.

    Returns:
        None where there is none, or this SDK has it elsewhere.
    """
    streamer = getattr(experiment, "streamer", None)
    writer: OfflineStreamer | None = streamer if is_offline(experiment) else getattr(streamer, "offline_streamer", None)
    return writer if hasattr(writer, "tmp_dir") else None


def archives_of(experiment: Experiment) -> list[str]:
    """Offline archives that an ended experiment has written: its own, or the one that a lost connection left.

    `set_offline_zip_uploader` is public and tells it too, but logs "successfully uploaded".
    """
    left = getattr(getattr(experiment, "streamer", None), "offline_archive_file", None)
    if left:
        return [str(left)]
    if not is_offline(experiment):
        return []
    return sorted(glob.glob(os.path.join(glob.escape(offline_directory(experiment)), f"{experiment.get_key()}*.zip")))


def offline_directory(experiment: Experiment) -> str:
    """The directory that an offline experiment writes its archive to."""
    return str(getattr(experiment, "offline_directory", None) or os.curdir)


@contextmanager
def capturing_no_output(experiment: Experiment | None) -> Iterator[None]:
    """While this runs, what is printed is not logged to an experiment, which else captures it for the whole process."""
    capture = getattr(experiment, "logger", None)
    if capture is None or not hasattr(capture, "set_experiment"):
        yield
        return
    capture.set_experiment(None)
    try:
        yield
    finally:
        capture.set_experiment(experiment)


def stop_heartbeat(experiment: Experiment) -> None:
    """Keep an experiment from reporting every few seconds that it runs: another state would not stay."""
    heartbeat = getattr(experiment, "_heartbeat_thread", None)
    if heartbeat is not None and hasattr(heartbeat, "close"):
        heartbeat.close()


def silence_state(experiment: Experiment) -> None:
    """Keep an experiment that several processes write to from reporting the state of this one.

    Each process reports that the experiment runs, every few seconds, and at its end that it does not any more, whatever
    the others do; the SDK has no switch for that.
    """
    stop_heartbeat(experiment)
    try:
        vars(experiment)["_mark_as_ended"] = lambda: None
    except TypeError:
        logger.debug("This comet-ml cannot be kept from reporting the state of a rank.")
