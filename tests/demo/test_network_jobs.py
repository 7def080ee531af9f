"""What an operator does with stations, sessions and reports, done as a person does it, in a browser against a running demo."""

import csv
import io
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from demo.living import LATER_MS, Person, downloaded, eventually, is_live, menu, number, toast, unlike
from web.browser import take_picture

pytestmark = pytest.mark.timeout(400)  # some wait for what takes time in a demo, beside other demos


def total(page: Page) -> int:
    """Return how many stations the filters find, as the foot of their list says."""
    said = page.locator("#station-list .pager span").first.inner_text()
    return int(number(said.partition(" of ")[2]))


def filtered(page: Page, **chosen: str) -> None:
    """Choose in the filters of a list, by their labels, and wait until the address says so."""
    for label, value in chosen.items():
        page.get_by_role("search").get_by_label(label, exact=True).select_option(label=value)
        expect(page.get_by_role("search").get_by_label(label, exact=True).locator("option:checked")).to_have_text(value)


def settled(page: Page) -> None:
    """Wait until a list shows what its filters say."""
    expect(page.locator("form.filters.htmx-request")).to_have_count(0)


def free_place(person: Person, *, version: str | None = None) -> tuple[Page, Locator]:
    """Open a station that is online and whose EVSE is free; return its page and the card of the EVSE."""
    page = person.choose("Stations")
    filtered(page, Status="Available", **({"OCPP": version} if version else {}))
    settled(page)
    names = page.locator("#station-list tbody .lead-cell a").all_inner_texts()
    for name in names:
        page.locator("#station-list").get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
        is_live(page)
        free = (
            page.locator("article.evse")
            .filter(has_text="Free. The next driver can plug in.")
            .filter(has=page.get_by_role("link", name="Start…"))
        )
        if free.count():
            card = page.locator("#" + (free.first.get_attribute("id") or ""))
            return page, card
        page.go_back()
    raise AssertionError(f"no EVSE is free at {names}")


