"""`config`: what a platform's configuration needs for the links."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from ..link import problem_of_page
from .charts import CHARTS, preface
from .templates import LINK_TYPES, direct_template, resolver_template

SECTIONS = {
    "logs": ("plugins", "logs"),
    "ray": ("plugins", "ray", "logs"),
    "dask": ("plugins", "dask", "logs"),
    "spark": ("plugins", "spark", "logs", "mixed"),
}
"""Where the control plane looks for the links of a kind of task. "logs" is for all without a section of their own."""


def platform_config(
    *,
    resolver: str | None = None,
    helm: bool = False,
    sections: Sequence[str] = ("logs",),
    within: tuple[str, ...] = (),
) -> str:
    """The YAML for the platform's configuration.

    Args:
        resolver: Address of the resolver page; None for templates that lead straight to Comet.
        helm: Whether the YAML goes through Helm, which would take the templates for its own.
        sections: Names of `SECTIONS`.
        within: Names of the sections around all of it.
    """
    lines = [f"{'  ' * depth}{name}:" for depth, name in enumerate(within)]
    path = within
    for section in sorted(dict.fromkeys(sections), key=list(SECTIONS).index):
        own = (*within, *SECTIONS[section], "dynamic-log-links")
        shared = next(i for i, (a, b) in enumerate(zip((*path, ""), own, strict=False)) if a != b)
        lines += [f"{'  ' * depth}{own[depth]}:" for depth in range(shared, len(own))]
        path = own
        indent = "  " * len(own)
        for link_type in LINK_TYPES:
            template = resolver_template(link_type, resolver) if resolver else direct_template(link_type)
            if helm:
                template = re.sub(r"\{\{ \S+ \}\}", lambda variable: f"{{{{ `{variable[0]}` }}}}", template)
            lines += [
                f"{indent}- {link_type}:",
                f"{indent}    displayName: Comet",
                f"{indent}    templateUris:",
                f'{indent}      - "{template}"',
            ]
    return "\n".join(lines) + "\n"


def chart_values(name: str, *, resolver: str | None = None, sections: Sequence[str] = ("logs",)) -> str:
    """A values file for one of Flyte's Helm charts, with what to do with it in comments.

    Args:
        name: One of `charts.CHARTS`.
        resolver: Address of the resolver page; None for templates that lead straight to Comet.
        sections: Names of `SECTIONS`.
    """
    yaml = platform_config(resolver=resolver, helm=True, sections=sections, within=CHARTS[name].path)
    return f"{preface(name)}\n{yaml}"


def web_page(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse what is no address of a page that can be given a fragment."""
    problem = None if value is None else problem_of_page(value)
    if value is not None and problem is not None:
        raise click.BadParameter(f"{problem}.")
    return value


@click.command()
@click.option(
    "--resolver",
    metavar="URL",
    callback=web_page,
    help="Address under which you serve the page that the command `resolver` writes: the links lead to it.",
)
@click.option(
    "--chart",
    type=click.Choice(list(CHARTS)),
    help="Print a whole values file for this Helm chart, with comments on where it goes.",
)
@click.option("--helm", is_flag=True, help="Escape the templates for a Helm values file; --chart does it by itself.")
@click.option(
    "--section",
    "sections",
    type=click.Choice(list(SECTIONS)),
    multiple=True,
    default=("logs",),
    show_default=True,
    help="Which tasks: `logs` is for all but Ray, Dask and Spark. Can be given more than once.",
)
def command(resolver: str | None, chart: str | None, helm: bool, sections: tuple[str, ...]) -> None:
    """Print the platform configuration for the links in the Flyte console.

    Without --resolver the links lead straight to Comet, which is right for the nodes whose experiment key is made of
    their names. With it they lead to a page that finds the experiment of every node.

    \b
    Examples:
      python -m flytekitplugins.comet_ml config
      python -m flytekitplugins.comet_ml config --resolver https://pages.example.com/resolver.html
      python -m flytekitplugins.comet_ml config --chart flyte-binary
      python -m flytekitplugins.comet_ml config --chart flyte-core --section logs --section ray

    With --chart, its comments say how to merge it with the values that you have, and what is restarted. A task whose
    link type is not configured has no link; nothing else happens.
    """  # noqa: D301 - click wants the character itself
    if chart is not None:
        text = chart_values(chart, resolver=resolver, sections=sections)
    else:
        text = platform_config(resolver=resolver, helm=helm, sections=sections)
    click.echo(text, nl=False)
