"""docs/links.md: its table and its code are what the control plane's names, the page and the SDK make of them.

Run as a script, this makes the table again; it needs chromium.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from click.testing import CliRunner
from comet_ml.query import Other
from flytekitplugins.comet_ml import CometLink
from flytekitplugins.comet_ml.cli import main
from flytekitplugins.comet_ml.cli.config import platform_config
from flytekitplugins.comet_ml.cli.resolver import resolver_page
from flytekitplugins.comet_ml.keys.experiment_key import SCOPES, Scope

from tests.support import ROOT
from tests.support.browser import Browser, chromium
from tests.support.canary import CANARY
from tests.support.comet_http import Request
from tests.support.comet_server import CometServer
from tests.support.console import links, templates
from tests.support.flyte_names import CASES, NAMES, identity_of
from tests.support.pod_environment import InPod
from tests.support.tracked import track

DOCUMENT = ROOT / "docs" / "links.md"
HEADER = [
    '| node | direct, attempt | direct, `scope="node"` | direct, `scope="execution"` | resolver page | deck |',
    "| --- | --- | --- | --- | --- | --- |",
]


def direct(case: Mapping[str, Any], scope: Scope) -> bool:
    """Whether the direct template renders the address of the pod's own experiment."""
    link = CometLink(**NAMES, scope=scope)
    (url,) = links(templates(platform_config()), link.config(), case["template_vars"])
    return bool(url == link.url(identity_of(case).experiment_key(**NAMES, scope=scope)))


def resolved(browser: Browser) -> dict[str, bool]:
    """Whether the resolver page leads to the pod's own experiment, in every scope, by the name of the case."""
    browser.server.pages["/resolver.html"] = resolver_page()
    by_type = templates(platform_config(resolver=browser.server.url("/resolver.html")))
    found = {case["case"]: True for case in CASES}
    for scope in SCOPES:
        urls, expected = [], {}
        for number, case in enumerate(CASES):
            link = CometLink(**NAMES, host=browser.server.url(f"/landing/{number}"), scope=scope)
            urls += links(by_type, link.config(), case["template_vars"])
            key = identity_of(case).experiment_key(**NAMES, scope=scope)
            expected[case["case"]] = link.url(key).removeprefix(browser.server.url())
        landings = set(browser.landings(urls))
        found = {name: right and expected[name] in landings for name, right in found.items()}
    return found


def table(resolver: Mapping[str, bool]) -> list[str]:
    """The table, given what the page does."""
    rows = []
    for case in CASES:
        marks = [*(direct(case, scope) for scope in SCOPES), resolver[case["case"]], True]
        rows.append("| " + " | ".join([case["case"], *("yes" if mark else "no" for mark in marks)]) + " |")
    return [*HEADER, *rows]


def documented() -> list[str]:
    section = DOCUMENT.read_text().split("### Which node has which link")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")]


def test_the_table_has_every_case_and_what_its_direct_links_are() -> None:
    resolver = {row.split(" | ")[0].removeprefix("| "): row.split(" | ")[4] == "yes" for row in documented()[2:]}
    assert documented() == table(resolver), "Run: python -m tests.docs.test_links"


@pytest.mark.slow
@pytest.mark.newest
def test_the_table_says_of_the_page_what_a_browser_does_with_it(browser: Browser) -> None:
    assert documented() == table(resolved(browser)), "Run: python -m tests.docs.test_links"


def test_the_page_s_column_has_no_exceptions_and_the_direct_links_have() -> None:
    columns = list(zip(*[row.strip("| ").split(" | ") for row in documented()[2:]], strict=True))
    assert set(columns[4]) == {"yes"}
    # What can be right: one-digit attempts of plain nodes, in executions whose names fit.
    assert [column.count("yes") for column in columns[1:4]] == [19, 22, 38]


def answering_queries(server: CometServer) -> Any:
    """A fault that answers the two requests of `API.query`, by the Others of the server's experiments."""

    def answer(request: Request) -> tuple[int, Any] | None:
        if request.path.endswith("/project/column-names"):
            names = sorted({name for each in server.experiments.values() for name in each.others})
            return 200, {"columns": [{"name": name, "source": "log_other", "type": "string"} for name in names]}
        if request.path.endswith("/project/query"):
            rules = [rule for part in request.body["predicates"] for rule in part["query"]["rules"]]
            assert all(rule["operator"] == "equal" for rule in rules)
            found = [
                key
                for key, each in server.experiments.items()
                if (each.workspace, each.project) == (request.body["workspaceName"], request.body["projectName"])
                and all(each.others.get(rule["field"]) == rule["value"] for rule in rules)
            ]
            return 200, {"experimentKeys": found}
        return None

    return answer


def test_the_documented_query_finds_the_experiments_of_an_execution(
    comet: CometServer, in_pod: InPod, monkeypatch: pytest.MonkeyPatch, canary: Any
) -> None:
    @track(host=comet.url)
    def train() -> None: ...

    for execution, node in (("ahq8bl2jkbsf7wxd4mzn", "n0"), ("ahq8bl2jkbsf7wxd4mzn", "n1"), ("other", "n0")):
        with in_pod(f"{execution}-{node}-0", FLYTE_INTERNAL_EXECUTION_ID=execution):
            train()
    expected = {key for key, each in comet.experiments.items() if each.others["flyte_execution"] != "other"}
    assert len(expected) == 2
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    monkeypatch.setenv("COMET_API_KEY", CANARY)
    monkeypatch.setenv("COMET_URL_OVERRIDE", f"{comet.url}/clientlib/")
    with comet.fault(answering_queries(comet)):
        exec(compile(code, "links.md", "exec"), {})
        printed = [line.split() for line in canary.read().splitlines() if line.startswith(tuple(expected))]
        assert {key for key, _ in printed} == expected
        assert all(url.endswith(f"/my-team/digits/{key}") for key, url in printed)
        one = (Other("flyte_execution") == "ahq8bl2jkbsf7wxd4mzn") & (
            Other("flyte_node") == "ahq8bl2jkbsf7wxd4mzn-n1-0"
        )
        (experiment,) = comet_ml.API().query("my-team", "digits", one)
        assert experiment.id in expected


def test_the_commands_of_the_documentation_are_commands() -> None:
    found = set()
    for document in (DOCUMENT, DOCUMENT.parents[1] / "README.md"):
        for line in re.findall(r"^python -m flytekitplugins\.comet_ml (.*)$", document.read_text(), re.MULTILINE):
            name, *arguments = line.split()
            found.add(name)
            # The others need somebody's module or archive.
            runs_anywhere = name in ("config", "resolver")
            done = CliRunner().invoke(main, [name, *(arguments if runs_anywhere else ["--help"])])
            assert done.exit_code == 0, done.output
    assert found >= {"config", "doctor", "resolver"}


if __name__ == "__main__":
    with chromium(Path(tempfile.mkdtemp())) as instance:
        lines = table(resolved(instance))
    text = DOCUMENT.read_text()
    mark = re.search(r"<!-- The table .*? -->\n", text)
    assert mark is not None
    rest = re.sub(r"\A\n(?:\|.*\n)*\n?", "\n", text[mark.end() :])
    DOCUMENT.write_text(text[: mark.end()] + "\n" + "\n".join(lines) + "\n" + rest)
