"""Tariffs in a browser: the pages as people see them, and the jobs they come for."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

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
    return next(one.id for one in console.run(console.services.tariffs.all()) if one.name == name)


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
    page = desk(console, open_page, address(console, name), scheme=scheme, width=width)
    if name == "json":
        page.get_by_role("button", name="Edit it as JSON").click()
        expect(page.get_by_label("Terms as JSON")).to_be_visible()
    assert accessibility_violations(page) == []
    assert not overflows(page)
    take_picture(page, f"console-tariffs-{name}-{scheme}-{width}")
