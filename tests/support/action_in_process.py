"""An action of Flyte 2 in this process, as the worker of a reusable container runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flyte._internal.runtime import convert, rusty

from tests.support.action import CHILD, DOMAIN, PROJECT, RUN_NAME


class Controller:
    """The part of Flyte's controller that an action without children uses."""

    async def finalize_parent_action(self, action: Any) -> None:
        """Nothing is to be finalized."""


async def run_action(task: Any, directory: Path, *, action: str = CHILD, attempt: int = 0, **inputs: Any) -> Path:
    """Run an action in this process, as the worker of a reusable container does."""
    outputs = directory / action / str(attempt + 1)
    outputs.mkdir(parents=True)
    literals = await convert.convert_from_native_to_inputs(task.native_interface, **inputs)
    (outputs / "inputs.pb").write_bytes(literals.proto_inputs.SerializeToString())
    await rusty.run_task(
        task,
        Controller(),  # type: ignore[arg-type]
        "local",
        PROJECT,
        DOMAIN,
        RUN_NAME,
        action,
        str(directory / "raw" / action),
        str(outputs),
        str(directory),
        "v1",
        input_path=str(outputs / "inputs.pb"),
    )
    return outputs
