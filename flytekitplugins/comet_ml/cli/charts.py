"""Flyte's Helm charts: where their values have the platform's configuration, and what becomes of it.

This was read in the charts of Flyte v1.16.8. `docs/links.md` has the same as a table.

- flyte-binary puts `configuration.inline` into the last file of its configuration; flyte-core puts
  `configmap.task_logs` into a file of the propeller's. Flyte merges its files, section by section.
- Both charts render these values with `tpl`: Helm takes what stands in double braces for its own. A text literal of
  Helm's (in backquotes) gives it back as it was.
- Helm merges the maps of several values files, and replaces lists as a whole.
- Both charts write a checksum of the configuration to the pods that read it, so that `helm upgrade` restarts them.
- Neither has a schema of its values.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chart:
    """A Helm chart of Flyte.

    Attributes:
        path: Names of the sections of its values around the platform's configuration.
        restarted: What reads the configuration, and is restarted by the upgrade.
        restart: The command that restarts it by hand.
        by_hand: What to do where the chart does not write the configuration; empty if it always does.
    """

    path: tuple[str, ...]
    restarted: str
    restart: str
    by_hand: str = ""


CHARTS = {
    "flyte-binary": Chart(
        path=("configuration", "inline"),
        restarted="Flyte's one pod",
        restart="kubectl rollout restart deployment -n NAMESPACE -l app.kubernetes.io/instance=RELEASE",
        by_hand="configuration.externalConfigMap",
    ),
    "flyte-core": Chart(
        path=("configmap", "task_logs"),
        restarted="flytepropeller, and its webhook, which has the same configuration",
        restart="kubectl rollout restart deployment flytepropeller -n NAMESPACE",
    ),
}
"""The charts by name."""


def preface(name: str) -> str:
    """The comments above a chart's values: where they go, how they are merged, what is restarted.

    Args:
        name: One of `CHARTS`.
    """
    chart = CHARTS[name]
    lines = [
        f"Values for the Helm chart {name}: the links to Comet in the Flyte console.",
        "",
        "Where it goes: save this as comet-values.yaml, and give it to Helm after your own values:",
        f"  helm upgrade RELEASE flyteorg/{name} -n NAMESPACE -f your-values.yaml -f comet-values.yaml",
        "",
        "What is there already: Helm merges sections, and replaces lists. If your values have a list dynamic-log-links",
        "in the same place, add the entries below to your list, and do not pass this file.",
        "",
        "Braces: the chart runs these values through Helm's templates. So each variable of Flyte's stands in",
        "backquotes, in braces of Helm's. Leave both as they are.",
        "",
        f"What is restarted: {chart.restarted}, by the upgrade itself. By hand it is:",
        f"  {chart.restart}",
        "Nodes that start after that have the link. Running tasks go on.",
    ]
    if chart.by_hand:
        lines += [
            "",
            f"If {chart.by_hand} is set, the chart writes no configuration: add what `config`",
            "prints without --chart to that ConfigMap, and restart Flyte by hand.",
        ]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)
