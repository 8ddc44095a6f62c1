"""The link from a node in the Flyte console to its experiment in Comet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from . import names
from .keys.experiment_key import Scope, link_suffix
from .shown import shown

_LINK_TYPES: dict[Scope, str] = {
    "attempt": names.EXECUTION_LINK_TYPE,
    "node": names.NODE_LINK_TYPE,
    "execution": names.WHOLE_EXECUTION_LINK_TYPE,
}


@dataclass(frozen=True)
class CometLink:
    """What the Flyte console needs to know to link a node to its Comet experiment.

    The link types and the names of the config keys are a contract with the platforms' `dynamic-log-links` (Flyte's
    control plane): they are deployed, and must not change. A platform that does not know a link type shows no link.

    Attributes:
        project_name: Comet project.
        workspace: Comet workspace.
        host: Address of the Comet service, with its scheme.
        experiment_key: The key, when it was given; None when every pod derives its own.
        scope: What one experiment covers, without a given key.
    """

    project_name: str
    workspace: str
    host: str = names.COMET_SERVICE
    experiment_key: str | None = None
    scope: Scope = "attempt"

    @property
    def link_type(self) -> str:
        """The name under which the platform has this link's URL template."""
        return _LINK_TYPES[self.scope] if self.experiment_key is None else names.CUSTOM_LINK_TYPE

    def config(self) -> dict[str, str]:
        """What goes into the task template's config: strings only, ready to stand in a URL.

        Templates have no functions, so names are quoted here. The suffix is made from the names as they are.
        """
        config = {
            names.LINK_TYPE_KEY: self.link_type,
            names.HOST_KEY: self.host.rstrip("/"),
            names.WORKSPACE_KEY: _quoted(self.workspace),
            names.PROJECT_NAME_KEY: _quoted(self.project_name),
        }
        if self.experiment_key is None:
            config[names.LINK_SUFFIX_KEY] = link_suffix(self.project_name, self.workspace, self.scope)
        else:
            config[names.EXPERIMENT_KEY_KEY] = _quoted(self.experiment_key)
        return config

    def url(self, experiment_key: str) -> str:
        """The address of an experiment of this workspace and project.

        Args:
            experiment_key: The experiment's key.
        """
        return "/".join(
            [self.host.rstrip("/"), _quoted(self.workspace), _quoted(self.project_name), _quoted(experiment_key)]
        )


_URL = re.compile(r"[0-9A-Za-z:/?\[\]@!$&()*+,;=._~%-]+")


def problem_of_page(address: str) -> str | None:
    """What is wrong with an address as that of the resolver page, which gets its names after a ``#``.

    Args:
        address: The address.

    Returns:
        A clause about the address, for a message; None if it can be used.
    """
    problem = _problem_of_page(address)
    # It can have a password in it.
    return None if problem is None else f"{'the address' if '@' in address else shown(address)} {problem}"


def _problem_of_page(address: str) -> str | None:
    try:
        parts = urlsplit(address)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return "is no address of a page; write https://.../resolver.html"
    if not valid:
        return "is no address of a page; write https://.../resolver.html"
    if "#" in address:
        return "has a fragment (#...), which the link needs for itself; leave it out"
    if "@" in parts.netloc:
        return "must have no user name and password in it"
    if not _URL.fullmatch(address):
        return "has characters that cannot stand in an address; quote them with %"
    return None


def _quoted(value: str) -> str:
    return quote(value, safe="")
