"""An offline archive of an experiment whose `end()` hangs, or could not write one."""

from __future__ import annotations

import json
import os
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from ..sdk import upload as sdk_offline
from ..sdk.protocols import Experiment
from .archive import EXPERIMENT, MESSAGES

_SECONDS_TO_WRITE = 2.0
"""How long the SDK has to write what it has been given."""


def rescue(experiment: Experiment, directory: Path, earlier: Path | None = None) -> Path | None:
    """Write an archive of everything that was logged to an experiment, from what the SDK keeps in temporary files.

    The SDK writes its archive in `end()`, after it has waited for the server. If that hangs, or the disk for the
    archive is full, the temporary files are all there is. The archive holds the whole run. What had arrived is found
    out when it is sent.

    Args:
        experiment: An experiment that hangs while it ends, or could not write its archive. What is logged to it after
            this may be in no archive.
        directory: Where to write the archive: a directory that exists.
        earlier: An archive of it that this one is to replace.

    Returns:
        The archive. None if there is nothing to write, because the SDK has ended the experiment after all, because
        nothing was logged, or because this SDK keeps nothing on disk.

    Raises:
        OSError: If the archive cannot be written.
    """
    written = sdk_offline.written(experiment, patience=_SECONDS_TO_WRITE)
    if written is None or not (written.directory / MESSAGES).is_file():
        return None
    key = str(experiment.get_key())
    handle, name = tempfile.mkstemp(prefix=f"{key}-", suffix=".zip", dir=directory)
    os.close(handle)
    path = Path(name)
    try:
        kept = _write(path, written, experiment)
    except BaseException:
        # Whatever it is: half an archive would be taken for one, and stored.
        path.unlink()
        raise
    if not kept:
        path.unlink()
        return None
    return path.replace(earlier) if earlier is not None else path


def _write(path: Path, written: sdk_offline.Written, experiment: Any) -> int:
    """Write the archive, and return how many messages are in it."""
    now = int(time.time() * 1000)
    metadata = {
        "offline_id": experiment.get_key(),
        "project_name": experiment.project_name,
        "workspace": experiment.workspace,
        "start_time": written.start_time or now,
        "stop_time": now,
        "tags": list(experiment.get_tags()),
        "resume_strategy": "get_or_create",
        "customer_error_reported": False,
        "customer_error_message": None,
        "user_provided_experiment_key": True,
        "comet_start_sourced": True,
    }
    count = 0
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        archive.writestr(EXPERIMENT, json.dumps(metadata))
        try:
            with (
                (written.directory / MESSAGES).open("rb") as messages,
                archive.open(MESSAGES, "w", force_zip64=True) as to,
            ):
                for line in messages:
                    # The SDK may be writing the last one.
                    if line.endswith(b"\n"):
                        to.write(line)
                        count += 1
            for file in sorted(written.directory.iterdir()):
                if file.name not in (EXPERIMENT, MESSAGES):
                    archive.write(file, file.name)
        except FileNotFoundError:
            # The SDK has come to its end, and cleans up.
            return 0
    return count
