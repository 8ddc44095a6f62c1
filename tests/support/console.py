"""The Flyte console's links: how the control plane reads its configuration and fills in the templates (v1.16.8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

SECTIONS = {
    "logs": ("plugins", "logs"),
    "ray": ("plugins", "ray", "logs"),
    "dask": ("plugins", "dask", "logs"),
    "spark": ("plugins", "spark", "logs", "mixed"),
}


def templates(text: str, section: str = "logs") -> dict[str, list[str]]:
    """The templates by link type, as the control plane has them after reading YAML."""
    config: Any = yaml.safe_load(text)
    for name in SECTIONS[section]:
        config = config[name]
    links = config["dynamic-log-links"]
    entries = links if isinstance(links, list) else [links]
    found: dict[str, list[str]] = {}
    for entry in entries:
        for link_type, link in entry.items():
            assert link["displayName"]
            uris = link["templateUris"]
            # A text where a list is expected is split.
            found[link_type.lower()] = uris.split(",") if isinstance(uris, str) else uris
    return found


def links(
    by_type: Mapping[str, list[str]], task_config: Mapping[str, str], variables: Mapping[str, str | None]
) -> list[str]:
    """The links of a node."""
    found = []
    # Split on commas, compared exactly; a type that is not configured is nothing.
    for link_type in task_config.get("link_type", "").split(","):
        for template in by_type.get(link_type, []):
            found.append(filled_in(template, task_config, variables))
    return found


def filled_in(template: str, task_config: Mapping[str, str], variables: Mapping[str, str | None]) -> str:
    """A template with its variables replaced, but for those without a value; values are taken as they are."""
    values = {rf"[.$]{name}": value for name, value in variables.items()}
    for name in re.findall(r"(?i)\{\{\s*.taskConfig[.$]([a-zA-Z_]+)\s*\}\}", template):
        values[rf".taskConfig[.$]{name}"] = task_config.get(name)
    for pattern, value in values.items():
        if value:
            template = re.sub(rf"(?i)\{{\{{\s*{pattern}\s*\}}\}}", lambda match, value=value: value, template)
    return template


def through_helm(text: str) -> str:
    """What a Helm chart's `tpl` makes of a text: actions that are a raw text literal are replaced by that text."""

    def action(match: re.Match[str]) -> str:
        literal = re.fullmatch(r"\s*`([^`]*)`\s*", match[1])
        assert literal, f"Helm would run {match[0]!r}"
        return literal[1]

    return re.sub(r"\{\{((?:`[^`]*`|(?!\}\}).)*)\}\}", action, text, flags=re.DOTALL)
