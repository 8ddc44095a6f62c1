"""The commands `config` and `resolver`: YAML that the control plane can read, and the page."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from flytekitplugins.comet_ml import CometLink
from flytekitplugins.comet_ml.cli import main
from flytekitplugins.comet_ml.cli.config import chart_values, platform_config
from flytekitplugins.comet_ml.cli.templates import LINK_TYPES
from flytekitplugins.comet_ml.keys.experiment_key import SCOPES

from tests.support.console import SECTIONS, filled_in, links, templates, through_helm
from tests.support.flyte_names import CASES, identity_of

PAGE = "https://pages.example.com/comet/resolver.html"
PLAIN = CASES[0]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flytekitplugins.comet_ml", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def refused(*arguments: str) -> str:
    """What a command says that ends with a usage error."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    return result.output


# The YAML

COMBINATIONS = [
    (resolver, helm, sections)
    for resolver, helm in itertools.product((None, PAGE, f"{PAGE}?v=1&b=%20"), (False, True))
    for size in (1, 2, 4)
    for sections in itertools.permutations(SECTIONS, size)
]


@pytest.mark.by_default("logs")
@pytest.mark.parametrize("section", SECTIONS)
def test_every_combination_is_yaml_with_all_link_types(section: str) -> None:
    for resolver, helm, sections in COMBINATIONS:
        if section in sections:
            text = platform_config(resolver=resolver, helm=helm, sections=sections)
            found = templates(through_helm(text) if helm else text, section)
            assert list(found) == list(LINK_TYPES)
            assert all(len(each) == 1 for each in found.values())


@pytest.mark.parametrize("resolver", [None, PAGE])
def test_helm_gives_back_what_was_escaped_for_it(resolver: str | None) -> None:
    for sections in itertools.permutations(SECTIONS, 2):
        escaped = platform_config(resolver=resolver, helm=True, sections=sections)
        assert "{{ `{{ .taskConfig.host }}` }}" in escaped
        assert through_helm(escaped) == platform_config(resolver=resolver, sections=sections)
        # Charts write the values as YAML again, on lines of another length, before Helm reads them as a template.
        again = yaml.safe_dump(yaml.safe_load(escaped), width=40)
        assert yaml.safe_load(through_helm(again)) == yaml.safe_load(through_helm(escaped))


# The charts of Flyte v1.16.8: where their values have the platform's configuration.
CHARTS = {"flyte-binary": ("configuration", "inline"), "flyte-core": ("configmap", "task_logs")}


def rendered_by_chart(values: str, chart: str) -> Any:
    """The configuration that the chart makes of its values: `tpl` of the section as YAML, in Helm's own layout."""
    section = yaml.safe_load(values)
    for name in CHARTS[chart]:
        assert list(section) == [name]
        section = section[name]
    return yaml.safe_load(through_helm(yaml.safe_dump(section, width=80)))


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("resolver", [None, PAGE])
def test_a_chart_makes_of_its_values_what_config_prints(chart: str, resolver: str | None) -> None:
    for size in (1, 2, 4):
        for sections in itertools.combinations(SECTIONS, size):
            values = chart_values(chart, resolver=resolver, sections=sections)
            expected = platform_config(resolver=resolver, sections=sections)
            assert rendered_by_chart(values, chart) == yaml.safe_load(expected)


@pytest.mark.parametrize("chart", CHARTS)
def test_the_comments_of_a_values_file_say_what_to_do_with_it(chart: str) -> None:
    comments = "\n".join(line for line in chart_values(chart).splitlines() if line.startswith("#"))
    assert f"helm upgrade RELEASE flyteorg/{chart}" in comments
    assert "Helm merges sections, and replaces lists" in comments
    assert "kubectl rollout restart deployment" in comments
    # Not even a comment may have braces, for those who render their values files themselves.
    assert "{" not in comments


def test_config_prints_a_chart_s_values() -> None:
    result = CliRunner().invoke(main, ["config", "--chart", "flyte-core", "--section", "ray", "--resolver", PAGE])
    assert result.output == chart_values("flyte-core", resolver=PAGE, sections=("ray",))


def test_a_chart_that_there_is_not_is_refused() -> None:
    assert "'flyte-binary', 'flyte-core'" in refused("config", "--chart", "flyte")


def test_the_order_and_number_of_sections_do_not_matter() -> None:
    both = platform_config(sections=("spark", "logs", "spark"))
    assert both == platform_config(sections=("logs", "spark"))
    assert templates(both, "logs") == templates(both, "spark") == templates(platform_config())


def test_a_template_has_only_variables_that_the_control_plane_knows_and_no_commas() -> None:
    known = {*PLAIN["template_vars"], "taskRetryAttempt"}
    config = {name: "x" for scope in SCOPES for name in CometLink("p", "w", scope=scope).config()}
    for resolver in (None, PAGE):
        for (template,) in templates(platform_config(resolver=resolver)).values():
            assert "," not in template
            values = dict.fromkeys(known, "x")
            assert "{{" not in filled_in(template, {**config, "experiment_key": "x"}, values)


# The links


@pytest.mark.parametrize("scope", SCOPES)
def test_a_plain_node_s_direct_link_is_that_of_its_experiment(scope: Any) -> None:
    link = CometLink("my project", "my-team", "https://comet.example.com", scope=scope)
    (url,) = links(templates(platform_config()), link.config(), PLAIN["template_vars"])
    key = identity_of(PLAIN).experiment_key(workspace="my-team", project_name="my project", scope=scope)
    assert url == link.url(key)


