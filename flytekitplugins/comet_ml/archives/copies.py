"""Copies of an archive with some of its messages, which the SDK sends."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import UploadError
from ..sdk import upload as sdk_offline
from ..sdk.comet_sdk import CometSDK
from .archive import Archive, Message, ResumeStrategy, write_copy
from .server_errors import ServerErrors

SAMPLE_SIZE = "COMET_OFFLINE_SAMPLING_SIZE"


@dataclass(frozen=True, repr=False)
class Copies:
    """Has the SDK send parts of archives.

    Args:
        sdk: The SDK.
        api_key: The API key.
        errors: What the server's errors mean.
        directory: A directory for temporary files, which somebody else removes.
    """

    sdk: CometSDK
    api_key: str
    errors: ServerErrors
    directory: Path

    def send(
        self,
        archive: Archive,
        messages: Iterator[Message],
        losses: list[str],
        *,
        strategy: ResumeStrategy,
        stop_time: int | None,
        values: Mapping[str, int],
    ) -> tuple[int, int]:
        """Send some messages of an archive.

        Args:
            archive: The archive.
            messages: The messages.
            losses: What the SDK says of things that it did not send.
            strategy: Whether the experiment is to be made or continued.
            stop_time: When the run ended, if it is not what the archive says.
            values: How many values of each metric there are, once the messages have been read.

        Returns:
            How many messages were sent, and how many values of a metric the SDK sends at most.

        Raises:
            UploadError: If the SDK did not send them.
        """
        handle, name = tempfile.mkstemp(prefix=f"{archive.key}-", suffix=".zip", dir=self.directory)
        os.close(handle)
        copy = Path(name)
        try:
            count = write_copy(archive, copy, messages=messages, resume_strategy=strategy, stop_time=stop_time)
            default, size = self._sample_sizes(values)
            with settings_in_force({SAMPLE_SIZE: str(size)} if size > default else {}):
                done = sdk_offline.send(
                    copy, api_key=self.api_key, workspace=archive.workspace, project_name=archive.project_name
                )
        finally:
            copy.unlink()
        if not done:
            reason = self.errors.reason(losses[0] if losses else "the SDK does not say why")
            raise UploadError(f"was refused: {reason}.")
        return count, size

    def _sample_sizes(self, values: Mapping[str, int]) -> tuple[int, int]:
        """How many values of each metric the SDK would send, and how many it shall.

        An online run sends all of them: so does this, unless the user has set the size of a sample.

        Args:
            values: How many values there are to send, by the metric's name.
        """
        size = int(self.sdk.setting("comet.offline_sampling_size") or 0)
        return size, size if SAMPLE_SIZE in os.environ else max(size, *values.values(), 0)


@contextmanager
def settings_in_force(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables while the block runs: the SDK reads its settings from them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
