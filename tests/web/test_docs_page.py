"""The API's page in a real browser, under the policy it is served with: readable, searchable, on every width."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from ingufu.web import exchange
from ingufu.web.docs import documents
from web.browser import OpenPage, accessibility_violations, overflows, take_picture


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.partition("?")[0].removeprefix("/api/docs").strip("/")
        if name and name not in documents.TYPES:
            self.send_error(404)
            return
        body = documents._part(name) if name else documents._page()
        self.send_response(200)
        self.send_header("Content-Type", documents.TYPES.get(name, "text/html; charset=utf-8"))
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", exchange._HTML_POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/api/docs"
    server.shutdown()
    server.server_close()


FAVICON = "404"  # the browser asks for an icon, which is the console's


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 1440), ("light", 360)])
def test_page_can_be_read_by_everyone(open_page: OpenPage, url: str, scheme: str, width: int) -> None:
    page = open_page(url, scheme=scheme, width=width, allow=FAVICON)
    assert page.get_by_role("heading", name="Send a CALL").is_visible()
    assert not overflows(page)
    take_picture(page, f"api-docs-{scheme}-{width}", full=False)
    page.get_by_role("searchbox").fill("connection attempts")  # all operations look alike; of all, axe takes a minute
    expect(page.locator("article:not([hidden])").first).to_be_visible()
    page.evaluate("document.querySelectorAll('[hidden]').forEach(one => one.remove())")
    assert accessibility_violations(page) == []


def test_search_leaves_what_has_every_word(open_page: OpenPage, url: str) -> None:
    page = open_page(url, allow=FAVICON)
    page.keyboard.press("/")
    page.keyboard.type("audit TRAIL explained")
    shown = page.locator("article:not([hidden])")
    expect(shown).to_have_count(1)
    assert shown.get_attribute("id") == "begin-audit-anew"
    expect(page.locator("nav li[data-operation]:not([hidden])")).to_have_count(1)
    page.get_by_role("searchbox").fill("xyzzy plugh")
    expect(page.get_by_text("Nothing is called so.")).to_be_visible()
    page.get_by_role("searchbox").fill("")
    expect(page.get_by_text("Nothing is called so.")).to_be_hidden()
    assert shown.count() > 70
