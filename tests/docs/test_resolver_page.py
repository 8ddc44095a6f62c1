"""The resolver page in a real browser: what is wrong with a link is said, and hostile input does nothing.

Run as a script, this writes the hashes of the page's script and style into its policy.
"""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import quote

import pytest
from flytekitplugins.comet_ml import CometLink
from flytekitplugins.comet_ml.cli.config import platform_config
from flytekitplugins.comet_ml.cli.resolver import resolver_page

from tests.support import ROOT
from tests.support.browser import Browser
from tests.support.console import links, templates
from tests.support.flyte_names import CASES
from tests.support.resolver_page import NO_EXPERIMENT, OPENING, address, names

pytestmark = pytest.mark.newest
PAGE = ROOT / "flytekitplugins" / "comet_ml" / "cli" / "resolver.html"


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
@pytest.mark.by_default("changes0-Missing: generated name.", "changes14-Comet has no such experiment key")
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
@pytest.mark.by_default("javascript:alert(1)", "//comet.invalid")
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
    ], "After a change to the page, run: python -m tests.docs.test_resolver_page"


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
