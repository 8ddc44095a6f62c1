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

_NODE = "flyte_node"

_CRASHED = ("failed", "terminated")


def mark_of(others: Mapping[str, Any]) -> str | None:
    """What an archive's run has before its names, in an experiment that it shares with other nodes (``n0/``).

    Args:
        others: The archive's Others.
    """
    return next((name.removesuffix(_NODE) for name in others if name.endswith(f"/{_NODE}")), None)


def of_one_node(others: Mapping[str, Any], mark: str | None) -> dict[str, Any]:
    """Others as one node has them, without its mark.

    Args:
        others: The Others of an archive, or of an experiment.
        mark: The node's mark; None where it does not share the experiment.
    """
    if mark is None:
        return dict(others)
    unmarked = {name.removeprefix(mark): value for name, value in others.items() if name.startswith(mark)}
    return {**{name: value for name, value in others.items() if "/" not in name}, **unmarked}


def others_failed(others: Mapping[str, Any], mark: str | None) -> bool:
    """Whether another node of an experiment that several share has failed.

    Args:
        others: The experiment's Others.
        mark: The mark of the node that does not count.
    """
    return mark is not None and any(
        name.endswith(f"/{STATUS}") and not name.startswith(mark) and value in _CRASHED
        for name, value in others.items()
    )


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
