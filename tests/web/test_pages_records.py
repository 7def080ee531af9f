"""Charge records in a browser: what sessions came to, corrections, and sessions without a price."""

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from billing.records.world import element, per_kwh, terms
from charging.stations import Station
from ingufu.billing.invoices.parties import Address
from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.tariffs.model import Dimension
from ingufu.tariffs.service import NewTariff, Tariffs
from ingufu.tariffs.situations import Target, Where
from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import Console, running_console

LIGHT, DARK, PHONE = ("light", 1440), ("dark", 1440), ("light", 390)
PAGES = ("list", "record", "credit", "session", "steps", "unpriced")
SITE = "Kigali Heights"
HOSTILE = "=cmd|' /C calc'!A1 <script>alert(1)</script>"


class Bills:
    """What was billed in the console's network."""

    def __init__(self) -> None:
        self.billed = self.credited = self.unpriced = ""
        self.record = self.credit = ""


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        yield console


@pytest.fixture(scope="module")
def bills(console: Console) -> Bills:
    found = Bills()
    console.run(fill(console, found))
    return found


async def fill(console: Console, bills: Bills) -> None:
    """Let a tariff have applied at one site since the morning, and sessions have ended there and elsewhere."""
    services = console.services
    now = console.clock.now()
    morning = FrozenClock(now - timedelta(hours=6))
    tariffs = Tariffs(services.database, morning, IdMaker(morning), services.price_feeds)
    day = terms("RWF", element(Dimension.ENERGY, "300"), element(Dimension.FLAT, "100"))
    where = Where(target=Target.SITE, target_id=console.net.sites[SITE])
    for name, what, place in (("Day", day, where), ("Staff", per_kwh("100"), None)):
        new = NewTariff(organisation_id=console.net.organisation_id, name=name, terms=what)
        async with services.database.work() as work:
            made, _ = await tariffs.create(work, new, by="Keza Mugisha")
        if place is not None:
            async with services.database.work() as work:
                await tariffs.assign(work, made.id, place, by="Keza Mugisha")
    at_site = next(one for one in await services.stations.all() if one.site_id == console.net.sites[SITE])
    elsewhere = next(one for one in await services.stations.all() if one.site_id not in (None, at_site.site_id))
    bills.billed = await session(console, at_site.id, 5, 12_345)
    bills.credited = await session(console, at_site.id, 3, 20_000)
    bills.unpriced = await session(console, elsewhere.id, 2, 8_000)
    for _ in range(3):
        await services.charge_records.rater.collect()
        await services.charge_records.rater.rate_due()
    async with services.database.work() as work:
        await services.money.entities.create(
            work,
            organisation_id=console.net.organisation_id,
            key="KGL",
            name="Ingufu Charging Ltd",
            address=Address(city="Kigali", country="RW"),
            tax_id="102345678",
            is_default=True,
        )
    await services.money.invoicing.sweep()
    (record,) = await services.charge_records.of_transaction(bills.billed)
    (second,) = await services.charge_records.of_transaction(bills.credited)
    bills.record = record.id
    async with services.database.work() as work:
        bills.credit = (await services.charge_records.credit(work, second.id, reason=HOSTILE)).id


async def session(console: Console, station_id: str, hours_ago: float, wh: int) -> str:
    """Have a station have charged for an hour, and return the transaction's id."""
    clock = FrozenClock(console.clock.now() - timedelta(hours=hours_ago))
    station = Station(console.services.database, console.services.charging, clock, station_id, "1.6")
    started = await station.start(register_wh=1000, evse=1)
    clock.advance(3600)
    await station.end(reference=started.transaction.reference, register_wh=1000 + wh)
    return started.transaction.id


def desk(console: Console, open_page: OpenPage, path: str, email: str = "keza@example.org", **more: object) -> Page:
    return open_page(console.url + path, storage_state=console.log_in(email), **more)


def address(bills: Bills, name: str) -> str:
    return {
        "list": "/console/charge-records",
        "record": f"/console/charge-records/{bills.record}",
        "credit": f"/console/charge-records/{bills.credit}",
        "session": f"/console/sessions/{bills.billed}",
        "steps": f"/console/sessions/{bills.billed}/steps",
        "unpriced": "/console/charge-records/unpriced",
    }[name]


