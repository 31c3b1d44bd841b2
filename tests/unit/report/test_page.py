"""The page in a real browser: what it shows, that nothing in it fails, and that it asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from beacon_core.report import as_html, report_on
from tests.unit.report.support import Lines, long_session
from tests.unit.report.test_hostile import HOSTILE, Page, receipt_with, report_with

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CI = {"cicd.pipeline.name": "build", "cicd.pipeline.run.id": "7"}


def policy_of(page: str) -> str:
    (policy,) = (
        attributes["content"] or ""
        for tag, attributes in Page(page).elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    return policy


def hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else() -> None:
    page = as_html(report_on(long_session()))
    style, script = re.findall(r"<style>(.*?)</style>|<script>(.*?)</script>", page, re.DOTALL)
    assert policy_of(page) == (
        f"default-src 'none'; style-src {hash_of(style[0])}; script-src {hash_of(script[1])};"
        " base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"""(src|href)=|url\(|@import|style="|https?://""", page.replace(script[1], ""))


def test_the_data_in_the_page_are_the_reports_json() -> None:
    report = report_with("</script><!-- & \u2028")
    page = as_html(report)
    (block,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert json.loads(block)["sessions"][0]["id"] == "</script><!-- & \u2028"
    assert not set("<>&") & set(block)


def test_every_drawing_has_a_title_and_a_table_that_says_the_same() -> None:
    page = Page(as_html(report_on(long_session()), receipt_with("file")))
    drawings = [attributes for tag, attributes in page.elements if tag == "svg" and attributes.get("role") == "img"]
    assert len(drawings) == 3
    assert all(drawing["aria-label"] for drawing in drawings)
    assert {"What happened, as a table", "Tokens and cost over time, as a table"} <= set(page.texts)
    heads = [attributes for tag, attributes in page.elements if tag == "th"]
    assert heads
    assert all(head["scope"] == "col" for head in heads)


# ---- in a browser ----

in_a_browser = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
#: Where Chromium goes on its own account.
OWN_BUSINESS = re.compile(r"[^/]*\b(google|googleapis|gvt1|gstatic|chromium)\.(com|org)(:\d+)?(/|$)")


class Asked(BaseHTTPRequestHandler):
    """A proxy that leads nowhere and notes what it was asked for."""

    server: Proxy

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_error(502)

    do_CONNECT = do_GET  # noqa: N815 - as http.server calls it

    def log_message(self, *_: Any) -> None:
        pass


class Proxy(ThreadingHTTPServer):
    asked: list[str]


class Browser:
    """Chromium without a window; everything that it asks the network for goes to `proxy`."""

    def __init__(self, folder: Path, proxy: Proxy) -> None:
        self.folder, self.proxy = folder, proxy

    def show(self, page: str) -> str:
        """Return the document that a page becomes; what the page says on the console is an error."""
        file = self.folder / "run.html"
        file.write_text(page, encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        options += ["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"]
        options += [f"--proxy-server=http://127.0.0.1:{self.proxy.server_port}", "--proxy-bypass-list=<-loopback>"]
        options += [f"--user-data-dir={self.folder / 'profile'}", "--dump-dom", file.as_uri()]
        done = subprocess.run([str(BROWSER), *options], capture_output=True, text=True, timeout=240, check=True)
        said = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
        assert not said, said
        return done.stdout

    def asked(self) -> list[str]:
        """Return the addresses that pages asked for."""
        addresses = (re.sub(r"^\w+://", "", address) for address in self.proxy.asked)
        return [address for address in addresses if not OWN_BUSINESS.match(address)]


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Proxy(("127.0.0.1", 0), Asked) as proxy:
        proxy.asked = []
        thread = Thread(target=proxy.serve_forever)
        thread.start()
        yield Browser(tmp_path, proxy)
        proxy.shutdown()
        thread.join()


@in_a_browser
def test_a_browser_shows_the_key_figures_without_an_error_and_without_asking_anybody(browser: Browser) -> None:
    line = Lines("a-session", **CI)
    lines = [*long_session(**CI), line("session.error", 1, error__type="401", error__message="invalid key")]
    report = report_on(lines)
    dom = browser.show(as_html(report, receipt_with("splunk_hec")))
    total = sum(session.usage.cost_usd or 0 for session in report.sessions)
    for text in (f"${total:.2f}", "build", "9f1c2a7e-long", "pytest -q tests/unit", "invalid key", "splunk_hec"):
        assert text in dom
    assert dom.count("<circle") > 5
    assert "data-tip=" in dom  # the script has run
    assert 'id="theme"' in dom
    assert 'id="theme" hidden' not in dom
    assert browser.asked() == []


@in_a_browser
def test_a_browser_runs_nothing_of_hostile_texts(browser: Browser) -> None:
    text = "".join(HOSTILE[:10])
    dom = browser.show(as_html(report_with(text), receipt_with(text)))
    assert "<img" not in dom
    assert dom.count("<script") == 2
    assert browser.asked() == []


@in_a_browser
def test_the_policy_stops_what_would_get_in_and_these_tests_would_see_it(browser: Browser) -> None:
    page = as_html(report_on(long_session(1)))
    address = f"http://127.0.0.1:{browser.proxy.server_port}/x.png"
    inserted = f'<img src="{address}"><script>alert(1)</script><p style="color:red"></main>'
    with pytest.raises(AssertionError) as refused:
        browser.show(page.replace("</main>", inserted))
    said = str(refused.value)
    assert all(re.search(f"violates .*{kind}-src", said) for kind in ("default", "script", "style")), said
    assert browser.asked() == []
    browser.show(
        page.replace("Content-Security-Policy", "X-Nothing").replace("</main>", f'<img src="{address}"></main>')
    )
    assert [asked.partition("/")[2] for asked in browser.asked()] == ["x.png"]
