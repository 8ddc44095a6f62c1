"""The resolver page in a real browser: it leads to the pod's own experiment, and does nothing else.

Run as a script, this writes the hashes of the page's script and style into its policy.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from urllib.parse import quote

import pytest
from flytekitplugins.comet_ml import CometLink
from flytekitplugins.comet_ml.cli.config import platform_config
from flytekitplugins.comet_ml.cli.resolver import resolver_page
from flytekitplugins.comet_ml.keys.experiment_key import (
    SCOPES,
    Scope,
    derive_experiment_key,
    link_suffix,
)

from tests.support import ROOT
from tests.support.browser import Browser
from tests.support.console import links, templates
from tests.support.flyte_names import ACTION_VECTORS, CASES, VECTORS, identity_of

pytestmark = pytest.mark.newest
PAGE = ROOT / "flytekitplugins" / "comet_ml" / "cli" / "resolver.html"
ORIGINS = pytest.mark.parametrize("insecure", [False, True], ids=["trusted origin", "plain http"])
NO_EXPERIMENT = "This link does not lead to an experiment"
OPENING = "Opening the experiment"


@pytest.fixture
def page(browser: Browser) -> Browser:
    """The browser, with the page on its server and nothing to complain of yet."""
    browser.server.pages["/resolver.html"] = resolver_page()
    browser.server.landings.clear()
    browser.complaints()
    return browser


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


# The pod's key


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
def test_every_vector_of_flyte_2_lands_on_its_key(page: Browser, insecure: bool) -> None:
    urls, expected = [], []
    for number, vector in enumerate(ACTION_VECTORS):
        host = page.server.url(f"/landing/{number}")
        urls.append(address(page, names_of_action(vector, host), insecure=insecure))
        link = CometLink(vector["project_name"], vector["workspace"], host)
        expected.append(link.url(vector["key"]).removeprefix(page.server.url()))
    assert sorted(page.landings(urls, insecure=insecure)) == sorted(expected)


@pytest.mark.parametrize("missing", ["execution_project", "execution_domain", "run_name", "action_name", "attempt"])
def test_an_action_s_link_without_a_name_says_what_is_missing(page: Browser, missing: str) -> None:
    values = names_of_action(ACTION_VECTORS[0], page.server.url("/landing/0"))
    page.open(address(page, {name: value for name, value in values.items() if name != missing}))
    assert page.title(NO_EXPERIMENT) == NO_EXPERIMENT
    assert "Missing: " in page.text("#problems")


@ORIGINS
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


# What cannot be


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"generated_name": None}, "Missing: generated name."),
        ({"generated_name": ""}, "Missing: generated name."),
        ({"execution_name": None}, "Missing: execution."),
        ({"link_suffix": ""}, "Missing: link suffix."),
        (
            {"node_id": "{{ .nodeId }}"},
            "Flyte had no value for the node and left {{ .nodeId }} in the link.",
        ),
        (
            {"workspace": "{{ .taskConfig.workspace }}"},
            "Flyte had no value for the Comet workspace and left {{ .taskConfig.workspace }} in the link.",
        ),
        ({"project_name": "100%"}, "The Comet project cannot be read: “100%”."),
        ({"project_name": "%ff"}, "The Comet project cannot be read: “%ff”."),
        ({"project_name": ".."}, "The Comet project cannot be “..”."),
        ({"workspace": "%2E%2E"}, "The Comet workspace cannot be “..”."),
        ({"scope": "run"}, "The link does not say which kind of link it is."),
        ({"scope": "constructor"}, "The link does not say which kind of link it is."),
        ({"scope": None}, "The link does not say which kind of link it is."),
        ({"scope": "custom"}, "Missing: experiment key."),
        ({"scope": "custom", "experiment_key": "k" * 31}, "Comet has no such experiment key"),
        ({"scope": "custom", "experiment_key": "k" * 32 + "%2F"}, "Comet has no such experiment key"),
        ({"scope": "execution", "execution_name": "a" * 20, "link_suffix": "x"}, "Comet has no such experiment key"),
    ],
)
def test_what_is_wrong_with_a_link_is_said(page: Browser, changes: dict[str, str | None], problem: str) -> None:
    page.open(address(page, names(**changes)))
    assert page.title(NO_EXPERIMENT) == NO_EXPERIMENT
    assert problem in page.text("#problems")
    assert page.server.landings == []
    assert page.complaints() == []


def test_a_broken_link_still_leads_to_the_project(page: Browser) -> None:
    page.open(address(page, names(generated_name="{{ .generatedName }}", workspace="my%20team")))
    page.title(NO_EXPERIMENT)
    assert page.links() == {"Open the project in Comet": "https://comet.invalid/my%20team/digits"}
    assert "its row has run1 in the column flyte_execution" in page.text("#lead")
    assert "run1" in page.text("#values")


def test_everything_that_is_missing_is_named_at_once(page: Browser) -> None:
    page.open(address(page, {"scope": "attempt"}))
    page.title(NO_EXPERIMENT)
    assert page.text("#problems").startswith("Missing: Comet host, Comet workspace, Comet project, link suffix, Flyte")
    assert page.text("#values").count("missing") == 10
    assert page.links() == {}


def test_without_names_the_page_says_what_it_is(page: Browser) -> None:
    page.open(page.server.url("/resolver.html"))
    assert page.title("Comet links for Flyte") == "Comet links for Flyte"
    assert "The Flyte console opens this page" in page.text()


def test_the_key_and_the_names_are_shown_while_the_experiment_is_opened(page: Browser) -> None:
    # Nothing listens there, so the page stays.
    page.driver.set_page_load_timeout(20)
    page.server.pages["/stay"] = re.sub(r"  location\.replace\(target\);\n", "", _without_policy(resolver_page()))
    page.open(page.server.url("/stay") + address(page, names()).partition("resolver.html")[2])
    page.title(OPENING)
    key = "250997f939455c8cb6e8980bcc26366a7656b168"
    assert page.links() == {"Open the experiment in Comet": f"https://comet.invalid/my-team/digits/{key}"}
    assert key in page.text("#values")


def _without_policy(text: str) -> str:
    return re.sub(r'<meta http-equiv="Content-Security-Policy".*?>', "", text)


# Hostile input


@pytest.mark.parametrize(
    "host",
    [
        "javascript:alert(1)",
        "javascript:alert(1)//https://comet.invalid",
        "JavaScript:alert(document.domain)",
        "java%0Ascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//comet.invalid",
        "comet.invalid",
        "https://",
        "https://user:password@comet.invalid",
        "https://comet.invalid@elsewhere.invalid",
        "https://comet.invalid?x=",
        "https://comet.invalid%23",
        "blob:https://comet.invalid/x",
        "http://[::1",
        "%00",
    ],
)
def test_a_host_that_is_no_web_server_is_not_opened(page: Browser, host: str) -> None:
    page.open(address(page, names(host=host)))
    assert page.title(NO_EXPERIMENT) == NO_EXPERIMENT
    assert "The Comet host is no address of a web server." in page.text("#problems")
    assert page.links() == {}
    assert page.driver.current_url.startswith(page.server.url("/resolver.html"))


@pytest.mark.parametrize("name", ["workspace", "project_name", "generated_name", "node_id", "host", "scope", "attempt"])
def test_markup_in_a_name_is_text(page: Browser, name: str) -> None:
    markup = "<img src=x onerror=document.title='hacked'><script>document.title='hacked'</script>"
    for value in (markup, quote(markup, safe="")):
        # Something is missing, so that the names are shown.
        page.open(address(page, names(**{name: value, "execution_project": ""})))
        page.title(NO_EXPERIMENT)
        assert page.driver.title == NO_EXPERIMENT
        assert page.driver.execute_script("return document.querySelectorAll('img, main script').length") == 0
        if name not in ("host", "scope"):
            assert markup in page.text("#values")
    assert page.complaints() == []


def test_a_name_cannot_leave_its_place_in_the_address(page: Browser) -> None:
    link = CometLink("../../evil?x#y", "a/../b\\c", page.server.url("/base/"), experiment_key="k" * 32)
    by_type = templates(platform_config(resolver=page.server.url("/resolver.html")))
    (url,) = links(by_type, link.config(), CASES[0]["template_vars"])
    assert page.landings([url]) == [f"/base/a%2F..%2Fb%5Cc/..%2F..%2Fevil%3Fx%23y/{'k' * 32}"]


def test_a_name_that_comes_twice_counts_once(page: Browser) -> None:
    page.server.landings.clear()
    page.open(address(page, names(host=page.server.url())) + "&project_name=other&host=https://elsewhere.invalid")
    page.title("landed")
    assert page.server.landings == ["/my-team/digits/250997f939455c8cb6e8980bcc26366a7656b168"]


def test_only_the_hosts_that_the_page_was_made_for_are_opened(page: Browser) -> None:
    mine = page.server.url()
    page.server.pages["/mine.html"] = resolver_page(("https://www.comet.com", mine))
    fragment = address(page, names(host=mine)).partition("resolver.html")[2]
    page.open(page.server.url("/mine.html") + fragment)
    page.title("landed")
    assert len(page.server.landings) == 1
    page.open(page.server.url("/mine.html") + fragment.replace(mine, page.server.url(insecure=True)))
    page.title(NO_EXPERIMENT)
    assert (
        f"This page does not open {page.server.url(insecure=True)}, only https://www.comet.com, {mine}." in page.text()
    )
    assert page.links() == {}
    assert len(page.server.landings) == 1


# The file


def policy_hashes(text: str) -> dict[str, str]:
    """Hashes of the page's script and style, as its policy names them."""
    return {
        name: "sha256-"
        + base64.b64encode(
            hashlib.sha256(re.findall(f"<{name}>(.*?)</{name}>", text, re.S)[0].encode()).digest()
        ).decode()
        for name in ("script", "style")
    }


