"""A real Chromium for page tests: fixtures that open pages, watch them for errors, check accessibility and take pictures."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as TooLate

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "build" / "test-assets" / "axe.min.js"
PICTURES = ROOT / "build" / "screenshots"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--disable-features=Translate,OptimizationHints,MediaRouter,IsolateOrigins,site-per-process,PaintHolding",
    "--renderer-process-limit=1",
    "--mute-audio",
)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
COLOURS = ["color-contrast", "link-in-text-block"]
SIZES = ["target-size", "scrollable-region-focusable"]
_RUN_AXE = """([tags, colours, sizes]) => {
    const isDark = document.documentElement.dataset.theme === "dark" || matchMedia("(prefers-color-scheme: dark)").matches;
    const isNarrow = innerWidth < 600;
    const runOnly = isNarrow ? {type: "rule", values: sizes} : isDark ? {type: "rule", values: colours}
        : {type: "tag", values: tags};
    return axe.run(document, {runOnly, resultTypes: ["violations"], preload: false});
}"""
DEADLINE_MS = 15_000  # a loaded machine with two cores
SETTLED_MS = 3000


def find_chromium() -> str | None:
    named = os.environ.get("INGUFU_CHROMIUM")
    return named or next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A running Chromium; without one on the machine the test is skipped, or fails where INGUFU_REQUIRE says browser.

    Module scope on purpose: while it lives, this thread has a running event loop, which other modules' asyncio.run refuses.
    """
    path = find_chromium()
    if path is None:
        reason = "no Chromium on this machine (apt-get install chromium, or set INGUFU_CHROMIUM)"
        if "browser" in os.environ.get("INGUFU_REQUIRE", ""):
            pytest.fail(reason)
        pytest.skip(reason)
    expect.set_options(timeout=DEADLINE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_ARGUMENTS))
        yield started
        started.close()


OpenPage = Callable[..., Page]


class _Watched:
    """A page of which everything is heard that should not be; from now on for another test, if it is told so."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("console", lambda message: self._add("console", message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self._add("script", error))
        page.on("request", lambda request: None if _is_ours(request.url) else self._add("foreign", request.url))

    def _add(self, kind: str, what: object) -> None:
        self.problems.append(f"{kind}: {what}")


@pytest.fixture(scope="module")
def windows(browser: Browser) -> Iterator[dict[str, _Watched]]:
    """Pages that tests which only look share: a window of its own, and axe, take each of them as long as all else."""
    windows: dict[str, _Watched] = {}
    yield windows
    for window in windows.values():
        window.page.context.close()


@pytest.fixture
def open_page(browser: Browser, windows: dict[str, _Watched]) -> Iterator[OpenPage]:
    """Opens pages: open_page(url, scheme="dark", width=390, **context options).

    When the test ends, each must have stayed without script errors, console errors, policy violations and foreign hosts;
    `allow` is a pattern of what the test provokes. A test that `only_looks`, at one page, gets a window that others had
    before and leaves nothing in it.
    """
    opened: list[_Watched] = []
    shared: list[_Watched] = []
    allowed: list[str] = []

    def open_one(
        url: str,
        *,
        scheme: str = "light",
        width: int = 1440,
        height: int = 900,
        allow: str | None = None,
        only_looks: bool = False,
        **options: Any,
    ) -> Page:
        allowed.extend([allow] if allow else [])
        options |= {"color_scheme": scheme, "viewport": {"width": width, "height": height}, "reduced_motion": "reduce"}
        name = json.dumps(options, sort_keys=True)
        window = windows.get(name) if only_looks else None
        if window is None:
            context = browser.new_context(**options)
            context.set_default_timeout(DEADLINE_MS)
            if only_looks:
                context.add_init_script(path=AXE)
            window = _Watched(context.new_page())
        elif window.page.viewport_size != options["viewport"]:  # whoever looked before has narrowed it
            window.page.set_viewport_size(options["viewport"])
        if only_looks:
            windows[name] = window
        (shared if only_looks else opened).append(window)
        window.problems = []
        window.page.goto(url)
        return window.page

    yield open_one
    for window in opened:
        window.page.context.close()
    problems = [problem for window in (*opened, *shared) for problem in window.problems]
    left = [problem for problem in problems if not any(re.search(pattern, problem) for pattern in allowed)]
    assert not left, "\n".join(left)


def _is_ours(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "http://localhost:", "data:", "blob:", "about:"))


def accessibility_violations(page: Page) -> list[str]:
    """Return what axe finds against WCAG 2.2 AA on the page as it is now, one line for each element.

    From the top: a link half under a sticky head would count as too small, wherever the page happens to stand. A dark
    page is judged by its colours, a narrow one by its sizes: in all else they are the light and wide one.
    """
    page.evaluate("window.scrollTo(0, 0)")
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    result = page.evaluate(_RUN_AXE, [WCAG, COLOURS, SIZES])
    return [
        f"{violation['id']}: {violation['help']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


def take_picture(page: Page, name: str, *, full: bool = True) -> Path:
    """Save a screenshot under build/screenshots for people to look at: of the whole page, or of what the window shows.

    Where CI is set nobody looks at them, and they take as long as all else.
    """
    path = PICTURES / f"{name}.png"
    if "CI" in os.environ:
        return path
    PICTURES.mkdir(parents=True, exist_ok=True)
    if full:
        page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=path, full_page=full)
    return path


def overflows(page: Page) -> bool:
    """Whether the page is wider than the window, so that it would scroll sideways, and stays so.

    What is drawn follows another size of the window by itself, a moment later on a busy machine.
    """
    try:
        page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth", timeout=SETTLED_MS)
    except TooLate:
        return True
    return False
