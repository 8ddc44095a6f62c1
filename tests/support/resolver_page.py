"""The fragments that links to the resolver page have, and what the page says."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from flytekitplugins.comet_ml.keys.experiment_key import link_suffix

from tests.support.browser import Browser

NO_EXPERIMENT = "This link does not lead to an experiment"
OPENING = "Opening the experiment"


def address(page: Browser, values: Mapping[str, str], *, insecure: bool = False) -> str:
    pairs = "&".join(f"{name}={value}" for name, value in values.items())
    return f"{page.server.url('/resolver.html', insecure=insecure)}#{pairs}"


def names_of_action(vector: Mapping[str, str], host: str) -> dict[str, str]:
    """The fragment that the link of an action of Flyte 2 has."""
    return {
        "scope": f"flyte2-{vector['scope']}",
        "host": host,
        "workspace": quote(vector["workspace"], safe=""),
        "project_name": quote(vector["project_name"], safe=""),
        "execution_project": vector["flyte_project"],
        "execution_domain": vector["flyte_domain"],
        "run_name": vector["run"],
        "action_name": vector["action"],
        "attempt": vector["attempt"],
    }


def names(**changes: str | None) -> dict[str, str]:
    """A complete fragment, with changes; None takes a name away."""
    complete = {
        "scope": "attempt",
        "host": "https://comet.invalid",
        "workspace": "my-team",
        "project_name": "digits",
        "link_suffix": link_suffix("digits", "my-team"),
        "execution_project": "flytesnacks",
        "execution_domain": "development",
        "execution_name": "run1",
        "node_id": "n0",
        "attempt": "0",
        "generated_name": "run1-n0-0",
    }
    return {name: value for name, value in {**complete, **changes}.items() if value is not None}
