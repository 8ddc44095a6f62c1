"""The resolver page in a real browser: every link leads to the key of the pod's own experiment."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flytekitplugins.comet_ml import CometLink
from flytekitplugins.comet_ml.cli.config import platform_config
from flytekitplugins.comet_ml.keys.experiment_key import SCOPES, Scope, derive_experiment_key, link_suffix

from tests.support.browser import Browser
from tests.support.console import links, templates
from tests.support.flyte_names import ACTION_VECTORS, CASES, VECTORS, identity_of
from tests.support.resolver_page import NO_EXPERIMENT, address, names, names_of_action

pytestmark = pytest.mark.newest

ORIGINS = pytest.mark.parametrize("insecure", [False, True], ids=["trusted origin", "plain http"])


@pytest.mark.by_default("attempt-trusted origin", "node-plain http")
@ORIGINS
@pytest.mark.parametrize("scope", SCOPES)
def test_every_case_of_the_control_plane_lands_on_the_pod_s_key(page: Browser, scope: Scope, insecure: bool) -> None:
    # Workspace and project with everything that quoting can get wrong; the host tells the cases apart.
    workspace, project_name = 'équipe "A" 100% + 50%25', "a/b & c=d#e?<f>'g'(h)!*~ {{x}}\N{GRINNING FACE}"
    by_type = templates(platform_config(resolver=page.server.url("/resolver.html", insecure=insecure)))
    urls, expected = [], []
    for number, case in enumerate(CASES):
        link = CometLink(project_name, workspace, page.server.url(f"/landing/{number}"), scope=scope)
        urls += links(by_type, link.config(), case["template_vars"])
        key = identity_of(case).experiment_key(workspace=workspace, project_name=project_name, scope=scope)
        expected.append(link.url(key).removeprefix(page.server.url()))
    assert len(urls) == len(CASES) == 46
    assert sorted(page.landings(urls, insecure=insecure)) == sorted(expected)


@ORIGINS
@pytest.mark.by_default("plain http")
def test_every_vector_of_flyte_2_lands_on_its_key(page: Browser, insecure: bool) -> None:
    urls, expected = [], []
    for number, vector in enumerate(ACTION_VECTORS):
        host = page.server.url(f"/landing/{number}")
        urls.append(address(page, names_of_action(vector, host), insecure=insecure))
        link = CometLink(vector["project_name"], vector["workspace"], host)
        expected.append(link.url(vector["key"]).removeprefix(page.server.url()))
    assert sorted(page.landings(urls, insecure=insecure)) == sorted(expected)


@pytest.mark.parametrize("missing", ["execution_project", "execution_domain", "run_name", "action_name", "attempt"])
@pytest.mark.by_default("run_name")
def test_an_action_s_link_without_a_name_says_what_is_missing(page: Browser, missing: str) -> None:
    values = names_of_action(ACTION_VECTORS[0], page.server.url("/landing/0"))
    page.open(address(page, {name: value for name, value in values.items() if name != missing}))
    assert page.title(NO_EXPERIMENT) == NO_EXPERIMENT
    assert "Missing: " in page.text("#problems")


@ORIGINS
@pytest.mark.by_default("plain http")
def test_every_vector_of_the_documentation_lands_on_its_key(page: Browser, insecure: bool) -> None:
    urls, expected = [], []
    for number, vector in enumerate(VECTORS):
        workspace, project_name = vector["workspace"], vector["project_name"]
        name, _, subtask = vector.get("generated_name", vector.get("node_id", "")).partition("/")
        node, _, attempt = name.removeprefix(f"{vector['execution']}-").rpartition("-")
        if vector["scope"] == "node":
            node, attempt, name = name, "0", f"{vector['execution']}-{name}-0"
            subtask = f"{subtask}/1" if subtask else ""
        values = {
            "scope": vector["scope"],
            "host": page.server.url(f"/landing/{number}"),
            "workspace": quote(workspace, safe=""),
            "project_name": quote(project_name, safe=""),
            "link_suffix": link_suffix(project_name, workspace, vector["scope"]),
            "execution_project": vector["flyte_project"],
            "execution_domain": vector["flyte_domain"],
            "execution_name": vector["execution"],
            # A hashed name says nothing of these, and they are not read.
            "node_id": node or "n0",
            "attempt": attempt or "0",
            "generated_name": f"{name}-{subtask.replace('/', '-')}" if subtask else name,
        }
        urls.append(address(page, values, insecure=insecure))
        link = CometLink(project_name, workspace, page.server.url(f"/landing/{number}"))
        expected.append(link.url(vector["key"]).removeprefix(page.server.url()))
    assert sorted(page.landings(urls, insecure=insecure)) == sorted(expected)


@pytest.mark.slow
def test_on_plain_http_names_of_every_length_have_the_right_digest(page: Browser) -> None:
    # Around every border of SHA-256's blocks of 64 bytes.
    urls, expected = [], []
    for length in range(1, 70):
        project_name = "ä" + "x" * length
        link = CometLink(project_name, "w", page.server.url(f"/landing/{length}"))
        changes = {"host": link.host, "workspace": "w", "project_name": quote(project_name)}
        urls.append(address(page, names(**changes), insecure=True))
        key = derive_experiment_key(
            flyte_project="flytesnacks",
            flyte_domain="development",
            execution="run1",
            generated_name="run1-n0-0",
            workspace="w",
            project_name=project_name,
        )
        expected.append(link.url(key).removeprefix(page.server.url()))
    assert sorted(page.landings(urls, insecure=True)) == sorted(expected)


def test_the_two_origins_differ_in_what_the_browser_offers(page: Browser) -> None:
    offered = []
    for insecure in (False, True):
        page.open(page.server.url("/resolver.html", insecure=insecure))
        offered.append(page.driver.execute_script("return Boolean(globalThis.crypto && crypto.subtle)"))
    assert offered == [True, False]


@pytest.mark.parametrize("experiment_key", ["k" * 32, "Z9" * 25])
def test_a_given_key_is_kept(page: Browser, experiment_key: str) -> None:
    link = CometLink("my project", "my-team", page.server.url(), experiment_key=experiment_key)
    by_type = templates(platform_config(resolver=page.server.url("/resolver.html")))
    (url,) = links(by_type, link.config(), CASES[0]["template_vars"])
    assert page.landings([url]) == [f"/my-team/my%20project/{experiment_key}"]


def test_the_way_back_from_comet_leads_past_the_page(page: Browser) -> None:
    page.open(page.server.url("/console"))
    page.server.landings.clear()
    page.driver.get(address(page, names(host=page.server.url())))
    page.title("landed")
    page.driver.back()
    page.title("landed")
    assert page.driver.current_url == page.server.url("/console")


def test_the_next_page_hears_nothing_of_flyte(page: Browser) -> None:
    page.open(address(page, names(host=page.server.url())))
    page.title("landed")
    assert page.driver.execute_script("return document.referrer") == ""
