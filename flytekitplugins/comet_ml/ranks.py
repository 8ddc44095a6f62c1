"""Which of a distributed task's processes this is."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

# torch (Elastic and PyTorchJob) and Open MPI (MPIJob, Horovod): global rank, and number of processes.
_VARIABLES = (("RANK", "WORLD_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"))


@dataclass(frozen=True)
class Rank:
    """The place of a process among those of a distributed task.

    Attributes:
        name: How to tell it from the others: its number, or type and number (TensorFlow).
        primary: Whether it is the one that speaks for all: global rank 0.
    """

    name: str
    primary: bool


def rank_of(environ: Mapping[str, str]) -> Rank | None:
    """The rank of this process; None in a task that runs in one process."""
    for rank, world_size in _VARIABLES:
        number, size = environ.get(rank, ""), environ.get(world_size, "")
        if number.isdecimal() and size.isdecimal() and int(size) > 1:
            return Rank(name=number, primary=int(number) == 0)
    return _tensorflow_rank(environ.get("TF_CONFIG", ""))


def shared_key(environ: Mapping[str, str]) -> str:
    """An experiment key on which the ranks of one local run agree without asking each other.

    They are processes of one parent, and meet at one address.
    """
    names = ("MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID", "OMPI_MCA_ess_base_jobid")
    return _digest(os.getppid(), *map(environ.get, names))[:40]


def run_of(environ: Mapping[str, str], attempt: str | None) -> str:
    """A text that all ranks of one run have in common, on every machine. Ranks of another try have another one.

    Args:
        environ: The environment of the process.
        attempt: Flyte's number of the attempt; None locally.
    """
    # Elastic counts the restarts of its workers, which go on with the same experiment.
    names = ("MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT")
    # Flyte 2 restarts all pods of a clustered task within one attempt.
    restarts = ("JOBSET_RESTART_ATTEMPT", "OMPI_MCA_ess_base_jobid")
    return _digest(attempt, *map(environ.get, names + restarts))[:8]


def _digest(*values: object) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _tensorflow_rank(text: str) -> Rank | None:
    """The rank by `TF_CONFIG`: ``{"cluster": {type: [address, ...]}, "task": {"type": ..., "index": ...}}``.

    The chief (or master) is primary, or the first worker if there is none.
    """
    try:
        config = json.loads(text)
        replicas = {kind: len(addresses) for kind, addresses in config["cluster"].items()}
        kind, index = str(config["task"]["type"]), int(config["task"]["index"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    if sum(replicas.values()) < 2:
        return None
    first = next((leader for leader in ("chief", "master", "worker") if replicas.get(leader)), kind)
    return Rank(name=f"{kind}-{index}", primary=(kind, index) == (first, 0))
