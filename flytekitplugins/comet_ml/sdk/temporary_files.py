"""The SDK's files of what it has not sent yet: they are in the call's own directory, and not in `TMPDIR`.

Bodies clean up what is in `TMPDIR`, and so would remove the files of an experiment. Nobody would notice, because the
SDK goes on writing to a file that has no name any more.
"""

from __future__ import annotations

import os

from ..log import logger
from .call import Call, nearest
from .experiments import MESSAGES, is_offline, writer_of
from .protocols import Arguments, Experiment, Keywords, Wrapped


def in_own_directory(wrapped: Wrapped, instance: None, args: Arguments, kwargs: Keywords) -> object:
    """Make a temporary file or directory of the SDK in the call's directory."""
    call = nearest()
    if call is not None and call.directory is not None and kwargs.get("dir") is None:
        try:
            return wrapped(*args, **{**kwargs, "dir": call.directory})
        except OSError as error:
            logger.debug("There is no temporary file in %s: %s", call.directory, error)
    return wrapped(*args, **kwargs)


def tell_if_gone(call: Call, experiment: Experiment) -> None:
    """Warn once if somebody has removed what an experiment has on the disk."""
    writer = writer_of(experiment)
    if writer is None or experiment.ended or os.path.exists(os.path.join(writer.tmp_dir, MESSAGES)):
        return
    if call.tells(f"gone {writer.tmp_dir}"):
        logger.warning(
            "Something has removed the files of the Comet experiment %s (%s): %s.",
            experiment.get_key(),
            writer.tmp_dir,
            "what was logged to it is lost" if is_offline(experiment) else "what Comet does not take is in no archive",
        )