def charging(person: Person) -> Page:
    """Open a station of OCPP 2.0.1 that charges; at an hour when none does, have one begin."""
    page = person.choose("Stations")
    filtered(page, Status="Charging", OCPP="2.0.1")
    settled(page)
    names = page.locator("#station-list tbody .lead-cell a")
    if names.count():
        names.first.click()
        return page
    token = new_card(person)
    page, place = free_place(person, version="2.0.1")
    place.get_by_role("link", name="Start…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="Card").fill(token)
    dialog.get_by_role("button", name="Start charging").click()
    expect(toast(page)).to_contain_text("Start charging: Accepted")
    return page


def new_card(person: Person) -> str:
    """Register a card that nobody else has, and return its number."""
    number_ = unlike("C0FFEE")
    page = person.choose("Cards")
    page.get_by_role("link", name="Register a card").first.click()
    page.get_by_label("Number", exact=True).fill(number_)
    page.get_by_role("button", name="Register").click()
    expect(toast(page)).to_be_visible()
    return number_


def test_overview_says_how_the_network_is_and_follows_it(person: Person) -> None:
    page = person.open()
    is_live(page)
    expect(page.locator("#power-now")).to_have_text(re.compile(r"\d"))
    for name in ("#energy-today", "#sessions-today", "#charging-now", "#revenue-today"):
        assert number(page.locator(name).inner_text()) >= 0
    places = page.locator("#places li").count()
    assert places == 12
    expect(page.locator(".map path.leaflet-interactive")).to_have_count(places)
    expect(page.locator(".map path.map-land").first).to_be_attached()
    curve = page.locator("figure.chart")
    expect(curve.locator("canvas")).to_be_visible()
    curve.get_by_role("button", name="Table").click()
    rows = curve.locator(".chart-table tbody tr")
    expect(rows.nth(40)).to_be_attached()
    assert any(number(text) > 0 for text in rows.locator("td:last-child").all_inner_texts() if re.search(r"\d", text))
    curve.get_by_role("button", name="Table").click()
    newest = page.locator("#feed li").first
    before = newest.inner_text()
    expect(newest.locator("strong")).to_be_visible()
    eventually(lambda: newest.inner_text() != before or page.locator("#feed li").first.wait_for() is not None)
    take_picture(page, "job-overview")

    stations = person.open("/stations?online=yes")

    def agrees() -> bool:
        stations.reload()
        page.reload()
        return total(stations) == number(page.locator("#stations-online").inner_text())

    eventually(agrees)
    tile = page.locator("section.tile").filter(has=page.locator("#stations-online"))
    approved, offline = re.findall(r"\d+", tile.locator(".tile-note").inner_text())
    assert int(offline) <= int(approved)
    tile.get_by_role("link", name="Online").click()
    expect(page).to_have_url(re.compile(r"/stations\?online=yes$"))


def test_stations_are_found_chosen_and_asked_with_a_result_for_each(person: Person) -> None:
    page = person.choose("Stations")
    everything = total(page)
    assert everything >= 24
    page.get_by_role("searchbox", name="Identity, name, vendor, serial number").press_sequentially("fjell")
    expect(page).to_have_url(re.compile(r"\?q=fjell"))
    rows = page.locator("#station-list tbody tr")
    expect(rows.filter(has_text="Fjellvik")).to_have_count(total(page))
    assert 0 < total(page) < everything
    settled(page)
    page.get_by_role("link", name="Clear").click()
    expect(rows.filter(has_text="Akagera Works").first).to_be_visible()

    filtered(page, Vendor="Akagera Works", Connection="Online")
    settled(page)
    expect(page).to_have_url(re.compile(r"online=yes&.*vendor=Akagera"))
    page.get_by_role("link", name="Last message", exact=True).click()
    expect(page.locator("th[aria-sort='ascending']")).to_contain_text("Last message")
    page.get_by_role("link", name="Station", exact=True).click()
    expect(page.locator("th[aria-sort='ascending']")).to_contain_text("Station")
    names = page.locator("#station-list tbody .lead-cell a").all_inner_texts()
    assert names == sorted(names)
    assert len(names) >= 3
    for name in names[:3]:
        page.get_by_label(f"Choose {name}").check()
    expect(page.locator("[data-selected]")).to_have_text("3 selected")
    page.get_by_role("button", name="Ask for status").click()
    expect(page.get_by_role("heading", level=1, name="Ask 3 stations for their status?")).to_be_visible()
    page.get_by_role("button", name="Ask 3 stations for their status").click()
    expect(page.locator("#run")).to_contain_text("3 of 3 asked", timeout=LATER_MS)
    results = page.get_by_role("region", name="Results").locator("tbody tr")
    expect(results).to_have_count(3)
    assert sorted(results.locator(".lead-cell").all_inner_texts()) == sorted(names[:3])
    expect(results.filter(has_text=re.compile("Accepted|Not accepted|Not done"))).to_have_count(3)
    take_picture(page, "job-bulk")

    menu(page, "Stations")
    filtered(page, Vendor="Akagera Works")
    settled(page)
    count = total(page)
    exported = list(csv.DictReader(io.StringIO(downloaded(page, page.get_by_role("link", name="CSV", exact=True)))))
    assert len(exported) == count
    assert {row["vendor"] for row in exported} == {"Akagera Works"}


def test_station_is_watched_asked_configured_and_understood(person: Person) -> None:
    page = charging(person)
    is_live(page)
    power = page.locator("article.evse .evse-power .live-number").first
    before = power.inner_text()
    newest = page.locator("#feed li").first.inner_text()
    eventually(lambda: power.inner_text() != before or page.locator("#feed li").first.inner_text() != newest)
    take_picture(page, "job-station")

    tabs = page.get_by_role("navigation", name="Views of the station")
    tabs.get_by_role("link", name="Commands").click()
    page.get_by_label("Find a request").fill("triggerm")
    page.get_by_role("link", name="TriggerMessage").click()
    page.locator("[name='p:requestedMessage']").select_option("Heartbeat")
    page.get_by_role("button", name="Send").click()
    answer = page.get_by_role("article", name="Answer to TriggerMessage").first
    expect(answer).to_contain_text('"Accepted"', timeout=LATER_MS)

    tabs.get_by_role("link", name="Messages").click()
    filtered(page, Message="Heartbeat")
    settled(page)
    frames = page.locator("#frames > li")
    expect(frames.first).to_contain_text("Heartbeat")
    frames.first.locator("summary").first.click()
    expect(frames.first.locator(".json, pre").first).to_be_visible()
    expect(frames.first).to_contain_text("message id")
    take_picture(page, "job-messages", full=False)

    tabs.get_by_role("link", name="Configuration").click()
    page.get_by_role("button", name="Read everything").click()
    variables = page.locator("#variable-list")
    page.get_by_role("searchbox", name="Name, key or value").fill("HeartbeatInterval")
    row = variables.get_by_role("row").filter(has_text="OCPPCommCtrlr.HeartbeatInterval")
    expect(row).to_be_visible(timeout=LATER_MS)
    row.get_by_role("link").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Value", exact=True).fill("77")
    dialog.get_by_label("Once, now").check()
    dialog.get_by_role("button", name="Set").click()
    expect(toast(page)).to_contain_text("Accepted")
    page.reload()
    page.get_by_role("searchbox", name="Name, key or value").fill("HeartbeatInterval")
    expect(row.locator("[data-label='Value']")).to_contain_text("77")
    take_picture(page, "job-configuration", full=False)

    tabs.get_by_role("link", name="Timeline").click()
    filtered(page, About="commands and settings")
    settled(page)
    expect(page.locator("#feed")).to_contain_text("OCPPCommCtrlr.HeartbeatInterval")
    tabs.get_by_role("link", name="Connections").click()
    expect(page.locator("#diagnosis")).to_contain_text("Is it well?")
    expect(page.locator("#quirks")).to_contain_text("Oddities of its make that are coped with")
    take_picture(page, "job-station-connections", full=False)


def test_session_is_started_watched_stopped_and_billed(person: Person) -> None:
    token = new_card(person)
    page, place = free_place(person)
    place.get_by_role("link", name="Start…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="Card").fill(token)
    dialog.get_by_role("button", name="Start charging").click()
    expect(toast(page)).to_contain_text("Start charging: Accepted")
    expect(place.locator(".evse-facts")).to_contain_text(token, timeout=LATER_MS)
    place.get_by_role("link", name="Session").click()
    expect(page.locator("#session-facts")).to_contain_text(token)
    session = page.url

    menu(page, "Sessions")
    is_live(page)
    row = page.locator(f"#session-{session.rpartition('/')[2]}")
    expect(row).to_contain_text(token)
    energy = row.locator("[data-label='Energy']")
    before = energy.inner_text()
    expect(energy).not_to_have_text(before, timeout=LATER_MS)
    assert number(energy.inner_text()) > number(before)
    take_picture(page, "job-sessions-live", full=False)
    row.locator(".lead-cell a").click()
    expect(page.locator("#session-price-now")).to_contain_text("so far")
    page.get_by_role("link", name="Stop charging…").click()
    dialog.get_by_role("button", name="Stop charging").click()
    expect(toast(page)).to_contain_text("Stop charging: Accepted")
    expect(page.locator("#session-status")).to_have_text("Ended", timeout=LATER_MS)
    expect(page.locator("#session-price-now")).to_contain_text("final", timeout=LATER_MS)
    lines = page.locator("#session-price-now tbody tr")
    expect(lines.filter(has_text="kWh").first).to_be_visible()
    take_picture(page, "job-session-ended")
    page.get_by_role("link", name="Charge record", exact=True).click()
    expect(page.get_by_role("heading", name="The price, line by line")).to_be_visible()
    eventually(
        lambda: page.reload() is not None and page.get_by_role("link", name=re.compile(r"^\w+-R-\d+-\d+")).count()
    )
    take_picture(page, "job-charge-record")


def test_sessions_are_filtered_kept_as_a_view_and_exported(person: Person) -> None:
    page = person.choose("Sessions")
    filtered(page, State="ended", Anomalies="without anomalies")
    settled(page)
    place = page.get_by_label("Site", exact=True).locator("option").nth(1).inner_text()
    filtered(page, Site=place)
    settled(page)
    expect(page).to_have_url(re.compile(r"running=no&odd=no&site=[^&]+"))
    filters = page.url
    rows = page.locator("#session-list tbody tr")
    expect(rows.locator("[data-label='Station'] .sub").first).to_have_text(place)
    rows.first.locator(".lead-cell a").click()
    expect(page.locator("#session-facts")).to_contain_text(place)
    page.go_back()
    expect(page).to_have_url(filters)
    expect(page.get_by_label("Site", exact=True).locator("option:checked")).to_have_text(place)
    expect(rows.locator("[data-label='Station'] .sub").first).to_have_text(place)

    view = unlike("Ended there")
    page.get_by_role("link", name="Save this view").click()
    page.get_by_label("Name", exact=True).fill(view)
    page.get_by_role("button", name="Save").click()
    menu(page, "Sessions")
    page.get_by_role("navigation", name="Saved views").get_by_role("link", name=view).click()
    expect(page.get_by_label("Site", exact=True).locator("option:checked")).to_have_text(place)
    expect(page.get_by_label("State", exact=True).locator("option:checked")).to_have_text("ended")
    exported = list(csv.DictReader(io.StringIO(downloaded(page, page.get_by_role("link", name="CSV", exact=True)))))
    said = page.locator("#session-list .totals").inner_text()
    assert len(exported) >= number(said) > 0
    assert {row["site"] for row in exported} == {place}
    assert all(row["ended_at"] for row in exported)
    take_picture(page, "job-sessions")
    page.get_by_role("link", name="Arrange").click()
    page.get_by_label(f"Delete… {view}").click()
    page.get_by_role("button", name=f"Delete: {view}").click()
    expect(page.get_by_label(f"Name: {view}")).to_have_count(0)


def test_session_is_gone_through_step_by_step_and_priced_by_another_tariff(person: Person) -> None:
    page = person.choose("Sessions")
    filtered(page, State="running")
    settled(page)
    charging = page.locator("#session-list tbody tr").filter(
        has=page.locator("[data-label='Energy']", has_text=re.compile("[1-9]"))
    )
    charging.first.locator(".lead-cell a").click(timeout=LATER_MS)
    expect(page.locator("figure.chart canvas")).to_be_visible()
    expect(page.locator("#session-facts")).to_contain_text("Authorisation")
    expect(page.locator("#session-facts")).to_contain_text("Accepted")
    page.get_by_text("Price it by another tariff").click()
    choice = page.get_by_label("Tariff", exact=True)
    choice.select_option(label="Autoroute")
    page.get_by_role("button", name="Calculate").click()
    expect(page.get_by_role("heading", name="By Autoroute")).to_be_visible()
    expect(page.get_by_role("region", name="The price by another tariff")).to_contain_text("kWh")
    take_picture(page, "job-session")

    page.get_by_role("link", name="Step by step").click()
    steps = page.locator("#step-links li")
    expect(steps.locator("a[aria-current='step']")).to_have_count(1)
    expect(page.locator("#then")).to_contain_text("Power")
    decision = steps.filter(has_text="Card: Accepted").first
    decision.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"step="))
    expect(decision).to_have_class("chosen")
    expect(decision).to_contain_text("the card is registered")
    expect(page.locator("#then-title")).to_contain_text("Known at")
    here = page.url
    page.get_by_role("link", name="Step on").click()
    expect(page).not_to_have_url(here)
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(here)
    page.get_by_text("Why this tariff").click()
    expect(page.locator("#step-price .wins")).to_be_visible()
    page.get_by_label("By another tariff").select_option(label="Autoroute")
    page.locator("#step-price").get_by_role("button", name="Calculate").click()
    expect(page.get_by_role("heading", name="Price by Autoroute")).to_be_visible()
    take_picture(page, "job-session-steps")
    page.go_back()
    expect(page.locator("#step-price-title")).to_have_text("Price")


