"""Every page in a real browser: accessible in light and dark, whole on a phone, small to load, kept as a picture."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import Console, running_console

LIGHT, DARK, PHONE = ("light", 1440), ("dark", 1440), ("light", 390)
NAMES = (
    "overview", "stations", "station", "station-waiting", "commands", "commands-json", "log", "timeline", "station-sessions",
    "station-uptime", "station-connections", "settings", "sessions", "session", "session-live", "session-odd", "attempts", "new-station", "reset", "not-found",
)  # fmt: skip


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        yield console


@pytest.fixture(scope="module")
def state(console: Console) -> dict[str, object]:
    return console.log_in()


def address(console: Console, name: str) -> str:
    stations, sessions = console.net.stations, console.net.sessions
    base = f"/console/stations/{stations['NYA-01']}"
    return {
        "overview": "/console",
        "stations": "/console/stations",
        "station": base,
        "station-waiting": f"/console/stations/{stations['RWA-0007']}",
        "commands": f"{base}/commands?action=SetChargingProfile",
        "commands-json": f"{base}/commands?action=Reset&raw=yes",
        "log": f"{base}/log",
        "timeline": f"{base}/timeline",
        "station-sessions": f"/console/stations/{stations['NYA-02']}/sessions",
        "station-uptime": f"/console/stations/{stations['NYA-03']}/uptime?days=7",
        "station-connections": f"/console/stations/{stations['MUS-03']}/attempts",
        "settings": f"{base}/settings",
        "sessions": "/console/sessions",
        "session": f"/console/sessions/{sessions['NYA-02-1-5']}",
        "session-live": f"/console/sessions/{sessions['NYA-01-live']}",
        "session-odd": f"/console/sessions/{sessions['odd']}",
        "attempts": "/console/attempts",
        "new-station": "/console/stations/new",
        "reset": f"{base}/actions/reset",
        "not-found": "/console/nothing",
    }[name]


def see_everything(page: Page) -> None:
    """Scroll through the page, so that charts and maps are drawn, and wait for them."""
    for place in page.locator("[data-chart], [data-map]").all():
        place.scroll_into_view_if_needed()
        expect(place).to_have_attribute("data-state", "drawn")
    page.evaluate("window.scrollTo(0, 0)")


@pytest.mark.parametrize(("scheme", "width"), [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("name", NAMES)
def test_page_is_accessible_and_whole(
    console: Console, state: dict[str, object], open_page: OpenPage, name: str, scheme: str, width: int
) -> None:
    page = open_page(
        console.url + address(console, name),
        scheme=scheme,
        width=width,
        height=844,
        storage_state=state,
        allow=r"status of 404",
        only_looks=True,
    )
    see_everything(page)
    take_picture(page, f"{name}-{'phone' if width < 500 else scheme}")
    assert accessibility_violations(page) == []
    assert not overflows(page)


@pytest.mark.parametrize(("scheme", "width"), [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"])
def test_log_in_page_is_accessible_and_whole(console: Console, open_page: OpenPage, scheme: str, width: int) -> None:
    page = open_page(f"{console.url}/console", scheme=scheme, width=width, height=844)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    take_picture(page, f"login-{'phone' if width < 500 else scheme}", full=False)
    assert accessibility_violations(page) == []
    assert not overflows(page)


@pytest.mark.parametrize("name", ["overview", "stations", "station", "session"])
def test_page_is_whole_at_360_pixels(
    console: Console, state: dict[str, object], open_page: OpenPage, name: str
) -> None:
    page = open_page(console.url + address(console, name), width=360, height=740, storage_state=state)
    assert not overflows(page)


@pytest.mark.parametrize("name", ["overview", "stations", "station", "settings", "session", "attempts"])
def test_page_in_french_is_whole_on_a_phone(
    console: Console, state: dict[str, object], open_page: OpenPage, name: str
) -> None:
    page = open_page(console.url + address(console, name), width=390, height=844, storage_state=state, locale="fr-FR")
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    see_everything(page)
    take_picture(page, f"{name}-french")
    assert not overflows(page)
    assert accessibility_violations(page) == []


@pytest.mark.parametrize("name", ["station", "session"])
def test_paper_shows_the_content_alone(
    console: Console, state: dict[str, object], open_page: OpenPage, name: str
) -> None:
    page = open_page(console.url + address(console, name), scheme="dark", storage_state=state)
    see_everything(page)
    page.emulate_media(media="print")
    for hidden in ("#side", ".topbar", ".page-head .btn"):
        expect(page.locator(hidden).first).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    take_picture(page, f"{name}-print")


def test_dialog_of_an_action_is_accessible(console: Console, state: dict[str, object], open_page: OpenPage) -> None:
    page = open_page(console.url + address(console, "station"), scheme="dark", storage_state=state)
    for name in ("Start charging…", "Reset…", "Availability…", "Ask for…"):
        button = page.locator(".page-head").get_by_role("link", name=name)
        button.click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        take_picture(page, f"dialog-{name.split()[0].lower().strip('…')}", full=False)
        assert accessibility_violations(page) == []
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(button).to_be_focused()


@pytest.mark.parametrize("name", ["overview", "stations", "station", "session-live"])
def test_first_load_without_charts_and_map_is_under_300_kb(
    console: Console, state: dict[str, object], open_page: OpenPage, name: str
) -> None:
    page = open_page("about:blank", storage_state=state)
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    addresses: dict[str, str] = {}
    sizes: dict[str, float] = {}
    network.on(
        "Network.responseReceived", lambda event: addresses.update({event["requestId"]: event["response"]["url"]})
    )
    network.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    page.goto(console.url + address(console, name))
    expect(page.locator(".live").first).to_have_attribute("data-state", "connected")
    drawn_with = re.compile(r"echarts|charts\.js|leaflet|map\.js|outlines|\.json")
    first = {url: sizes.get(key, 0) for key, url in addresses.items() if not drawn_with.search(url)}
    assert any("ingufu.css" in url for url in first)
    assert any(url.endswith(address(console, name)) for url in first)
    assert sum(first.values()) < 300_000, first


def test_empty_console_says_what_to_type_into_a_station(tmp_path: Path, open_page: OpenPage) -> None:
    with running_console(tmp_path, is_empty=True) as console:
        state = console.log_in()
        for name, path in (
            ("overview", "/console"),
            ("stations", "/console/stations"),
            ("sessions", "/console/sessions"),
            ("attempts", "/console/attempts"),
        ):
            page = open_page(console.url + path, storage_state=state)
            take_picture(page, f"empty-{name}")
            assert accessibility_violations(page) == []
            expect(page.locator("main")).to_contain_text(re.compile("ws://127.0.0.1:9000/ocpp|A session appears here"))


def test_script_says_times_in_kinyarwanda_which_browsers_do_not_know(
    console: Console, state: dict[str, object], open_page: OpenPage
) -> None:
    page = open_page(f"{console.url}/console", storage_state=state, locale="rw")
    ago = page.locator("time[data-relative]").first
    expect(ago).to_have_text(re.compile(r"^hashize \w+ \d+$"))
    ago.evaluate("element => { element.textContent = ''; }")  # as the server wrote it; the script writes it again
    expect(ago).to_have_text(re.compile(r"^hashize \w+ \d+$"))
