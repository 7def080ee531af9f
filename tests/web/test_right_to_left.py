"""The console in a language that is written from right to left: a catalogue made here, of Arabic letters for English ones."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from playwright.sync_api import Page, expect

from ingufu.web.console import translations
from ingufu.web.console.translations import LOCALE_FOLDER
from web.browser import OpenPage, overflows, take_picture
from web.console_server import Console, running_console
from web.test_ledger_pages import Booked
from web.test_ledger_pages import fill as fill_ledger
from web.test_pages_tariffs import fill as fill_tariffs
from web.test_pages_tariffs import tariff_id

LETTERS = dict(zip("abcdefghijklmnopqrstuvwxyz", "ابجدهوزحطيكلمنسعفصقرشتثخذض", strict=True))
KEPT = re.compile(r"%\(\w+\)s|%%|\{\w+\}|<\w+>|[^%{<]+|.")
NAMES = (
    "overview",
    "stations",
    "station",
    "sessions",
    "session",
    "tariff-editor",
    "invoices",
    "ledger",
    "settings",
)
# Where numbers and identities stand by themselves: the first sign has to be left of the last. Returns those that are not.
REVERSED = """() => [...document.querySelectorAll("main :is(.num, .mono, code, .figure-value, .lead-cell > a)")].flatMap((element) => {
  const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) {
    const node = texts.currentNode, text = node.data.trim();
    if (text.length < 2 || /[\\u0600-\\u06ff]/.test(text) || !/\\d/.test(text) || !element.checkVisibility()) continue;
    const at = (index) => { const range = new Range(); range.setStart(node, index); range.setEnd(node, index + 1); return range.getBoundingClientRect(); };
    const first = node.data.indexOf(text), last = first + text.length - 1;
    if (at(first).top === at(last).top && at(first).left > at(last).left) found.push(text);
  }
  return found;
})"""


def arabic(text: str) -> str:
    """The text in Arabic letters; what is filled in stays."""
    parts = KEPT.findall(text)
    return "".join(
        part if part[0] in "%{<" else "".join(LETTERS.get(sign.lower(), sign) for sign in part) for part in parts
    )


def write_catalogue(folder: Path) -> None:
    with (LOCALE_FOLDER / "fr" / "LC_MESSAGES" / "messages.po").open("rb") as source:
        messages = [message.id for message in read_po(source, locale="fr") if message.id]
    made = Catalog(locale="ar")
    for one in messages:
        made.add(one, arabic(one) if isinstance(one, str) else tuple(arabic(one[1]) for _ in range(made.num_plurals)))
    target = folder / "ar" / "LC_MESSAGES"
    target.mkdir(parents=True)
    with (target / "messages.po").open("wb") as written:
        write_po(written, made)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("locale")
    write_catalogue(folder)
    load = translations.load
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(translations, "languages", lambda: ("en", "ar"))
        patch.setattr(translations, "load", lambda code, known: load(code, folder if code == "ar" else known))
        with running_console(tmp_path_factory.mktemp("console")) as console:
            console.run(fill_tariffs(console))
            console.run(fill_ledger(console, Booked()))
            yield console


@pytest.fixture(scope="module")
def state(console: Console) -> dict[str, Any]:
    return console.log_in()


def address(console: Console, name: str) -> str:
    station = f"/console/stations/{console.net.stations['NYA-01']}"
    return {
        "overview": "/console",
        "stations": "/console/stations",
        "station": station,
        "sessions": "/console/sessions",
        "session": f"/console/sessions/{console.net.sessions['NYA-02-1-5']}",
        "tariff-editor": f"/console/tariffs/{tariff_id(console, 'Kigali public')}/edit",
        "invoices": "/console/invoices",
        "ledger": "/console/ledger",
        "settings": f"{station}/settings",
    }[name]


def see_drawings(page: Page) -> None:
    for place in page.locator("[data-chart], [data-map]").all():
        place.scroll_into_view_if_needed()
        expect(place).to_have_attribute("data-state", "drawn")
    page.evaluate("window.scrollTo(0, 0)")


@pytest.mark.parametrize("name", NAMES)
def test_page_runs_from_right_to_left(console: Console, state: dict[str, Any], open_page: OpenPage, name: str) -> None:
    page = open_page(console.url + address(console, name), storage_state=state, locale="ar", only_looks=True)
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    see_drawings(page)
    take_picture(page, f"rtl-{name}")
    assert not overflows(page)
    side, main = page.locator("#side").bounding_box(), page.locator("#page").bounding_box()
    assert side is not None
    assert main is not None
    assert side["x"] >= main["x"] + main["width"] - 1
    pointing = page.locator("main .icon-flip:visible")
    assert all("-1" in one.evaluate("e => getComputedStyle(e).transform") for one in pointing.all())
    assert page.evaluate(REVERSED) == []
    pictures = page.locator("svg.week, .strip, .figure-value")  # time goes to the right in them, as on every axis
    assert {one.evaluate("e => getComputedStyle(e).direction") for one in pictures.all()} <= {"ltr"}
    page.set_viewport_size({"width": 390, "height": 844})
    take_picture(page, f"rtl-{name}-phone")
    assert not overflows(page)
    page.locator(".menu-button").click()
    expect(page.locator("#side")).to_be_visible()
    menu = page.locator("#side").bounding_box()
    assert menu is not None
    assert menu["x"] + menu["width"] == pytest.approx(390, abs=1)
