"""URL templates for the Flyte console: what a platform's configuration has for each type of link.

The control plane puts names in the place of `{{ .variable }}`, and can do nothing else. A direct template writes them
one after the other, because the experiment's key is such a text for many nodes. A template for the resolver page hands
all names to the page, and the page computes the key as the pod does.
"""

from __future__ import annotations

from .. import names

LINK_TYPES = (names.EXECUTION_LINK_TYPE, names.CUSTOM_LINK_TYPE, names.NODE_LINK_TYPE, names.WHOLE_EXECUTION_LINK_TYPE)
"""Every link type, in the order in which the configuration has them."""


def _variable(name: str) -> str:
    return f"{{{{ .{name} }}}}"


def _config(name: str) -> str:
    return _variable(f"taskConfig.{name}")


_PROJECT = f"{_config(names.HOST_KEY)}/{_config(names.WORKSPACE_KEY)}/{_config(names.PROJECT_NAME_KEY)}"

_DIRECT_KEYS = {
    names.EXECUTION_LINK_TYPE: "".join(
        [*map(_variable, ("executionName", "nodeId", "taskRetryAttempt")), _config(names.LINK_SUFFIX_KEY)]
    ),
    names.CUSTOM_LINK_TYPE: _config(names.EXPERIMENT_KEY_KEY),
    # The suffix between the names keeps them apart: "run1" and "2n0" are not "run12" and "n0".
    names.NODE_LINK_TYPE: f"{_variable('executionName')}{_config(names.LINK_SUFFIX_KEY)}{_variable('nodeId')}",
    names.WHOLE_EXECUTION_LINK_TYPE: f"{_variable('executionName')}{_config(names.LINK_SUFFIX_KEY)}",
}

_COMET = {name: _config(name) for name in (names.HOST_KEY, names.WORKSPACE_KEY, names.PROJECT_NAME_KEY)}
_EXECUTION = {
    names.LINK_SUFFIX_KEY: _config(names.LINK_SUFFIX_KEY),
    "execution_project": _variable("executionProject"),
    "execution_domain": _variable("executionDomain"),
    "execution_name": _variable("executionName"),
}
_NODE = {
    "node_id": _variable("nodeId"),
    "attempt": _variable("taskRetryAttempt"),
    "generated_name": _variable("generatedName"),
}
_FRAGMENTS = {
    names.EXECUTION_LINK_TYPE: {"scope": "attempt", **_COMET, **_EXECUTION, **_NODE},
    names.CUSTOM_LINK_TYPE: {"scope": "custom", **_COMET, names.EXPERIMENT_KEY_KEY: _config(names.EXPERIMENT_KEY_KEY)},
    names.NODE_LINK_TYPE: {"scope": "node", **_COMET, **_EXECUTION, **_NODE},
    names.WHOLE_EXECUTION_LINK_TYPE: {"scope": "execution", **_COMET, **_EXECUTION},
}


def direct_template(link_type: str) -> str:
    """The template that leads straight to the experiment, where the key is a text that a template can render.

    Args:
        link_type: One of `LINK_TYPES`.
    """
    return f"{_PROJECT}/{_DIRECT_KEYS[link_type]}"


def resolver_template(link_type: str, resolver: str) -> str:
    """The template that leads to the resolver page, with everything that it needs in the fragment.

    A fragment stays in the browser: the page's server hears nothing of it.

    Args:
        link_type: One of `LINK_TYPES`.
        resolver: Address of the page, without a fragment.
    """
    pairs = [f"{name}={value}" for name, value in _FRAGMENTS[link_type].items()]
    return f"{resolver}#{'&'.join(pairs)}"
