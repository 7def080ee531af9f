"""Reports in a browser: a period is chosen, a site is looked into, and the figures are taken along."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from charging.stations import Station
from ingufu.core.clock import FrozenClock
from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import Console, running_console

LIGHT, DARK, PHONE = ("light", 1440), ("dark", 1440), ("light", 390)
SITE = "Kigali Heights"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        console.run(fill(console))
        yield console


async def fill(console: Console) -> None:
    """Let sessions of an hour have ended on several days at one site, and all figures be gathered."""
    services = console.services
    place = next(one for one in await services.stations.all() if one.site_id == console.net.sites[SITE])
    for days in (1, 2, 3, 40):
        clock = FrozenClock(console.clock.now() - timedelta(days=days))
        station = Station(services.database, services.charging, clock, place.id, "1.6")
        started = await station.start(register_wh=1000, evse=1)
        clock.advance(3600)
        await station.end(reference=started.transaction.reference, register_wh=11_000)
    await services.reports.follow_places()
    await services.reports.follow()
    while await services.reports.gather_past():
        pass


def desk(console: Console, open_page: OpenPage, path: str, email: str = "keza@example.org", **more: object) -> Page:
    return open_page(console.url + path, storage_state=console.log_in(email), **more)


@pytest.mark.parametrize("path", ["reports", "reports/stations"])
@pytest.mark.parametrize(("scheme", "width"), [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"])
def test_page_is_accessible_and_whole(
    console: Console, open_page: OpenPage, scheme: str, width: int, path: str
) -> None:
    page = open_page(
        console.url + f"/console/{path}", scheme=scheme, width=width, storage_state=console.onlooker(), only_looks=True
    )
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("region", name="Figures by station").locator("tbody tr").first).to_be_visible()
    take_picture(page, f"{path.replace('/', '-')}-{scheme}-{width}")
    assert accessibility_violations(page) == []
    assert not overflows(page)


def test_a_period_is_chosen_and_a_site_looked_into(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/reports", allow="status of 422")
    sites = page.get_by_role("region", name="Figures by site")
    row = sites.locator("tbody tr").filter(has_text=SITE)
    expect(row).to_contain_text("kWh")
    page.get_by_role("link", name="12 months").click()
    expect(page.get_by_role("link", name="12 months")).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("heading", name="By week")).to_be_visible()
    row.get_by_role("link", name=SITE).click()
    expect(page.get_by_label("Site", exact=True)).to_have_value(console.net.sites[SITE])
    expect(sites.locator("tbody tr")).to_have_count(1)
    until = (console.clock.now() - timedelta(days=38)).date().isoformat()
    page.get_by_label("From").fill((console.clock.now() - timedelta(days=42)).date().isoformat())
    page.get_by_label("to", exact=True).fill(until)
    page.get_by_label("By", exact=True).select_option("by day")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_label("Key figures")).to_contain_text(re.compile(r"10\.00\s*kWh"))
    stations = page.get_by_role("region", name="Figures by station")
    expect(stations.locator("tbody tr")).to_have_count(1)
    expect(page.locator("#station-use")).to_contain_text("1 session without a card")
    expect(page).to_have_title("Reports · Ingufu")  # not that of the page which the card was taken from
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("region", name="Figures by time").locator("tbody tr")).to_have_count(5)
    with page.expect_download() as told:
        page.get_by_role("link", name="CSV").click()
    rows = told.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert rows[0].startswith("day,site_id,site,time_zone,sessions_started")
    assert len(rows) == 2
    assert f",{SITE}," in rows[1]
    compared = page.locator("p", has_text="Compared with")
    for name, days in (("the same weekdays", 49), ("the days before", 47)):
        page.get_by_label("Compared with").select_option(name)
        page.get_by_role("button", name="Show").click()
        first = (console.clock.now() - timedelta(days=days)).date()
        expect(compared).to_contain_text(f"Compared with {first.day} ")
    yesterday = (console.clock.now() - timedelta(days=1)).date().isoformat()
    page.get_by_label("From").fill(yesterday)
    page.get_by_label("to", exact=True).fill(yesterday)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_label("Key figures")).to_contain_text("than on the day before")
    page.get_by_label("From").fill("2020-01-01")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("This is no period")).to_be_visible()
