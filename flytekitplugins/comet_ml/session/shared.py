"""What the parts of a session share: the SDK, the plan, the settings, the call, and what must not be logged."""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..forks import process_lock
from ..sdk.call import Call
from ..sdk.comet_sdk import CometSDK
from ..sdk.redaction import SDKLogFilter, masked
from ..sdk.settings import EXPERIMENT_KEY, SettingsLayer
from .guard import guarded
from .plan import Mode, SessionPlan

starting = process_lock()
"""Held while a call starts, and while its body opens an experiment under its settings: they are the process's."""

SETTINGS_OF_MODES: dict[Mode, dict[str, str | None]] = {
    "online": {},
    "offline": {"COMET_START_ONLINE": "0"},
    "disabled": {"COMET_AUTO_LOG_DISABLE": "1", EXPERIMENT_KEY: None},
}
"""The SDK's settings that the body's own experiments need to be what the task's is."""


# The environment can have the API key: no repr shows it.
@dataclass(frozen=True, repr=False)
class Shared:
    """What the parts of a session share.

    Attributes:
        sdk: The SDK.
        plan: What to do.
        environ: The environment of the process.
        log_filter: The session's filter on the SDK's log, which knows what must not be logged.
        layer: The session's settings.
        call: The experiments of the call.
        asked: When the call asked for its turn to start, by the monotonic clock.
    """

    sdk: CometSDK
    plan: SessionPlan
    environ: MutableMapping[str, str]
    log_filter: SDKLogFilter
    layer: SettingsLayer
    call: Call
    asked: float

    def masked(self, text: str) -> str:
        """A text without the API key."""
        return masked(text, self.log_filter.secrets)

    def guarded(self, what: str) -> AbstractContextManager[None]:
        """Run a block whose failure costs the task nothing (`guard.guarded`). No message has the API key in it."""
        return guarded(what, self.masked)


class Part:
    """A part of a session. It has under names of its own what all parts share.

    Args:
        shared: What they share.
    """

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self._sdk = shared.sdk
        self._plan = shared.plan
        self._environ = shared.environ
        self._log_filter = shared.log_filter
        self._layer = shared.layer
        self._call = shared.call
