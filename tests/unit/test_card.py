"""The card about an experiment in a notebook."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from flytekitplugins.comet_ml.deck.card import card
from flytekitplugins.comet_ml.deck.notebook import NotebookObserver, in_notebook
from flytekitplugins.comet_ml.session.plan import Progress, SessionPlan
from pytest_mock import MockerFixture

URL = "https://www.comet.com/my-team/digits/abc"


def progress(**fields: Any) -> Progress:
    plan = SessionPlan(project_name="digits", workspace="my-team", host="https://www.comet.com", name="train local")
    experiment = SimpleNamespace(url=URL, get_key=lambda: "abc")
    return Progress(
        **{"plan": plan, "experiment": experiment, "mode": "online", "status": "running", "masked": str, **fields}
    )


def notebook(mocker: MockerFixture, shell: Any) -> Any:
    ipython = mocker.MagicMock()
    ipython.get_ipython.return_value = shell
    mocker.patch.dict(sys.modules, {"IPython": ipython})
    return ipython


def test_the_card_has_the_link_the_name_the_key_and_the_place() -> None:
    html = card(URL, "train local", "abc", "my-team", "digits")
    assert f'href="{URL}"' in html
    assert all(text in html for text in ("train local", "abc", "my-team / digits"))


def test_every_text_of_the_card_is_escaped() -> None:
    html = card('https://x/"><script>', "<script>", "<i>", "<b>", "<u>")
    assert not [tag for tag in ("<script>", "<i>", "<u>", "<b></b>", "<b> /") if tag in html]


@pytest.mark.parametrize("url", [None, "javascript:alert(1)"])
def test_a_card_links_to_nothing_but_web_addresses(url: str | None) -> None:
    html = card(url, "train local", "abc", "my-team", "digits")
    assert "href" not in html
    assert "offline" in html


def test_a_notebook_displays_the_card_when_the_task_starts(mocker: MockerFixture) -> None:
    ipython = notebook(mocker, SimpleNamespace(kernel=object()))
    observer = in_notebook(None)
    assert observer is not None
    observer.started(progress())
    observer.ended(progress(status="finished"))
    [displayed] = [call.args[0] for call in ipython.display.display.call_args_list]
    assert URL in displayed._repr_html_()
    assert URL in repr(displayed)


def test_the_card_of_an_offline_run_leads_nowhere(mocker: MockerFixture) -> None:
    ipython = notebook(mocker, SimpleNamespace(kernel=object()))
    observer = in_notebook(None)
    assert observer is not None
    observer.started(progress(mode="offline"))
    [displayed] = [call.args[0] for call in ipython.display.display.call_args_list]
    assert "(offline)" in displayed._repr_html_()
    assert URL not in displayed._repr_html_() + repr(displayed)


@pytest.mark.parametrize("shell", [None, SimpleNamespace()], ids=["no IPython runs", "IPython in a terminal"])
def test_nothing_is_displayed_elsewhere(mocker: MockerFixture, shell: Any) -> None:
    notebook(mocker, shell)
    assert in_notebook(None) is None


def test_what_stands_in_the_place_of_ipython_is_no_notebook(mocker: MockerFixture) -> None:
    mocker.patch.dict(sys.modules, {"IPython": SimpleNamespace()})
    assert in_notebook(None) is None


def test_without_a_card_the_deck_is_told_all_the_same(mocker: MockerFixture) -> None:
    deck = mocker.Mock()
    observer = NotebookObserver(mocker.Mock(side_effect=RuntimeError), deck)
    observer.opened(1)
    observer.started(progress())
    observer.ended(progress())
    assert [call[0] for call in deck.method_calls] == ["opened", "started", "ended"]


def test_a_task_without_an_experiment_has_no_card(mocker: MockerFixture) -> None:
    display = mocker.Mock()
    NotebookObserver(display).started(progress(experiment=None))
    display.assert_not_called()
