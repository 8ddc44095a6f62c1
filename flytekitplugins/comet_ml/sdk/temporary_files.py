"""Where the SDK keeps what it has not sent yet: in the call's own directory, and not in that for temporary files.

Bodies clean up what is in `TMPDIR`. What an experiment has there would be gone, without a word: the SDK goes on writing
to a file that nobody can find any more.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..log import logger
from .call import Call, nearest
from .experiments import is_offline


def in_own_directory(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Make a temporary file or directory of the SDK in the call's directory."""
    call = nearest()
    if call is not None and call.directory is not None and kwargs.get("dir") is None:
        try:
            return wrapped(*args, **{**kwargs, "dir": call.directory})
        except OSError as error:
            logger.debug("There is no temporary file in %s: %s", call.directory, error)
    return wrapped(*args, **kwargs)


def tell_if_gone(call: Call, experiment: Any) -> None:
    """Say it once if somebody has removed what an experiment has on the disk."""
    streamer: Any = getattr(experiment, "streamer", None)
    offline = is_offline(experiment)
    writer: Any = streamer if offline else getattr(streamer, "offline_streamer", None)
    directory = getattr(writer, "tmp_dir", None)
    if not isinstance(directory, (str, os.PathLike)) or experiment.ended:
        return
    if Path(directory, "messages.json").exists() or f"gone {directory}" in call.told:
        return
    call.told.add(f"gone {directory}")
    logger.warning(
        "Something has removed the files of the Comet experiment %s (%s): %s.",
        experiment.get_key(),
        directory,
        "what was logged to it is lost" if offline else "what Comet does not take is in no archive",
    )
