"""The demo as `make demo` starts it, as a process of its own, and somebody who sits in front of it."""

import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Locator, Page, expect

from app.processes import Program
from web.browser import OpenPage

T = TypeVar("T")
DAYS = 9  # a week to look at, and days to compare it with
SLOW_S = 110.0  # for the filling; some seconds on an idle machine
PATIENCE_S = 30.0
LATER_MS = 60_000  # for what a station or a clock has to do first
LEFT = r"htmx:(afterRequest|sendAbort)"  # a page was left while it asked for something new
MENU = "Pages of the console"


class Demo(Program):
    """A running demo; what it printed says where it is and who may log in."""

    def __init__(self, data: Path) -> None:
        super().__init__("demo", "--data", data, "--days", DAYS, "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0")
        self.until("Ctrl-C ends the demo", timeout_s=SLOW_S)
        self.url = self.until(r"Console   (http://[\d.]+:\d+)/")[1]
        self.email = self.until(r"Log in    (\S+)")[1]
        self.password = self.until(r"Password  (\S+)")[1]
        self.stations = self.until(r"connect to (ws://\S+)/<identity>")[1]


@contextmanager
def running_demo() -> Iterator[Demo]:
    """Start a demo in a fresh folder, in memory where that can be; stop it as Ctrl-C does."""
    memory = Path("/dev/shm")
    data = Path(tempfile.mkdtemp(prefix="ingufu-demo-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        demo = Demo(data / "data")
        try:
            yield demo
            assert demo.end() == 0
        finally:
            demo.destroy()
    finally:
        shutil.rmtree(data)


class Person:
    """Somebody who is logged in to the demo, and opens pages by clicking."""

    def __init__(self, demo: Demo, open_page: OpenPage, state: Any) -> None:
        self.demo = demo
        self._open_page = open_page
        self._state = state

    def open(self, path: str = "", **options: Any) -> Page:
        """Open a page of the console by its address."""
        return self.stranger(path, storage_state=self._state, **options)

    def choose(self, entry: str, **options: Any) -> Page:
        """Open the console, and choose an entry of its menu."""
        page = self.open("/account", **options)
        menu(page, entry)
        return page

    def stranger(self, path: str = "/login", **options: Any) -> Page:
        """Open a page of the console in another browser, where nobody is logged in."""
        allow = "|".join(filter(None, (LEFT, options.pop("allow", None))))
        return self._open_page(f"{self.demo.url}/console{path}", allow=allow, **options)


def unlike(name: str) -> str:
    """Return the name with something behind it by which it is like no other, so that no test finds what another left."""
    return f"{name}-{secrets.token_hex(3).upper()}"


def menu(page: Page, entry: str) -> None:
    named = re.compile(rf"^{re.escape(entry)}\s*\d*$")  # some entries say how many wait
    page.get_by_role("navigation", name=MENU).get_by_role("link", name=named).click()
    expect(page.get_by_role("heading", level=1, name=entry)).to_be_visible()


def log_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()


def log_out(page: Page) -> None:
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def toast(page: Page) -> Locator:
    return page.locator("#toasts .toast").last


def is_live(page: Page) -> None:
    """Wait until what happens is shown as it happens."""
    expect(page.locator(".live")).to_have_attribute("data-state", "connected")


def number(text: str | None) -> float:
    """Return the first number in a text of the console."""
    found = re.search(r"-?\d[\d,]*(?:\.\d+)?", text or "")
    assert found is not None, text
    return float(found[0].replace(",", ""))


def eventually(look: Callable[[], T], *, within_s: float = PATIENCE_S) -> T:
    """Return what was found as soon as it is true; `look` itself takes its time, as it asks a page or a server."""
    until = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < until, f"{look} found nothing"


def downloaded(page: Page, link: Locator) -> str:
    """Return the text of the file that the link gives."""
    with page.expect_download() as download:
        link.click()
    return download.value.path().read_text(encoding="utf-8-sig")
