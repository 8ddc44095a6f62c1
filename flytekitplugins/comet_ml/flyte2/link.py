"""The link from an action in the Flyte 2 console to its experiment in Comet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import quote

from ..errors import InvalidOptionError
from ..keys.action_key import action_prefix, action_text, derive_action_key, run_prefix, run_text
from ..link import CometLink, problem_of_page

RESOLVER_VARIABLE = "COMET_FLYTE_RESOLVER"
"""Environment variable that names the resolver page, where tasks are serialized."""

_RUN, _ACTION, _ATTEMPT = "{{.runName}}", "{{.actionName}}", "{{.taskRetryAttempt}}"
_PROJECT, _DOMAIN = "{{.executionProject}}", "{{.executionDomain}}"


@dataclass(frozen=True)
class CometActionLink(CometLink):
    """The Comet link of an action, for ``links=`` of a task of Flyte 2 (`flyte.Link`). The decorator puts it there.

    Flyte asks for it when it serializes the task, and fills in the names of the action itself: no platform
    configuration is needed. A root action is serialized before its run has a name, a child where its run is known.

    Its first attributes are those of `CometLink`.

    Attributes:
        resolver: Address of the resolver page, which finds the experiment whatever the names; by default that of
            the environment variable `COMET_FLYTE_RESOLVER`, if it is set.
        name: What the console shows.
        icon_uri: Address of an icon; none by default.
    """

    resolver: str | None = None
    name: str = "Comet"
    icon_uri: str = ""

    def get_link(
        self,
        run_name: str,
        project: str,
        domain: str,
        context: dict[str, str],
        parent_action_name: str,
        action_name: str,
        pod_name: str,
        **kwargs: object,
    ) -> str:
        """The address, with template variables for what Flyte fills in (`flyte.Link`)."""
        if self.experiment_key is not None:
            return self.url(self.experiment_key)
        if not _is_template(action_name):
            # A local run, whose experiment has a key that Comet makes.
            return self.url("").rstrip("/")
        comet = {"workspace": self.workspace, "project_name": self.project_name}
        if not _is_template(run_name):
            flyte = {"flyte_project": project, "flyte_domain": domain, "run": run_name}
            if self.scope == "execution":
                return self.url(derive_action_key(self.scope, **flyte, action=action_name, attempt="", **comet))
            key = action_prefix(self.scope, **flyte, **comet) + action_text(self.scope, _ACTION, _ATTEMPT)
            return f"{self.url('')}{key}"
        resolver = self.resolver or _resolver_of_environment()
        if resolver is not None:
            return self._resolved(resolver)
        key = run_prefix(self.scope, **comet) + run_text(self.scope, _RUN, _ACTION, _ATTEMPT)
        return f"{self.url('')}{key}"

    def _resolved(self, resolver: str) -> str:
        """The address of the resolver page, with everything that it needs in the fragment."""
        values = {
            "scope": f"flyte2-{self.scope}",
            "host": self.host.rstrip("/"),
            "workspace": quote(self.workspace, safe=""),
            "project_name": quote(self.project_name, safe=""),
            "execution_project": _PROJECT,
            "execution_domain": _DOMAIN,
            "run_name": _RUN,
            "action_name": _ACTION,
            "attempt": _ATTEMPT,
        }
        return f"{resolver}#{'&'.join(f'{name}={value}' for name, value in values.items())}"


def _resolver_of_environment() -> str | None:
    address = os.environ.get(RESOLVER_VARIABLE)
    if not address:
        return None
    problem = problem_of_page(address)
    if problem is not None:
        raise InvalidOptionError(f"The environment variable {RESOLVER_VARIABLE}: {problem}.")
    return address


def _is_template(name: str) -> bool:
    return name.startswith("{{")
