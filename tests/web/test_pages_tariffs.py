"""Tariffs in a browser: the pages as people see them, and the jobs they come for."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from ingufu.tariffs.model import (
    Dimension,
    Element,
    PriceComponent,
    PriceFeed,
    PriceLimit,
    ReservationPart,
    Restrictions,
    Tax,
    TaxBasis,
    Terms,
    Weekday,
)
from ingufu.tariffs.service import NewFeed, NewTariff
from ingufu.tariffs.situations import Target, Where
from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import Console, running_console

LIGHT, DARK, PHONE = ("light", 1440), ("dark", 1440), ("light", 390)
VAT = (Tax(percent=Decimal(18)),)
HOSTILE = "<script>alert('1')</script>\"><b onload=x>"
PAGES = ("list", "tariff", "new", "edit", "json", "calculator", "feeds")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        console.run(fill(console))
        yield console


def priced(price: str, dimension: Dimension = Dimension.ENERGY, **more: Any) -> PriceComponent:
    return PriceComponent(dimension=dimension, price=Decimal(price), taxes=VAT, **more)


EVENING = Terms(
    currency="RWF",
    tax_basis=TaxBasis.INCLUDED,
    elements=(
        Element(components=(priced("200"),), restrictions=Restrictions(start_time=time(22), end_time=time(6))),
        Element(
            components=(priced("350"), priced("1500", Dimension.PARKING_TIME, grace_s=600)),
            restrictions=Restrictions(start_time=time(17), end_time=time(22), days_of_week=tuple(Weekday)[:5]),
        ),
        Element(
            components=(priced("2000", Dimension.FLAT),),
            restrictions=Restrictions(reservation=ReservationPart.RESERVATION_EXPIRES),
        ),
        Element(components=(priced("300"), priced("100", Dimension.FLAT))),
    ),
    max_price=PriceLimit(after_taxes=Decimal(20_000)),
)


async def fill(console: Console) -> None:
    """Let there be tariffs of several kinds, one by a feed, and one that somebody hostile has named."""
    services, organisation_id = console.services, console.net.organisation_id
    tariffs = services.tariffs

    async def make(name: str, terms: Terms) -> str:
        async with services.database.work() as work:
            new = NewTariff(organisation_id=organisation_id, name=name, terms=terms)
            made, _ = await tariffs.create(work, new, by="Keza Mugisha")
        return made.id

    feed_id = await make_feed(console)
    evening = await make("Kigali public", EVENING)
    await make(HOSTILE, Terms(currency="KES", elements=(Element(components=(priced("25", step_size=1000),)),)))
    market = PriceComponent(
        dimension=Dimension.ENERGY, price=Decimal(40), feed=PriceFeed(feed_id=feed_id, floor=Decimal(0)), taxes=VAT
    )
    await make("Market price", Terms(currency="RWF", elements=(Element(components=(market,)),)))
    async with services.database.work() as work:
        where = Where(target=Target.SITE, target_id=console.net.sites["Nyarutarama Golf"])
        await tariffs.assign(work, evening, where, by="Keza Mugisha")
    async with services.database.work() as work:
        later = console.clock.now() + timedelta(days=20)
        dearer = (*EVENING.elements[:3], Element(components=(priced("320"), priced("100", Dimension.FLAT))))
        terms = Terms(currency="RWF", tax_basis=TaxBasis.INCLUDED, elements=dearer, max_price=EVENING.max_price)
        await tariffs.change(work, evening, terms, by="Jean Bosco", valid_from=later)


async def make_feed(console: Console) -> str:
    services = console.services
    begins = datetime.combine(console.clock.now().date(), time(0), UTC)
    lines = [
        f"{(begins + timedelta(hours=hour)).isoformat()},{90 + (hour * 37) % 140 - 40 * (hour == 13)}"
        for hour in range(48)
    ]
    async with services.database.work() as work:
        new = NewFeed(organisation_id=console.net.organisation_id, name="Day-ahead", currency="RWF")
        feed = await services.price_feeds.create(work, new)
    async with services.database.work() as work:
        await services.price_feeds.upload(work, feed.id, "\n".join(["from,price", *lines]).encode())
    return feed.id


def tariff_id(console: Console, name: str) -> str:
    return next(str(one.id) for one in console.run(console.services.tariffs.all()) if one.name == name)


def address(console: Console, name: str) -> str:
    own = f"/console/tariffs/{tariff_id(console, 'Kigali public')}"
    return {
        "list": "/console/tariffs",
        "tariff": own,
        "new": "/console/tariffs/new?start=day-night",
        "edit": f"{own}/edit",
        "json": f"{own}/edit",
        "calculator": f"/console/tariffs/calculator?kwh=20&minutes=40&idle=30&start=2026-11-20T18:00&site={console.net.sites['Nyarutarama Golf']}&other={tariff_id(console, 'Market price')}",
        "feeds": "/console/tariffs/feeds",
    }[name]  # fmt: skip


def desk(console: Console, open_page: OpenPage, path: str, **more: Any) -> Page:
    return open_page(console.url + path, storage_state=console.log_in(), **more)


@pytest.mark.parametrize(("scheme", "width"), [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_page_is_accessible_and_whole(
    console: Console, open_page: OpenPage, name: str, scheme: str, width: int
) -> None:
    page = open_page(
        console.url + address(console, name),
        scheme=scheme,
        width=width,
        storage_state=console.onlooker(),
        only_looks=True,
    )
    if name == "json":
        page.get_by_role("button", name="Edit it as JSON").click()
        expect(page.get_by_label("Terms as JSON")).to_be_visible()
    assert accessibility_violations(page) == []
    assert not overflows(page)
    take_picture(page, f"console-tariffs-{name}-{scheme}-{width}")


def week(page: Page) -> Locator:
    return page.locator("#preview svg.week")


def labels(page: Page) -> list[str]:
    return week(page).locator("text.week-label.week-wide").all_inner_texts()


def expect_prices(page: Page, *prices: str) -> None:
    """Wait until the picture shows these prices and no others."""
    wanted = sorted(prices)
    page.wait_for_function(
        """wanted => JSON.stringify([...new Set([...document.querySelectorAll("#preview text.week-label.week-wide")]
            .map(one => one.textContent))].sort()) === JSON.stringify(wanted)""",
        arg=wanted,
    )


def save(page: Page) -> None:
    page.get_by_role("button", name="Save the tariff").click()


def to_pay(page: Page, place: int = 0) -> Locator:
    return page.locator(".sum strong").nth(place)


def test_day_and_night_are_priced_drawn_given_to_a_site_and_calculated(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/tariffs/new?start=day-night")
    page.get_by_label("Name", exact=True).fill("Heights day and night")
    page.get_by_label("Currency").fill("RWF")
    night = page.get_by_role("group", name="Rule 1")
    day = page.get_by_role("group", name="Rule 2")
    night.get_by_label("Energy, per kWh").fill("200")
    day.get_by_label("Energy, per kWh").fill("300")
    expect_prices(page, "200", "300")
    day.get_by_label("Energy, per kWh").fill("320")
    expect_prices(page, "200", "320")
    expect(week(page).locator("rect.week-block title").nth(1)).to_contain_text("Monday 06:00\N{EN DASH}22:00")
    save(page)
    expect(page.get_by_role("heading", name="Heights day and night", level=1)).to_be_visible()
    expect(page.get_by_text("It applies nowhere: nothing is priced by it.")).to_be_visible()
    page.get_by_label("Which one").fill("kigali heights")
    page.get_by_role("button", name="Give it").click()
    expect(page.locator("#applies")).to_contain_text("Site: Kigali Heights")
    page.get_by_role("link", name="What would it cost?").click()
    page.get_by_label("Energy").fill("20")
    page.get_by_label("Charging").fill("60")
    page.get_by_label("Begins").fill("2026-11-21T21:30")
    page.get_by_label("Site").select_option(label="Kigali Heights")
    page.locator("#tariff").select_option("")
    page.get_by_role("button", name="Calculate").click()
    expect(to_pay(page)).to_have_text("RWF\N{NO-BREAK SPACE}5,200")  # half an hour by day, half by night
    expect(page.locator(".steps-list .wins")).to_have_text("Site: Heights day and night applies")
    expect(page.locator("table").first).to_contain_text("22:00\N{EN DASH}06:00")


def test_price_changes_from_a_later_instant_and_is_withdrawn(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/tariffs/new")
    page.get_by_label("Name", exact=True).fill("Slow parking")
    page.get_by_label("Currency").fill("KES")
    page.get_by_label("Energy, per kWh").fill("25")
    save(page)
    page.get_by_role("link", name="Change prices").click()
    page.get_by_label("Energy, per kWh").fill("27,5")
    page.get_by_role("radio", name="From", exact=True).check()
    page.get_by_label("Instant from which it holds").fill("2026-12-24T06:00")
    save(page)
    coming = page.locator("#version-2")
    expect(coming).to_contain_text("to come")
    expect(coming).to_contain_text("24 Dec 2026, 06:00:00 CAT")
    coming.get_by_text("What changed").click()
    expect(coming.locator("del")).to_contain_text("KES\N{NO-BREAK SPACE}25.00 per kWh")
    expect(coming.locator("ins")).to_contain_text("KES\N{NO-BREAK SPACE}27.50 per kWh")
    page.goto(page.url.partition("?")[0] + "?week=2026-12-28")
    expect(page.locator("svg.week text.week-label.week-wide").first).to_have_text("27.5")
    page.locator("#version-2").get_by_role("button", name="Withdraw…").click()
    page.get_by_role("dialog").get_by_role("button", name="Withdraw").click()
    expect(page.locator("#version-2")).to_contain_text("withdrawn")
    expect(page.locator("#version-1")).to_contain_text("in force")
    page.goto(page.url.partition("?")[0] + "?week=2026-12-28")
    expect(page.locator("svg.week text.week-label.week-wide").first).to_have_text("25")


def test_what_is_wrong_is_said_and_nothing_is_lost(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/tariffs/new?start=idle", allow="422")
    page.get_by_label("Name", exact=True).fill("Mall")
    page.get_by_label("Currency").fill("RWF")
    page.get_by_role("button", name="Add a tax").click()
    expect(page.get_by_label("Rate")).to_be_focused()
    page.get_by_label("Rate").fill("18")
    page.get_by_label("Energy, per kWh").fill("1,000")
    page.get_by_label("Sat", exact=True).check()
    save(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("2 entries need another look")
    expect(page.locator("#r0-energy-price-error")).to_have_text("Is that 1000 or 1.000? Write it so.")
    expect(page.locator("#r0-idle-price-error")).to_have_text("Enter the price, or empty what stands beside it.")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Mall")
    expect(page.get_by_label("Rate")).to_have_value("18")
    expect(page.get_by_label("Energy, per kWh")).to_have_value("1,000")
    expect(page.get_by_label("Sat", exact=True)).to_be_checked()
    assert accessibility_violations(page) == []
    take_picture(page, "console-tariffs-wrong-light-1440")
    alert.get_by_role("link", name="Is that 1000").click()
    expect(page.get_by_label("Energy, per kWh")).to_be_focused()
    page.get_by_label("Energy, per kWh").fill("250")
    page.get_by_label("Idle time, per hour").fill("1500")
    save(page)
    expect(page.get_by_role("heading", name="Mall", level=1)).to_be_visible()
    expect(page.get_by_text("the first 10 min free (Sat; VAT 18% included)")).to_be_visible()


def test_name_that_is_taken_is_said_beside_the_name(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/tariffs/new", allow="422")
    page.get_by_label("Name", exact=True).fill("kigali PUBLIC")
    page.get_by_label("Currency").fill("RWF")
    page.get_by_label("Energy, per kWh").fill("1")
    save(page)
    expect(page.locator("#name-error")).to_contain_text("already")
    expect(page.get_by_label("Energy, per kWh")).to_have_value("1")


def tab_to(page: Page, field: str) -> None:
    """Go on by the Tab key until the field of this id or the button of this value has the focus."""
    for _ in range(80):
        if page.evaluate("() => document.activeElement.id || document.activeElement.value") == field:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{field} is not reached by the keyboard")


def test_tariff_is_made_by_keyboard_alone(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/tariffs/new")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("By keys")
    tab_to(page, "currency")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("EUR")
    tab_to(page, "r0-energy-price")
    page.keyboard.type("0.45")
    expect_prices(page, "0.45")
    page.keyboard.press("Enter")  # shows, and does not save
    expect(page.get_by_role("heading", name="New tariff")).to_be_visible()
    expect(page.locator("#r0-energy-price")).to_have_value("0.45")
    tab_to(page, "add-rule")
    page.keyboard.press("Enter")
    expect(page.locator("#r1-energy-price")).to_be_focused()
    page.keyboard.type("0.60")
    expect_prices(page, "0.45")  # the first rule always fits
    expect(page.locator("#preview")).to_contain_text("Rule 2 never counts")
    tab_to(page, "save")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="By keys", level=1)).to_be_visible()


def test_rules_are_copied_moved_and_removed_on_a_phone(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/tariffs/new", width=390)
    page.get_by_label("Name", exact=True).fill("Weekend")
    page.get_by_label("Currency").fill("RWF")
    page.get_by_label("Energy, per kWh").fill("250")
    page.get_by_role("button", name="Copy rule 1").click()
    copied = page.get_by_role("group", name="Rule 2")
    copied.get_by_label("Energy, per kWh").fill("150")
    copied.get_by_label("Sun", exact=True).check()
    expect_prices(page, "250")
    page.get_by_role("button", name="Move rule 2 up").click()
    expect_prices(page, "150", "250")
    assert not overflows(page)
    page.get_by_role("button", name="Remove rule 1").click()
    expect(page.get_by_role("group", name="Rule 2")).to_have_count(0)
    expect_prices(page, "250")
    assert accessibility_violations(page) == []


def test_price_that_is_drawn_later_does_not_undo_what_is_done_meanwhile(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/tariffs/new")
    page.get_by_label("Currency").fill("RWF")
    page.get_by_label("Energy, per kWh").fill("250")
    page.get_by_role("button", name="Copy rule 1").click()
    second = page.get_by_role("group", name="Rule 2")
    expect(second).to_be_visible()

    def dawdle(route: Route) -> None:
        page.wait_for_timeout(1000)  # the preview is asked for in this time
        route.continue_()

    page.route("**/console/tariffs/new", dawdle)
    second.get_by_label("Energy, per kWh").fill("150")
    page.get_by_role("button", name="Move rule 2 up").click()
    expect(page.get_by_role("group", name="Rule 1").get_by_label("Energy, per kWh")).to_have_value("150")


def test_expert_edits_json_and_comes_back_to_the_form(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, f"/console/tariffs/{tariff_id(console, 'Kigali public')}/edit", allow="422")
    page.get_by_role("button", name="Edit it as JSON").click()
    source = page.get_by_label("Terms as JSON")
    expect(source).to_be_focused()
    text = source.input_value()
    source.fill(text.replace('"350"', '"360"') + "x")
    page.get_by_role("button", name="Edit it as a form").click()
    expect(page.locator("#json-error")).to_contain_text("This cannot be read as terms")
    expect(source).to_have_value(re.compile("360"))
    source.fill(text.replace('"350"', '"360"'))
    expect_prices(page, "200", "300", "360")
    page.get_by_role("button", name="Edit it as a form").click()
    expect(page.get_by_role("group", name="Rule 2").get_by_label("Energy, per kWh")).to_have_value("360")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Kigali public")


def test_session_is_priced_by_what_is_typed_and_not_saved(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/tariffs/new?start=idle")
    page.get_by_label("Currency").fill("KWD")
    page.get_by_label("Energy, per kWh").fill("0.045")
    page.get_by_label("Idle time, per hour").fill("1.2")
    page.get_by_text("What would a session cost?").click()
    page.locator("#calc-kwh").fill("20.5")
    page.locator("#calc-minutes").fill("1 h")
    page.get_by_label("Idle afterwards").fill("25")
    expect(to_pay(page)).to_have_text("KWD\N{NO-BREAK SPACE}1.223")  # 0.9225 + a quarter of 1.2
    expect(page.locator("#preview")).to_contain_text("the first 10 min free")


def test_editor_works_without_scripts(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/tariffs/new", java_script_enabled=False)
    page.get_by_label("Name", exact=True).fill("Plain")
    page.get_by_label("Currency").fill("RWF")
    page.get_by_label("Energy, per kWh").fill("240")
    page.get_by_role("button", name="Add a price rule").click()
    expect(page.get_by_role("group", name="Rule 1").get_by_label("Energy, per kWh")).to_have_value("240")
    expect(week(page).locator("text.week-wide").first).to_have_text("240")
    page.get_by_role("button", name="Remove rule 2").click()
    page.get_by_role("button", name="Save the tariff").click()
    expect(page.get_by_role("heading", name="Plain", level=1)).to_be_visible()


def test_tariff_is_taken_from_a_place_retired_and_brought_back(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, f"/console/tariffs/{tariff_id(console, 'Market price')}")
    page.get_by_label("To what").select_option("everyone")
    page.get_by_role("button", name="Give it").click()
    expect(page.locator("#applies li")).to_contain_text("Everyone")
    page.get_by_role("button", name="Take it from there…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Sessions that run go on with it.")
    dialog.get_by_role("button", name="Take it from there").click()
    expect(page.locator("#applies li")).to_contain_text("until")
    page.get_by_role("button", name="Retire…").click()
    page.get_by_role("dialog").get_by_role("button", name="Retire").click()
    expect(page.get_by_text("The tariff is retired")).to_be_visible()
    page.get_by_role("button", name="Bring it back").click()
    expect(page.get_by_role("link", name="Change prices")).to_be_visible()
    expect(page.locator("#page")).to_contain_text("Brought back")


def test_unknown_place_is_said_and_what_was_typed_stays(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, f"/console/tariffs/{tariff_id(console, 'Kigali public')}", allow="422")
    page.get_by_label("To what").select_option("evse")
    page.get_by_label("Which one").fill("NYA-01:99")
    page.get_by_label("Note").fill("for now")
    page.get_by_role("button", name="Give it").click()
    expect(page.locator("#name-error")).to_contain_text("no such EVSE")
    expect(page.get_by_label("Which one")).to_have_value("NYA-01:99")
    expect(page.get_by_label("Note")).to_have_value("for now")


def test_feed_is_added_loaded_and_drawn(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/tariffs/feeds", allow="422")
    page.get_by_label("Name").fill("Supplier")
    page.get_by_label("Currency").fill("RWF")
    page.get_by_role("button", name="Add the feed").click()
    card = page.get_by_role("region", name="Supplier", exact=True)
    expect(card).to_contain_text("no prices yet")
    card.get_by_text("Load prices from a file").click()
    card.get_by_label("Contents of the file").fill("from,price\nyesterday,3")
    card.get_by_role("button", name="Load them").click()
    expect(card.locator(".field .error")).to_contain_text("Line 2")
    field = card.get_by_label("Contents of the file")
    expect(field).to_have_value(re.compile("yesterday"))
    rows = "\n".join(f"2026-11-2{day}T{hour:02d}:00Z,{100 + hour}" for day in (0, 1) for hour in range(24))
    card.get_by_label("File", exact=True).set_input_files(
        {"name": "prices.csv", "mimeType": "text/csv", "buffer": f"from,price\n{rows}".encode()}
    )
    expect(field).to_have_value(re.compile("2026-11-21T23:00Z,123"))
    card.get_by_role("button", name="Load them").click()
    expect(page.get_by_text("48 prices read, 48 new")).to_be_visible()
    expect(card.locator("svg.curve rect")).to_have_count(46)  # the zone of the feed is two hours ahead
    used = page.get_by_role("region", name="Day-ahead", exact=True)
    used.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("A tariff uses this feed.")).to_be_visible()


def test_first_tariff_begins_with_one_of_three(tmp_path: Any, open_page: OpenPage) -> None:
    with running_console(tmp_path, is_empty=True) as console:
        page = desk(console, open_page, "/console/tariffs")
        expect(page.get_by_text("Create your first tariff")).to_be_visible()
        assert accessibility_violations(page) == []
        take_picture(page, "console-tariffs-empty-light-1440")
        for name, rules in (("Energy only", 1), ("Energy and an idle fee", 1), ("Day and night", 2)):
            page.get_by_role("link", name=re.compile(f"^{name}")).click()
            expect(page.get_by_role("group", name=re.compile("^Rule"))).to_have_count(rules)
            page.go_back()


def test_hostile_name_is_only_text(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, f"/console/tariffs/{tariff_id(console, HOSTILE)}")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    page.get_by_role("link", name="Change prices").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value(HOSTILE)


def test_week_prints_light_and_says_its_table(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, f"/console/tariffs/{tariff_id(console, 'Kigali public')}", scheme="dark")
    page.get_by_text("The week as a table").click()
    table = page.get_by_role("region", name="The week as a table")
    expect(table).to_contain_text("Mon\N{EN DASH}Fri")
    expect(table).to_contain_text("17:00\N{EN DASH}22:00")
    page.emulate_media(media="print")
    assert page.locator("svg.week").is_visible()
    take_picture(page, "console-tariffs-print")
