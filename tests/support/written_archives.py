"""Offline archives that are written by hand: with whatever messages a test needs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flytekitplugins.comet_ml.archives.archive import Message

KEY = "0123456789abcdef0123456789abcdef"


def message(kind: str, **payload: Any) -> Message:
    return Message(json.dumps({"type": kind, "payload": payload}), kind, payload)


def metric(name: str, value: Any, step: int | None = 0, time: int = 1, context: str | None = None) -> Message:
    payload = {"metricName": name, "metricValue": value, "step": step, "epoch": None}
    return message("metric_msg", metric=payload, local_timestamp=time, context=context)


def other(name: str, value: Any) -> Message:
    return message("log_other", key=name, value=value)


def parameter(name: str, value: Any) -> Message:
    return message("parameter_msg", param={"paramName": name, "paramValue": value})


def output(text: str, stderr: bool = False) -> Message:
    return message("standard_output", output=text, stderr=stderr)


def asset(key: str) -> Message:
    return message("file_upload", additional_params={"assetId": key}, file_path=f"tmp{key}")


def write(
    path: Path, messages: Iterable[Message | str], files: Mapping[str, str] | None = None, **metadata: Any
) -> Path:
    """An archive.

    Args:
        path: File to write.
        messages: Its messages, or lines that are none.
        files: Contents of its files by name.
        metadata: What is different in its `experiment.json`.
    """
    known = {"offline_id": KEY, "workspace": "my-team", "project_name": "digits", "resume_strategy": "create"}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "experiment.json", json.dumps({**known, "start_time": 1, "stop_time": 2, "tags": [], **metadata})
        )
        lines = [line if isinstance(line, str) else line.text for line in messages]
        archive.writestr("messages.json", "".join(f"{line}\n" for line in lines))
        for name, content in (files or {}).items():
            archive.writestr(name, content)
    return path
