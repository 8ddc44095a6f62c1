"""Which node of an execution a pod belongs to, the same for all attempts.

The control plane joins a node's id from the ids and attempts of the nodes around it (`n0-0-dn1`: node `dn1` under the
first attempt of `n0`). It joins the pod's generated name from execution, node id and attempt. A text that is too long
is replaced by a hash, and nothing can be read from a hash. But the pod's output prefix spells out the path of nodes and
attempts. So the names can be made once more, and compared.
"""

from __future__ import annotations

import base64
import re

NODE_ID_LENGTH = 20
"""Longest id of a node. A longer one is hashed (Flyte's control plane)."""

GENERATED_NAME_LENGTHS = (50, 47)
"""Longest generated name: of a pod, and of a Ray cluster (Flyte's control plane)."""

_NUMBER = re.compile(r"[0-9]+")


def node_id(execution: str, generated_name: str, attempt: str | None, output_prefix: str | None) -> str | None:
    """The id of a pod's node: what the console's templates call `nodeId`.

    Args:
        execution: The execution's name.
        generated_name: What `experiment_key.generated_name` returns for the pod.
        attempt: Number of the attempt (`FLYTE_ATTEMPT_NUMBER`).
        output_prefix: Where the pod writes its result: `<base>/<project>-<domain>-<execution>/<node>/data/<attempt>`,
            and `/<node>/<attempt>` for every node further in. Only read where the generated name is a hash.

    Returns:
        The id, the same for all attempts of a node and different for different nodes; followed by `/<index>` for a
        legacy map task. None where the names do not tell it.
    """
    name, *subtask = generated_name.split("/")
    index = f"/{subtask[0]}" if subtask else ""
    if name.startswith(f"{execution}-"):
        found, _, number = name.removeprefix(f"{execution}-").rpartition("-")
        return f"{found}{index}" if found and number == attempt else None
    path = _path(execution, output_prefix or "")
    found = _joined(path)
    if path and path[-1][1] == attempt:
        whole = f"{execution}-{found}-{attempt}"
        if name in [shortened(whole, length) for length in GENERATED_NAME_LENGTHS]:
            return f"{found}{index}"
    return None


def shortened(name: str, length: int) -> str:
    """What the control plane makes of a name: itself, or `f` and a 32-bit hash (FNV-1a) in base32, if it is too long.

    Args:
        name: The name.
        length: How long it may be.
    """
    if len(name.encode()) <= length:
        return name
    number = 0x811C9DC5
    for byte in name.encode():
        number = (number ^ byte) * 0x01000193 & 0xFFFFFFFF
    text = base64.b32encode(number.to_bytes(4, "big")).decode().rstrip("=").lower()
    # Its alphabet ends with the digits 1 to 6, where that of RFC 4648 has 2 to 7.
    return "f" + text.translate(str.maketrans("234567", "123456"))


def _path(execution: str, output_prefix: str) -> list[tuple[str, str]]:
    """Nodes and their attempts, from the outermost in; empty for a prefix of another form."""
    segments = output_prefix.rstrip("/").split("/")
    starts = [i for i, text in enumerate(segments) if text == execution or text.endswith(f"-{execution}")]
    for start in reversed(starts):
        if segments[start + 2 : start + 3] == ["data"]:
            rest = [segments[start + 1], *segments[start + 3 :]]
            return list(zip(rest[::2], rest[1::2], strict=True)) if len(rest) % 2 == 0 else []
    return []


def _joined(path: list[tuple[str, str]]) -> str:
    joined = around = ""
    for segment, attempt in path:
        # The nodes of a map task have their index for a segment, and "n" before it in their id.
        own = f"n{segment}" if around and _NUMBER.fullmatch(segment) else segment
        joined = shortened(f"{around}{own}", NODE_ID_LENGTH)
        around = f"{joined}-{attempt}-"
    return joined
