"""Loads a module of 500 tasks and makes their templates; prints the seconds of processor time of both."""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections import OrderedDict

from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable

SETTINGS = SerializationSettings(
    project="flytesnacks",
    domain="development",
    version="v1",
    image_config=ImageConfig(default_image=Image("default", "example.com/image", "v1")),
)


def serialize(task: object) -> None:
    """Make a task's template."""
    get_serializable(OrderedDict(), SETTINGS, task).to_flyte_idl()


# What flytekit loads for the first task of a process is not what is measured.
serialize(importlib.import_module(f"first_{sys.argv[1]}").task_0)
began = time.process_time()
module = importlib.import_module(sys.argv[1])
loaded = time.process_time()
for number in range(500):
    serialize(getattr(module, f"task_{number}"))
print(json.dumps([loaded - began, time.process_time() - loaded]))
