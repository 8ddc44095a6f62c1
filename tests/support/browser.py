"""A headless Chromium, and a web server on the loopback interface for it to look at."""

from __future__ import annotations

import html
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

INSECURE_NAME = "resolver.test"
"""A host name for the loopback interface that Chromium trusts as little as any other on plain http."""


class PageServer:
    """Serves pages from memory, and remembers what else was asked for.

    Attributes:
        pages: HTML by path.
        landings: Path and query of every other request, in the order of arrival.
    """

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.landings: list[str] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, path: str = "", *, insecure: bool = False) -> str:
        """The address of a path, by the name that browsers trust or by the other one."""
        return f"http://{INSECURE_NAME if insecure else '127.0.0.1'}:{self.port}{path}"

    def stop(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._http.server_close()


def _handler(server: PageServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on standard error."""

        def do_GET(self) -> None:
            page = server.pages.get(self.path.partition("?")[0])
            if page is None:
                if self.path != "/favicon.ico":
                    server.landings.append(self.path)
                page = "<!doctype html><title>landed</title>landed"
            content = page.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


class Browser:
    """Chromium, as somebody's browser.

    Attributes:
        driver: Selenium's.
        server: What it looks at.
    """

    def __init__(self, driver: Any, server: PageServer) -> None:
        self.driver = driver
        self.server = server

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        # From one fragment to another a browser would stay on the page.
        self.driver.get("about:blank")
        self.driver.get(url)

    def title(self, expected: str) -> str:
        """The title, once it is the expected one."""
        wait_until(lambda: self.driver.title == expected)
        return str(self.driver.title)

    def text(self, selector: str = "main") -> str:
        """What one sees of an element."""
        return str(self.driver.find_element("css selector", selector).text)

    def links(self) -> dict[str, str]:
        """Addresses of the links that one sees, by their text."""
        found = self.driver.find_elements("css selector", "a")
        return {each.text: str(each.get_dom_attribute("href")) for each in found if each.is_displayed()}

    def complaints(self) -> list[str]:
        """What the browser wrote to its console since it was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser") if "favicon" not in entry["message"]]

    def landings(self, urls: Sequence[str], *, insecure: bool = False) -> list[str]:
        """Open addresses at once, each in a frame, and return the other addresses that they lead to, in no order."""
        frames = "".join(f'<iframe src="{html.escape(url)}"></iframe>' for url in urls)
        self.server.pages["/frames"] = f"<!doctype html><title>frames</title>{frames}"
        self.server.landings.clear()
        self.open(self.server.url("/frames", insecure=insecure))
        wait_until(lambda: len(self.server.landings) >= len(urls))
        return list(self.server.landings)


def wait_until(condition: Any, seconds: float = 20) -> None:
    """Return as soon as a condition holds, or when it takes too long."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)


@contextmanager
def chromium(directory: Path) -> Iterator[Browser]:
    """A browser with a profile of its own; skips the test where there is none."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("no chromium and chromedriver on PATH (Debian: apt-get install chromium chromium-driver)")
    webdriver: Any = pytest.importorskip("selenium.webdriver", reason="no selenium (pip install selenium)")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--no-proxy-server",
        "--window-size=900,900",
        f"--user-data-dir={directory}",
        f"--host-resolver-rules=MAP {INSECURE_NAME} 127.0.0.1",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    server = PageServer()
    environment = {**os.environ, "SE_AVOID_STATS": "true", "SE_OFFLINE": "true"}
    service = webdriver.ChromeService(executable_path=driver, env=environment)
    instance = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(instance, server)
    finally:
        instance.quit()
        server.stop()
