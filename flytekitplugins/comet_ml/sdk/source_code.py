"""The source that the SDK logs by itself: not what the session logs, and nothing that has the API key in it."""

from __future__ import annotations

import os
from pathlib import Path

from ..log import logger
from . import disk_room
from .call import Call, calls, in_body, in_no_file
from .protocols import Arguments, Experiment, Keywords, Wrapped
from .redaction import has_a_secret

_SOURCES = ("source_code", "notebook")


@in_body
@in_no_file
def of_the_session(call: Call, wrapped: Wrapped, instance: object, args: Arguments, kwargs: Keywords) -> object:
    """Find no file, and log no name of one, where the session starts an experiment and logs its source itself."""
    return None if call.has_source else wrapped(*args, **kwargs)


def log_asset(wrapped: Wrapped, instance: Experiment, args: Arguments, kwargs: Keywords) -> object:
    """Log an asset, unless it is source with the API key in it."""
    asset = args[0] if args else None
    if calls and getattr(asset, "upload_type", None) in _SOURCES and has_a_secret(_text_of(asset)):
        _warn_of(getattr(asset, "logical_path", None))
        return None
    return disk_room.log_asset(wrapped, instance, args, kwargs)


def git_patch(wrapped: Wrapped, instance: None, args: Arguments, kwargs: Keywords) -> object:
    """What has changed since the last commit; nothing if the API key stands in it."""
    patch = wrapped(*args, **kwargs)
    if calls and isinstance(patch, (str, bytes)) and has_a_secret(_decoded(patch)):
        _warn_of("the changes since the last commit")
        return None
    return patch


def _warn_of(name: object) -> None:
    logger.warning("The source is not logged of files with the Comet API key in them: %s.", name)


def _text_of(asset: object) -> str:
    content: object = getattr(asset, "local_path_or_data", "")
    if hasattr(content, "getvalue"):
        content = content.getvalue()
    elif isinstance(content, str) and os.path.isfile(content):
        content = Path(content).read_bytes()
    return _decoded(content) if isinstance(content, (str, bytes)) else ""


def _decoded(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8", "replace")