@pytest.mark.parametrize(("scheme", "width"), [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_page_is_accessible_and_whole(
    console: Console, bills: Bills, open_page: OpenPage, name: str, scheme: str, width: int
) -> None:
    page = open_page(
        console.url + address(bills, name),
        scheme=scheme,
        width=width,
        storage_state=console.onlooker(),
        only_looks=True,
    )
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert accessibility_violations(page) == []
    assert not overflows(page)
    take_picture(page, f"console-records-{name}-{scheme}-{width}")


def test_session_shows_its_price_and_what_another_tariff_would_make(
    console: Console, bills: Bills, open_page: OpenPage
) -> None:
    page = desk(console, open_page, f"/console/sessions/{bills.billed}")
    price = page.locator("#session-price")
    expect(page.locator("#session-price-now")).to_contain_text("final")
    # 12.345 kWh at 300 and 100 for the session are 3803.5, thus 3804; 18 % of these are 685
    expect(price.locator(".sum strong").first).to_have_text("RWF\N{NO-BREAK SPACE}4,489")
    page.get_by_text("Price it by another tariff").click()
    price.get_by_label("Tariff").select_option("Staff")
    price.get_by_role("button", name="Calculate").click()
    expect(page.get_by_role("heading", name="By Staff")).to_be_visible()
    expect(page.locator("#session-price .sum strong").nth(1)).to_have_text("RWF\N{NO-BREAK SPACE}1,457")
    page.locator("#session-price").get_by_role("link", name="Charge record").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("4,489")


def test_session_is_stepped_through_and_priced_as_it_was_known(
    console: Console, bills: Bills, open_page: OpenPage
) -> None:
    page = desk(console, open_page, f"/console/sessions/{bills.billed}")
    page.get_by_role("link", name="Step by step").click()
    price, chosen = page.locator("#step-price"), page.locator("#step-links [aria-current='step']")
    expect(price).to_contain_text("as billed")
    expect(price.locator(".sum strong")).to_have_text("RWF\N{NO-BREAK SPACE}4,489")
    steps = page.locator("#step-links a")
    steps.first.click()
    expect(chosen).to_have_count(1)
    expect(page.get_by_text(re.compile("^Step 1 of"))).to_be_visible()
    started = steps.filter(has_text="Session started").first
    started.click()
    expect(started).to_have_attribute("aria-current", "step")
    expect(page.locator("#then")).to_contain_text("not yet")
    expect(price).to_contain_text("as if it had ended then")
    expect(price.locator(".sum strong")).to_have_text("RWF\N{NO-BREAK SPACE}118")
    page.keyboard.press("ArrowRight")
    expect(started).not_to_have_attribute("aria-current", "step")
    page.keyboard.press("ArrowLeft")
    expect(started).to_have_attribute("aria-current", "step")
    ended = page.get_by_role("link", name="Session ended")
    ended.click()
    expect(ended).to_have_attribute("aria-current", "step")
    price.get_by_label("By another tariff").select_option("Staff")
    price.get_by_role("button", name="Calculate").click()
    expect(page.get_by_role("heading", name="Price by Staff")).to_be_visible()
    expect(price.locator(".sum strong")).to_have_text("RWF\N{NO-BREAK SPACE}1,457")
    price.get_by_text("Why this tariff").click()
    expect(price.locator(".wins")).to_be_visible()
    page.go_back()
    expect(price.locator(".sum strong")).not_to_have_text("RWF\N{NO-BREAK SPACE}1,457")


def test_billed_energy_is_told_to_the_watt_hour_and_leads_to_the_receipt(
    console: Console, bills: Bills, open_page: OpenPage
) -> None:
    page = desk(console, open_page, f"/console/sessions/{bills.billed}")
    expect(page.locator("#session-tiles")).to_contain_text("12.345")
    page = desk(console, open_page, f"/console/charge-records/{bills.record}")
    expect(page.locator("dd").filter(has_text="12.345")).to_be_visible()
    page.get_by_role("link", name=re.compile("KGL-R-")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("KGL-R-")
    page = desk(console, open_page, f"/console/charge-records/{bills.credit}")
    expect(page.get_by_text("No document bills it yet.")).to_be_visible()


def test_session_without_a_price_is_billed_by_the_tariff_that_is_chosen(
    console: Console, bills: Bills, open_page: OpenPage
) -> None:
    page = desk(console, open_page, "/console/charge-records")
    page.get_by_role("link", name="Price them").click()
    rows = page.get_by_role("region", name="Sessions without a price").locator("tbody tr")
    expect(rows.first).to_be_visible()
    page.get_by_label("Tariff").select_option("Staff")
    page.get_by_role("button", name=re.compile("^Bill ")).click()
    expect(page.get_by_text(re.compile(r"\d+ billed"))).to_be_visible()
    (record,) = console.run(console.services.charge_records.of_transaction(bills.unpriced))
    assert (record.net, record.gross) == (Decimal(800), Decimal(944))


def test_record_is_corrected_by_a_credit_and_a_new_one(console: Console, bills: Bills, open_page: OpenPage) -> None:
    page = desk(console, open_page, f"/console/charge-records/{bills.record}")
    page.get_by_role("button", name="Bill it anew").click()
    page.get_by_role("textbox", name="Why").fill("A colleague charged.")
    page.get_by_label("Price it anew by").select_option("Staff")
    page.get_by_role("button", name="Credit it and bill anew").click()
    expect(page.get_by_text("The session is billed anew")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("1,457")
    rows = page.get_by_role("region", name="Issued for this session").locator("tbody tr")
    expect(rows).to_have_count(3)
    records = console.run(console.services.charge_records.of_transaction(bills.billed))
    assert [one.gross for one in records] == [Decimal(4489), Decimal(-4489), Decimal(1457)]


def test_viewer_sees_records_and_changes_none(console: Console, bills: Bills, open_page: OpenPage) -> None:
    page = desk(console, open_page, f"/console/charge-records/{bills.credit}", "jean@example.org")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("button", name="Bill it anew")).to_have_count(0)
    expect(page.get_by_text("<script>alert(1)</script>")).to_be_visible()
