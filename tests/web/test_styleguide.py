"""The look and its components in a real browser, under the console's own security policy."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.gallery import Gallery, serve_gallery
from web.sample import MESSAGE, session_chart


@pytest.fixture(scope="module")
def gallery() -> Iterator[Gallery]:
    with serve_gallery() as server:
        yield server


def draw_everything(page: Page) -> None:
    """Scroll to each chart and map, and wait until it is drawn."""
    for element in page.locator("[data-chart], [data-map]").all():
        element.scroll_into_view_if_needed()
        expect(element).to_have_attribute("data-state", "drawn")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_style_guide_has_no_accessibility_violation(
    gallery: Gallery, open_page: OpenPage, scheme: str, width: int
) -> None:
    page = open_page(gallery.url, scheme=scheme, width=width)
    draw_everything(page)
    take_picture(page, f"styleguide-{scheme}-{width}")
    assert accessibility_violations(page) == []
    assert not overflows(page)


def test_smallest_phone_does_not_scroll_sideways(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url, width=360, height=740)
    draw_everything(page)
    assert not overflows(page)


def test_right_to_left_page_is_mirrored(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(f"{gallery.url}/?lang=ar")
    draw_everything(page)
    assert page.locator("html").get_attribute("dir") == "rtl"
    side, main = page.locator("#side").bounding_box(), page.locator("#page").bounding_box()
    assert side is not None
    assert main is not None
    assert side["x"] >= main["x"] + main["width"]
    take_picture(page, "styleguide-rtl", full=False)


def test_chosen_theme_is_there_before_the_next_paint(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url, scheme="light")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Light or dark").click()
    page.get_by_role("radio", name="Dark").check()
    dark = page.evaluate(background)
    assert dark != light
    page.reload(wait_until="commit")
    first_frame = f"new Promise(told => requestAnimationFrame(() => told({background})))"
    assert page.evaluate(first_frame) == dark
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.get_by_role("button", name="Light or dark").click()
    expect(page.get_by_role("radio", name="Dark")).to_be_checked()
    page.get_by_role("radio", name="As the system").check()
    assert page.evaluate(background) == light


def test_charts_follow_the_theme(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url, scheme="light")
    draw_everything(page)
    picture = "document.querySelector('[data-chart=\"day\"] canvas').toDataURL()"
    light = page.evaluate(picture)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"light => {picture} !== light", arg=light)


def test_chart_has_its_figures_as_a_table(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url)
    draw_everything(page)
    chart = page.locator(".chart").first
    chart.get_by_role("button", name="Table").click()
    rows = chart.locator("tbody tr")
    expect(rows).to_have_count(85)
    expect(chart.locator("thead")).to_contain_text("State of charge")
    expect(rows.last).to_contain_text("20 Nov 2026, 14:34:38 Africa/Kigali")
    assert accessibility_violations(page) == []
    chart.get_by_role("button", name="Table").click()
    expect(chart.locator("canvas")).to_be_visible()


def test_live_figure_changes_in_place_without_a_jump(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url)
    expect(page.locator(".live")).to_have_attribute("data-state", "connected")
    number = page.locator("#power-1")
    place = page.locator("#evse-1").bounding_box()
    expect(number).to_have_text("48.3")
    gallery.push("figures", {"power-1": "51.7", "soc-bar-1": "64", "unknown-id": "1"})
    expect(number).to_have_text("51.7")
    assert page.locator("#soc-bar-1").evaluate("bar => bar.value") == 64
    assert page.locator("#evse-1").bounding_box() == place


def test_lost_connection_is_shown_and_announced(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url, allow="object Event|net::ERR")
    expect(page.locator(".live")).to_have_text("Live")
    page.context.route("**/live", lambda route: route.fulfill(status=200, content_type="text/event-stream", body=""))
    gallery.hang_up()
    expect(page.locator(".live")).to_have_attribute("data-state", "reconnecting")
    expect(page.locator("#announce")).to_have_text("Reconnecting…")


def test_dangerous_action_says_what_it_does_and_asks_once(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url)
    page.get_by_role("button", name="Reset", exact=True).click()
    dialog = page.get_by_role("dialog", name="Reset KGL-NYA-0142?")
    expect(dialog).to_contain_text("session 8K2-71F ends")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    take_picture(page, "styleguide-dialog", full=False)
    assert accessibility_violations(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Reset", exact=True)).to_be_focused()


def test_keyboard_reaches_the_content_past_the_navigation(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url)
    page.evaluate("document.activeElement.blur()")
    page.locator(".skip").focus()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#page")).to_be_focused()


def test_phone_opens_the_navigation_as_a_drawer(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url, width=390, height=844)
    stations = page.get_by_role("link", name="Stations", exact=True).first
    expect(page.locator("#side")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(page.locator("#side")).to_be_visible()
    expect(stations).to_have_attribute("href", re.compile("/console/stations|#page"))
    take_picture(page, "styleguide-phone-menu", full=False)
    assert accessibility_violations(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("#side")).to_be_hidden()


def test_toast_shows_text_as_text(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url)
    page.evaluate(
        "document.body.dispatchEvent(new CustomEvent('toast', {bubbles: true, detail: {message: '<b>x</b>', tone: 'bad'}}))"
    )
    toast = page.locator("#toasts .toast")
    expect(toast).to_contain_text("<b>x</b>")
    toast.get_by_role("button", name="Dismiss").click()
    expect(toast).to_have_count(0)


def test_times_are_kept_true(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url)
    elapsed = page.locator("[data-elapsed-since]").first
    before = elapsed.text_content()
    assert before is not None
    assert re.fullmatch(r"0:42:\d\d", before)
    expect(elapsed).not_to_have_text(before)


def test_paper_shows_the_content_alone(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url, scheme="dark")
    page.emulate_media(media="print")
    expect(page.locator("#side")).to_be_hidden()
    expect(page.locator(".topbar")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_first_load_without_charts_and_map_is_under_300_kb(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page("about:blank")
    loaded: dict[str, int] = {}
    page.on(
        "response", lambda response: loaded.setdefault(response.url, int(response.headers.get("content-length", 0)))
    )
    page.goto(gallery.url)
    expect(page.locator(".live")).to_have_attribute("data-state", "connected")
    first = {
        url: size
        for url, size in loaded.items()
        if not re.search(r"echarts|charts\.js|leaflet|map\.js|outlines|\.json", url)
    }
    assert any("ingufu.css" in url for url in first)
    assert any("icons" in url for url in first)
    assert sum(first.values()) < 300_000


def test_typing_filters_the_list_and_the_address_follows(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url)
    rows = page.locator("#station-list tbody tr")
    expect(rows).to_have_count(5)
    page.get_by_role("searchbox", name="Name, serial number, vendor").press_sequentially("huy")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("HUY-UNI-0007")
    expect(page).to_have_url(re.compile(r"\?q=huy&status=online$"))
    page.go_back()
    expect(rows).to_have_count(5)


def test_message_is_copied_as_json(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as JSON").click()
    expect(page.locator("#toasts")).to_contain_text("Copied")
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied == MESSAGE


def test_chart_tells_values_under_the_pointer(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url)
    draw_everything(page)
    canvas = page.locator("[data-chart='power-energy'] canvas")
    canvas.hover(position={"x": 300, "y": 120})
    tip = page.locator(".chart-tip").first
    expect(tip).to_contain_text(re.compile(r"Power\s*[\d.]+\skW"))
    expect(tip).to_contain_text(re.compile(r"20 Nov, 14:\d\d"))
    take_picture(page, "styleguide-tip", full=False)


def test_chart_of_a_running_session_grows(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url)
    draw_everything(page)
    grown = session_chart()
    for series in grown["series"]:
        at, value = series["points"][-1]
        series["points"].append([at + 30_000, value])
    page.context.route("**/console/session.json", lambda route: route.fulfill(json=grown))
    chart = page.locator(".chart").first
    chart.get_by_role("button", name="Table").click()
    expect(chart.locator("tbody tr")).to_have_count(86)


PLACES = """canvas => {
    const drawn = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = "var(--chart-3)";
    const wanted = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
    const isIt = (pixel) => wanted.every((part, index) => Math.abs(drawn.data[4 * pixel + index] - part) < 8);
    return [...Array(drawn.width * drawn.height).keys()].filter(isIt).map((pixel) => (pixel % drawn.width) / drawn.width);
}"""


def test_the_only_reading_of_a_session_stands_where_its_time_begins(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url)
    begun = session_chart()
    for series in begun["series"]:
        del series["points"][1:]
    page.context.route("**/console/session.json", lambda route: route.fulfill(json=begun))
    page.reload()
    draw_everything(page)
    places = page.locator("[data-chart='power-energy'] canvas").evaluate(PLACES)
    assert places
    assert max(places) < 0.1  # not in the middle of two days


def test_marker_on_the_map_leads_to_the_site(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url)
    draw_everything(page)
    page.locator(".map path.leaflet-interactive").nth(2).click()
    expect(page.locator(".leaflet-popup-content a")).to_have_text("Huye")
    expect(page.locator(".leaflet-popup-content")).to_contain_text("2 of 4 charging")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lone_page_has_no_accessibility_violation(gallery: Gallery, open_page: OpenPage, scheme: str) -> None:
    page = open_page(f"{gallery.url}/sign-in", scheme=scheme, width=390, height=844)
    take_picture(page, f"styleguide-lone-{scheme}", full=False)
    assert accessibility_violations(page) == []
    assert not overflows(page)


def test_menus_have_no_accessibility_violation(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(gallery.url, scheme="dark")
    page.get_by_role("button", name="Your account").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    take_picture(page, "styleguide-account", full=False)
    assert accessibility_violations(page) == []
    page.get_by_role("button", name="Light or dark").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    take_picture(page, "styleguide-theme", full=False)
    assert accessibility_violations(page) == []


def test_form_is_sent_once(gallery: Gallery, open_page: OpenPage) -> None:
    page = open_page(f"{gallery.url}/sign-in")
    page.get_by_label("E-mail").fill("keza@example.com")
    page.get_by_label("Password").fill("secret")
    sent = page.evaluate(
        """() => {
            let sent = 0;
            window.addEventListener("submit", (event) => { sent += event.defaultPrevented ? 0 : 1; event.preventDefault(); });
            document.forms[0].requestSubmit();
            document.forms[0].requestSubmit();
            return sent;
        }"""
    )
    assert sent == 1
    expect(page.get_by_role("button", name="Sign in")).to_have_attribute("aria-disabled", "true")
