"""What the plugin has said in the log: threads that other tests have left behind can log, too."""

from __future__ import annotations

import logging

import pytest

PLUGIN = "flytekitplugins.comet_ml"


def told_in(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    """Its messages, of a level and above."""
    return [each.getMessage() for each in caplog.records if each.name == PLUGIN and each.levelno >= level]


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Its warnings and errors."""
    return told_in(caplog, logging.WARNING)