def test_a_given_key_s_direct_link_is_that_of_its_experiment() -> None:
    link = CometLink("my project", "my-team", experiment_key="k" * 32)
    (url,) = links(templates(platform_config()), link.config(), PLAIN["template_vars"])
    assert url == link.url("k" * 32)


@pytest.mark.parametrize("scope", SCOPES)
def test_with_the_page_each_link_hands_it_every_name_of_the_node(scope: Any) -> None:
    link = CometLink("my project", "my-team", scope=scope)
    (url,) = links(templates(platform_config(resolver=PAGE)), link.config(), PLAIN["template_vars"])
    page, _, fragment = url.partition("#")
    assert page == PAGE
    values = dict(pair.split("=", 1) for pair in fragment.split("&"))
    assert values.pop("scope") == scope
    expected = {name: value for name, value in link.config().items() if name != "link_type"}
    expected |= {"execution_project": "flytesnacks", "execution_domain": "development"}
    expected |= {"execution_name": "ahq8bl2jkbsf7wxd4mzn"}
    if scope != "execution":
        expected |= {"node_id": "n0", "attempt": "0", "generated_name": "ahq8bl2jkbsf7wxd4mzn-n0-0"}
    assert values == expected


def test_a_platform_without_a_link_type_shows_no_link_and_the_others_as_before() -> None:
    deployed = {name: templates(platform_config())[name] for name in LINK_TYPES[:2]}
    config = CometLink("digits", "my-team", scope="node").config()
    assert links(deployed, config, PLAIN["template_vars"]) == []
    beside = {**config, "link_type": f"{config['link_type']},comet-ml-custom-id", "experiment_key": "k" * 32}
    assert len(links(deployed, beside, PLAIN["template_vars"])) == 1


# The commands


def test_config_prints_the_yaml_and_nothing_else() -> None:
    done = run("config", "--resolver", PAGE, "--helm", "--section", "ray", "--section", "logs")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == platform_config(resolver=PAGE, helm=True, sections=("logs", "ray"))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("pages.example.com/resolver.html", "is no address of a page"),
        ("ftp://pages.example.com/resolver.html", "is no address of a page"),
        ("javascript:alert(1)", "is no address of a page"),
        ("https://", "is no address of a page"),
        ("https://[::1", "is no address of a page"),
        ("https://pages.example.com:99999/", "is no address of a page"),
        ("", "is no address of a page"),
        ("https://pages.example.com/resolver.html#", "has a fragment"),
        ("https://pages.example.com/resolver.html#x", "has a fragment"),
        ("https://me:secret@pages.example.com/", "no user name and password"),
        ('https://pages.example.com/"', "characters that cannot stand in an address"),
        ("https://pages.example.com/{{ .x }}", "characters that cannot stand in an address"),
        ("https://pages.example.com/a b", "characters that cannot stand in an address"),
        ("https://pages.example.com/\n", "characters that cannot stand in an address"),
        ("https://pages.example.com/`", "characters that cannot stand in an address"),
    ],
)
def test_a_resolver_that_is_no_page_is_refused(url: str, message: str) -> None:
    said = " ".join(refused("config", "--resolver", url).replace("│", " ").split())
    assert "Invalid value for '--resolver'" in said
    assert message in said
    assert "secret" not in said


def test_a_section_that_there_is_not_is_refused() -> None:
    assert "'logs', 'ray', 'dask', 'spark'" in refused("config", "--section", "pytorch")


def test_resolver_writes_the_page_to_standard_output_or_to_a_file(tmp_path: Path) -> None:
    done = run("resolver")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("<!doctype html>")
    assert CliRunner().invoke(main, ["resolver", "-o", str(tmp_path / "page.html")]).exit_code == 0
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == done.stdout


def test_resolver_says_when_it_cannot_write(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["resolver", "-o", str(tmp_path / "nowhere" / "page.html")])
    assert result.exit_code != 0
    assert "No such file or directory" in result.output


def test_the_page_can_be_made_for_certain_hosts() -> None:
    hosts = ("https://www.comet.com:443/", "http://Comet.Example.com:8080/x")
    arguments = [part for host in hosts for part in ("--host", host)]
    page = CliRunner().invoke(main, ["resolver", *arguments]).output
    assert '<meta name="comet-hosts" content="https://www.comet.com http://comet.example.com:8080">' in page
    assert '<meta name="comet-hosts" content="">' in CliRunner().invoke(main, ["resolver"]).output


@pytest.mark.parametrize("host", ["comet.example.com", "ftp://x", 'https://"><script>', "https://", "https://x:99999"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    assert "is no address of a Comet host" in " ".join(refused("resolver", "--host", host).split())


@pytest.mark.parametrize("command", ["config", "resolver"])
def test_the_help_has_examples_that_work(command: str) -> None:
    text = CliRunner().invoke(main, [command, "--help"]).output
    examples = re.findall(r"^ +python -m flytekitplugins.comet_ml (.*)$", text, re.MULTILINE)
    assert examples
    for example in examples:
        assert CliRunner().invoke(main, example.split()).exit_code == 0