def test_the_policy_allows_this_script_and_this_style_and_nothing_else() -> None:
    text = PAGE.read_text()
    hashes = policy_hashes(text)
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy == [
        f"default-src 'none'; script-src '{hashes['script']}'; style-src '{hashes['style']}'; base-uri 'none'; "
        "form-action 'none'"
    ], "After a change to the page, run: python tests/test_resolver_page.py"


def test_the_page_asks_for_nothing() -> None:
    text = PAGE.read_text()
    assert not re.findall(
        r"(?:src|href)\s*=\s*[\"']|url\(|@import|fetch\(|XMLHttpRequest|import\(|eval\(|innerHTML", text
    )


def test_the_page_s_policy_is_in_force(page: Browser) -> None:
    page.open(page.server.url("/resolver.html"))
    page.complaints()
    page.driver.execute_script(
        "const s = document.createElement('script'); s.text = 'window.ran = 1'; document.body.append(s)"
    )
    assert page.driver.execute_script("return window.ran") is None
    assert "Content Security Policy" in " ".join(page.complaints())


if __name__ == "__main__":
    content = PAGE.read_text()
    for element, value in policy_hashes(content).items():
        content = re.sub(rf"({element}-src ')sha256-[^']*'", lambda match, value=value: f"{match[1]}{value}'", content)
    PAGE.write_text(content)
