"""The link: what the template's config carries, and the address for a key."""

from __future__ import annotations

import pytest
from flytekitplugins.comet_ml import CometLink


def test_without_a_key_the_console_renders_it_from_the_suffix() -> None:
    assert CometLink("digits", "my-team").config() == {
        "link_type": "comet-ml-execution-id",
        "host": "https://www.comet.com",
        "workspace": "my-team",
        "project_name": "digits",
        "link_suffix": "9bdb190441",
    }


def test_with_a_key_the_config_carries_it() -> None:
    config = CometLink("digits", "my-team", experiment_key="k/ä").config()
    assert config["link_type"] == "comet-ml-custom-id"
    assert config["experiment_key"] == "k%2F%C3%A4"
    assert "link_suffix" not in config


def test_names_are_quoted_and_the_suffix_is_made_from_them_as_they_are() -> None:
    plain, odd = CometLink("a", "b").config(), CometLink("my project/2", "équipe & co", "https://comet.acme/").config()
    assert (odd["workspace"], odd["project_name"]) == ("%C3%A9quipe%20%26%20co", "my%20project%2F2")
    assert odd["host"] == "https://comet.acme"
    assert odd["link_suffix"] != plain["link_suffix"]
    assert len(odd["link_suffix"]) == 10


@pytest.mark.parametrize("link", [CometLink("p", "w"), CometLink("p", "w", "https://h/", "k" * 32)])
def test_the_config_is_all_strings(link: CometLink) -> None:
    assert all(isinstance(text, str) for pair in link.config().items() for text in pair)


def test_the_address_of_a_key_is_what_the_template_renders() -> None:
    link = CometLink("my project", "my-team", "https://comet.acme/")
    config = link.config()
    assert link.url("k" * 32) == f"{config['host']}/{config['workspace']}/{config['project_name']}/{'k' * 32}"
