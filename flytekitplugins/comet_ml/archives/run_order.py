"""How the run of an archive stands to the experiment in Comet, and what follows from that.

Retries, nodes and ranks can share an experiment. An archive that is sent late must not make an experiment look as if
its latest run were an earlier one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from .. import names
from ..names import CometState, crashed, unmarked

Standing = Literal["new", "same", "later", "earlier", "beside"]
"""What the archive's run is to the experiment:

- ``new``: there is no such experiment yet;
- ``same``: the run wrote to it last, or nobody can tell;
- ``later``, ``earlier``: another attempt wrote to it last, and the run comes after that one, or before it;
- ``beside``: it is the run of another node.
"""


def of_one_node(others: Mapping[str, object], mark: str | None) -> dict[str, object]:
    """Others as one node has them, without its mark.

    Args:
        others: The Others of an archive, or of an experiment.
        mark: The node's mark; None where it does not share the experiment.
    """
    if mark is None:
        return dict(others)
    own = {unmarked(mark, name): value for name, value in others.items() if name.startswith(f"{mark}/")}
    return {**{name: value for name, value in others.items() if "/" not in name}, **own}


def others_failed(others: Mapping[str, object], mark: str | None) -> bool:
    """Whether another node of an experiment that several share has failed.

    Args:
        others: The experiment's Others.
        mark: The mark of the node that does not count.
    """
    return mark is not None and any(
        name.endswith(f"/{names.FLYTE_STATUS}") and not name.startswith(f"{mark}/") and crashed(value)
        for name, value in others.items()
    )


def standing(archived: Mapping[str, object], stored: Mapping[str, object] | None) -> Standing:
    """Where the run of an archive stands to the experiment.

    Args:
        archived: The archive's Others.
        stored: The experiment's; None if there is no such experiment.
    """
    if stored is None:
        return "new"
    node = archived.get(names.FLYTE_NODE)
    if not node or node == stored.get(names.FLYTE_NODE, node):
        return "same"
    if any(archived.get(name) != stored.get(name) for name in (names.FLYTE_EXECUTION, names.FLYTE_TASK)):
        return "beside"
    try:
        difference = int(str(archived[names.FLYTE_ATTEMPT])) - int(str(stored[names.FLYTE_ATTEMPT]))
    except (KeyError, ValueError):
        return "beside"
    return "later" if difference > 0 else "earlier" if difference < 0 else "beside"


def state_after(where: Standing, status: object, stored_status: object, stored_state: CometState | None) -> CometState:
    """The state that the experiment gets after the upload.

    Args:
        where: Where the archive's run stands.
        status: How it ended.
        stored_status: How the run ended that the experiment knows of.
        stored_state: The experiment's state before the upload.
    """
    if where == "earlier":
        return stored_state or "finished"
    if crashed(status):
        return "crashed"
    if where == "beside":
        return stored_state or "finished"
    # Only one of the ranks that share an experiment says how the run ended.
    return "crashed" if where == "same" and status is None and crashed(stored_status) else "finished"


def names_that_stay(where: Standing, stored: Mapping[str, object], status: object) -> frozenset[str]:
    """The names of Others that keep their value, because this run does not come after the one that wrote them.

    Args:
        where: Where the archive's run stands.
        stored: The experiment's Others.
        status: How the archive's run ended.
    """
    if where == "earlier" or (where == "beside" and not crashed(status)):
        return frozenset(stored)
    if where == "beside":
        return frozenset(name for name in stored if not name.startswith((names.FLYTE_STATUS, "flyte_error_")))
    return frozenset()