def test_report_says_how_the_network_was_used(person: Person) -> None:
    page = person.choose("Reports")
    tiles = page.get_by_role("region", name="Key figures")
    for name in ("Energy", "Sessions", "Utilisation", "Success", "Revenue"):
        tile = tiles.locator(".tile").filter(has=page.get_by_role("heading", name=name, exact=True)).first
        assert number(tile.locator(".figure-value").inner_text()) > 0
    sites = page.get_by_role("region", name="Figures by site").locator("tbody tr")
    expect(sites.nth(11)).to_be_visible()
    page.get_by_text("The same as a table").click()
    days = page.get_by_role("region", name="Figures by time").locator("tbody tr")
    month = days.count()
    assert month >= 28
    page.get_by_role("navigation", name="Period").get_by_role("link", name="7 days").click()
    expect(page.get_by_role("navigation", name="Period").locator("[aria-current]")).to_have_text("7 days")
    page.get_by_text("The same as a table").click()
    expect(days).to_have_count(7)
    assert all(number(text) > 0 for text in days.nth(1).locator("[data-label='Sessions']").all_inner_texts())
    page.get_by_role("region", name="Figures by site").get_by_role("link", name="Energy").click()
    expect(page).to_have_url(re.compile("sort="))
    place = sites.get_by_role("link").first.inner_text()
    exported = list(csv.DictReader(io.StringIO(downloaded(page, page.get_by_role("link", name="CSV", exact=True)))))
    assert len(exported) > 0
    sites.get_by_role("link", name=place).click()
    expect(page.get_by_label("Site", exact=True).locator("option:checked")).to_have_text(place)
    expect(sites).to_have_count(1)
    page.get_by_label("By", exact=True).select_option(label="by week")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="By week")).to_be_visible()
    take_picture(page, "job-report")
