"""The table in docs/reliability.md."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from tests.support import ROOT
from tests.support.matrix import Outcome

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- The table is written by `make faults`. -->\n", "<!-- The end of the table. -->\n"
COLUMNS = ("what goes wrong", "the task", "Comet shows", "metrics", "lost", "start", "end")


def with_table(text: str, outcomes: Iterable[Outcome]) -> str:
    """The page with the table that these outcomes make."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + table(outcomes) + END + rest.split(END)[1]


def table(outcomes: Iterable[Outcome]) -> str:
    """A table for each group of scenarios."""
    lines: list[str] = []
    for group, members in groupby(outcomes, lambda outcome: outcome.scenario.group):
        lines += ["", f"### {group}", "", f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
        lines += [f"| {' | '.join(row(outcome))} |" for outcome in members]
    return "\n".join([*lines, "", ""])


def row(outcome: Outcome) -> list[str]:
    """What came of a scenario, in words."""
    scenario, seconds = outcome.scenario, outcome.seconds
    status = f"exit status {outcome.run.status}" if outcome.run.status else "succeeds"
    names = re.findall(r"\b[A-Z]\w*(?:Error|Exception)\b", outcome.run.error)
    error = scenario.error if scenario.error in names else names[-1] if names else ""
    shows = {"none": "nothing, until the archive is sent" if outcome.archived else "nothing"}.get(
        outcome.state, outcome.state
    )
    if outcome.flyte_status:
        shows += f", `flyte_status: {outcome.flyte_status}`" + (" in the archive" if outcome.state == "none" else "")
    count = len(outcome.logged)
    arrived = [f"{len(outcome.logged & outcome.delivered)} delivered"] if outcome.delivered else []
    if outcome.archived:
        arrived.append(f"{len(outcome.logged & outcome.archived)} archived" + " in the pod" * (not outcome.archives))
    signalled = f"{seconds['signal']:.1f} s after the signal" if "signal" in seconds else ""
    return [
        scenario.name,
        f"`{error}`" if error else status,
        shows,
        f"{count} logged" + "".join(f", {text}" for text in arrived) if count else "",
        f"{len(outcome.lost)}: {scenario.lost}" if outcome.lost else "",
        f"{seconds['start']:.1f} s" if "start" in seconds else "",
        signalled or (f"{seconds['end']:.1f} s" if "end" in seconds else ""),
    ]
