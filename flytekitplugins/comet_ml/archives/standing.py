"""Where the run of an archive stands to the experiment that is in Comet already, and what follows from that.

Retries, nodes and ranks can share an experiment. An archive that is sent late must not make an experiment look as if
its latest run were an earlier one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

State = Literal["running", "finished", "crashed"]
"""The state of an experiment, as `comet_ml.APIExperiment.set_state` takes it."""

Standing = Literal["new", "same", "later", "earlier", "beside"]
"""There is no such experiment yet; or the archive's run is the one that wrote to it last (or nobody can tell), a later
attempt than that one, an earlier attempt, or the run of another node."""

STATUS = "flyte_status"
"""The Other that says how a run ended."""

_CRASHED = ("failed", "terminated")


def standing(archived: Mapping[str, Any], stored: Mapping[str, Any] | None) -> Standing:
    """Where the run of an archive stands to the experiment.

    Args:
        archived: The archive's Others.
        stored: The experiment's; None if there is no such experiment.
    """
    if stored is None:
        return "new"
    if not archived.get("flyte_node") or archived["flyte_node"] == stored.get("flyte_node", archived["flyte_node"]):
        return "same"
    if any(archived.get(name) != stored.get(name) for name in ("flyte_execution", "flyte_task")):
        return "beside"
    try:
        difference = int(archived["flyte_attempt"]) - int(stored["flyte_attempt"])
    except (KeyError, TypeError, ValueError):
        return "beside"
    return "later" if difference > 0 else "earlier" if difference < 0 else "beside"


def state_after(where: Standing, status: object, stored_status: object, stored_state: State | None) -> State:
    """The state that the experiment gets after the upload.

    Args:
        where: Where the archive's run stands.
        status: How it ended.
        stored_status: How the run ended that the experiment knows of.
        stored_state: The experiment's state before the upload.
    """
    if where == "earlier":
        return stored_state or "finished"
    if status in _CRASHED:
        return "crashed"
    if where == "beside":
        return stored_state or "finished"
    # Only one of the ranks that share an experiment says how the run ended.
    return "crashed" if where == "same" and status is None and stored_status in _CRASHED else "finished"


def names_that_stay(where: Standing, stored: Mapping[str, Any], status: object) -> frozenset[str]:
    """The names of Others that keep their value, because a run wrote them to which this one is no successor.

    Args:
        where: Where the archive's run stands.
        stored: The experiment's Others.
        status: How the archive's run ended.
    """
    if where == "earlier" or (where == "beside" and status not in _CRASHED):
        return frozenset(stored)
    if where == "beside":
        return frozenset(name for name in stored if not name.startswith(("flyte_status", "flyte_error_")))
    return frozenset()
