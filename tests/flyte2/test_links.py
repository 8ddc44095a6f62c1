"""The links of an action of Flyte 2: each leads to the key of its scope, or to the resolver page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flyte
import pytest
from flytekitplugins.comet_ml import InvalidOptionError
from flytekitplugins.comet_ml.keys.action_key import derive_action_key

from tests.support.action import CHILD, DOMAIN, PROJECT, RUN_NAME, links_of, wire_of
from tests.support.action_login import COMET, login


def linked(tmp_path: Path, *, run: str | None, action: str, attempt: int = 0, **options: Any) -> str:
    env = flyte.TaskEnvironment("linked")

    @login(**options)
    @env.task
    async def task(number: int) -> int:
        return number

    wire = wire_of(_at(task, tmp_path), tmp_path, run=run)
    (link,) = links_of(wire, run=run or RUN_NAME, action=action, attempt=attempt)
    return link


def _at(task: Any, directory: Path) -> Any:
    # Flyte wants a task's module below the root directory.
    class Resolver:
        import_path = "tests.Resolver"

        def loader_args(self, task: Any, root_dir: Path) -> list[str]:
            return []

    task.task_resolver = Resolver()
    return task


@pytest.mark.parametrize("scope", ["attempt", "node", "execution"])
@pytest.mark.parametrize(("run", "action"), [(None, "a0"), (RUN_NAME, CHILD), ("nightly-1", CHILD)])
def test_a_link_leads_to_the_key_of_its_scope(tmp_path: Path, scope: Any, run: str | None, action: str) -> None:
    names = {"flyte_project": PROJECT, "flyte_domain": DOMAIN, "run": run or RUN_NAME, "action": action}
    key = derive_action_key(scope, **names, attempt="3", **COMET)
    link = linked(tmp_path, run=run, action=action, attempt=3, scope=scope)
    assert link == f"https://www.comet.com/my-team/digits/{key}"


def test_a_given_key_is_linked_as_it_is(tmp_path: Path) -> None:
    key = "0123456789abcdef0123456789abcdef"
    link = linked(tmp_path, run=None, action="a0", experiment_key=key, host="https://comet.example.com")
    assert link == f"https://comet.example.com/my-team/digits/{key}"


def test_a_password_in_the_address_of_the_resolver_page_is_in_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMET_FLYTE_RESOLVER", "https://me:hunter2pass@pages.example.com/resolver.html")
    with pytest.raises(InvalidOptionError, match="must have no user name and password in it") as refused:
        linked(tmp_path, run=None, action="a0")
    assert "hunter2pass" not in str(refused.value)


@pytest.mark.parametrize("by", ["decorator", "environment"])
def test_a_root_action_s_link_leads_to_the_resolver_page_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    page = "https://pages.example.com/resolver.html"
    if by == "environment":
        monkeypatch.setenv("COMET_FLYTE_RESOLVER", page)
    link = linked(tmp_path, run=None, action="a0", **({"resolver": page} if by == "decorator" else {}))
    assert link == (
        f"{page}#scope=flyte2-attempt&host=https://www.comet.com&workspace=my-team&project_name=digits"
        f"&execution_project={PROJECT}&execution_domain={DOMAIN}&run_name={RUN_NAME}&action_name=a0&attempt=0"
    )
