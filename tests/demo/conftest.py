"""Fixtures: one running demo for all modules of the package, and somebody logged in to it."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from demo.living import MENU, Demo, Person, log_in, running_demo
from web.browser import DEADLINE_MS, OpenPage, browser, open_page, windows

__all__ = ["browser", "open_page", "windows"]


@pytest.fixture(scope="package")
def demo() -> Iterator[Demo]:
    with running_demo() as demo:
        yield demo


@pytest.fixture(scope="module")
def state(demo: Demo, browser: Browser) -> Any:
    """A log-in with what the demo printed, typed into its form; kept as a browser keeps it."""
    context = browser.new_context()
    context.set_default_timeout(4 * DEADLINE_MS)  # the first page of a server that has just begun
    expect.set_options(timeout=2 * DEADLINE_MS)
    page = context.new_page()
    page.goto(demo.url)
    log_in(page, demo.email, demo.password)
    expect(page.get_by_role("navigation", name=MENU)).to_be_visible()
    kept = context.storage_state()
    context.close()
    return kept


@pytest.fixture
def person(demo: Demo, open_page: OpenPage, state: Any) -> Person:
    return Person(demo, open_page, state)
