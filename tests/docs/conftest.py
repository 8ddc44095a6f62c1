"""What several tests of the documents find: the resolver page in a browser."""

from __future__ import annotations

import pytest
from flytekitplugins.comet_ml.cli.resolver import resolver_page

from tests.support.browser import Browser


@pytest.fixture
def page(browser: Browser) -> Browser:
    """The browser, with the page on its server and nothing to complain of yet."""
    browser.server.pages["/resolver.html"] = resolver_page()
    browser.server.landings.clear()
    browser.complaints()
    return browser
