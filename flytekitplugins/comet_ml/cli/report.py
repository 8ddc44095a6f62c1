"""What `doctor` says of a task of either generation: which experiment, which server, and what is wrong with options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from ..keys.experiment_key import (
    derive_execution_key,
    derive_experiment_key,
    derive_node_key,
    is_legal_key,
    link_suffix,
)
from ..link import CometLink
from ..names import COMET_SERVICE
from ..options import Options
from ..session.server import COMET_HOSTS
from ..shown import name_of, shown
from ..web_address import is_loopback

if TYPE_CHECKING:
    from ..flyte1.workflow_nodes import NodeOfTask

_COVERS = {
    "attempt": "an experiment for every attempt of every node",
    "node": "an experiment for every node, over all its attempts",
    "execution": "one experiment for the whole execution",
}


# An execution's name as Flyte makes them up.
_EXECUTION = "a" + "bcdfghjklmnpqrstvwx"


@dataclass
class Report:
    """What there is to say about a task.

    Attributes:
        name: The task's name.
        link: Its link.
        nodes: Its nodes in the workflows that were imported.
        facts: Pairs of a label and lines of text.
        problems: What is wrong: it fails, or does not do what its options say.
        notes: What one should know.
        secret: Which secret it asks for.
        server: The server that its pods talk to.
        generation: The generation of Flyte that it is a task of. In Flyte 2 there are no nodes.
    """

    name: str
    link: CometLink
    nodes: list[NodeOfTask]
    facts: list[tuple[str, list[str]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    secret: str = ""
    server: str = ""
    generation: Literal["flyte1", "flyte2"] = "flyte1"


def direct(link: CometLink, node_id: str) -> bool:
    """Whether the direct template renders the key, in an execution with a name that Flyte made up."""
    if link.experiment_key is not None:
        return True
    comet = {"workspace": link.workspace, "project_name": link.project_name}
    names = {"flyte_project": "p", "flyte_domain": "d", "execution": _EXECUTION, **comet}
    suffix = link_suffix(link.project_name, link.workspace, link.scope)
    if link.scope == "execution":
        return derive_execution_key(**names) == f"{_EXECUTION}{suffix}"
    if link.scope == "node":
        return derive_node_key(**names, node_id=node_id) == f"{_EXECUTION}{suffix}{node_id}"
    key = derive_experiment_key(**names, generated_name=f"{_EXECUTION}-{node_id}-0")
    return key == f"{_EXECUTION}{node_id}0{suffix}"


def examine(found: Report, options: Options, secret: str | None, *facts: tuple[str, list[str]]) -> None:
    """Note what is to be said of the options of a task, of whatever generation.

    Args:
        found: What is known of the task.
        options: The decorator's options.
        secret: The secret that it asks for, in words; None if a callable gives the key.
        facts: What else there is to say.
    """
    found.secret = secret or f"none requested; {name_of(options.secret)} is called in the pod"
    found.server = _server(found.link.host, options.login_kwargs)
    experiment = ("experiment", [_experiment_of(found.link, options.start)])
    found.facts += [experiment, *facts, ("secret", [found.secret]), ("server", [found.server])]
    _examine_key(found, found.link)
    _examine_options(found, options)


def examine_place(found: Report, module: str, name: str, value: object, *, right: bool) -> None:
    """Say if a pod does not find a task: it imports a module, and looks for a name in it.

    Args:
        found: What is known of the task.
        module: The module.
        name: The name.
        value: What stands there; None if nothing does.
        right: Whether that is the task.
    """
    if value is None:
        found.problems.append(
            f"It cannot run in a pod: {name!r} is no name of the module {module!r}, where the pod looks for it. A task "
            "that stands only in a class body or in a function is not found. Write it at the top level of the module."
        )
    elif not right:
        found.problems.append(
            f"It cannot run in a pod: the pod looks for the name {name!r} in the module {module!r}, and finds "
            "something else. Give that name to this task alone."
        )


def _server(host: str, options: Mapping[str, object]) -> str:
    """The server that a pod talks to, as far as the decorator decides it."""
    override = options.get("url_override")
    if override:
        return str(override)
    return COMET_SERVICE if urlsplit(host).hostname in COMET_HOSTS else host


def _experiment_of(link: CometLink, start: bool) -> str:
    """Which experiment a task has, in words."""
    covers = _COVERS[link.scope] if link.experiment_key is None else f"the one with the key {link.experiment_key}"
    started = "" if start else ", which the body starts itself"
    return f"{link.workspace}/{link.project_name}: {covers}{started}"


def _examine_key(found: Report, link: CometLink) -> None:
    """Say what is to be said of a given experiment key."""
    key = link.experiment_key
    if key is None:
        return
    if not is_legal_key(key):
        found.problems.append(
            f"Comet refuses experiment_key={shown(key, experiment_key=True)}: a key is 32 to 50 ASCII letters and "
            f"digits; this one has {len(key)} characters."
        )
    found.notes.append("All nodes, attempts and executions log to this one experiment, since it has an experiment_key.")


def _examine_options(found: Report, options: Options) -> None:
    """Say what is to be said of the other options."""
    link, keywords = options.link, options.login_kwargs
    override = keywords.get("url_override")
    if override and urlsplit(str(override)).netloc != urlsplit(link.host).netloc:
        found.problems.append(
            f"The link leads to host={link.host!r}, but the data goes to url_override={shown(override)}: set only "
            "`host`."
        )
    if keywords.get("api_key"):
        found.problems.append(
            "api_key= puts the API key into your code and image. In a pod it is not even used: `secret` is. Leave it "
            "out; for local runs, set COMET_API_KEY or run `comet login`."
        )
    if urlsplit(link.host).scheme == "http" and not is_loopback(link.host):
        found.notes.append(f"{link.host} is plain http: the API key crosses the network as it is.")
    if not options.start:
        found.notes.append(
            "start=False: unless the body starts an experiment, there is none, and the link leads nowhere. The body's "
            "`comet_ml.start()` has the key that the link leads to."
        )
    if keywords.get("disabled"):
        found.notes.append("disabled=True: nothing is tracked.")
    if keywords.get("online") is False:
        found.notes.append("online=False: the experiment is an archive until it is uploaded; the link leads nowhere.")
    config = link.config()
    if config["workspace"] != link.workspace or config["project_name"] != link.project_name:
        found.notes.append(
            f"Quoted in the link: {config['workspace']}/{config['project_name']}. Compare it with the address that "
            "your browser shows for the project in Comet: the link is right only if they are the same."
        )
