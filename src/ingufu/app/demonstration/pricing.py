"""What charging costs in the demo: a tariff at every site; one follows a market, one is for members."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal

import msgspec

from ingufu.services import Services
from ingufu.tariffs.feeds import FeedUnit
from ingufu.tariffs.model import (
    Dimension,
    Element,
    PriceComponent,
    PriceFeed,
    PriceLimit,
    Restrictions,
    TariffKind,
    Tax,
    TaxBasis,
    Terms,
)
from ingufu.tariffs.service import NewFeed, NewTariff
from ingufu.tariffs.situations import Target, Where

ACTOR = "Demo"
MARKET_SITE = "Gerland Ateliers"
HIGHWAY_SITE = "Aire de Limonest"
DAYS_AHEAD = 2  # as day-ahead markets know prices
_DAY = Restrictions(start_time=time(6), end_time=time(22))
_HOURLY = (46, 41, 39, 38, 41, 52, 74, 93, 96, 84, 68, 55, 47, 44, 49, 61, 82, 108, 124, 117, 96, 78, 63, 52)  # EUR/MWh
_WEEKLY = (104, 107, 103, 106, 99, 82, 71)  # percent


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A tariff of the demo, and at which sites it applies."""

    name: str
    country: str
    terms: Terms
    site: str | None = None  # None: all sites of the country that have none of their own
    kind: TariffKind | None = None
    texts: dict[str, str] = {}


async def give_prices(services: Services, organisation_id: str, *, days: int) -> None:
    """Have a tariff apply at each site from now on, for `days` of history and beyond. One was cheaper at first."""
    began_at = services.clock.now()
    feed_id = await _market(services, organisation_id, began_at, days)
    sites = await services.sites.all()
    all_planned = _planned(feed_id)
    own = {planned.site for planned in all_planned}
    for planned in all_planned:
        tariff_id = await _make(services, organisation_id, planned)
        for site in sites:
            if site.country == planned.country and (planned.site or "") == (site.name if site.name in own else ""):
                await _assign(services, tariff_id, Where(target=Target.SITE, target_id=site.id))
    kigali = await services.tariffs.find_by_name(organisation_id, KIGALI)
    if kigali is not None:
        async with services.database.work() as work:
            changed_at = began_at + timedelta(days=days) * 2 / 3
            await services.tariffs.change(
                work, kigali.id, _kigali("320", "240"), by=ACTOR, valid_from=changed_at.replace(microsecond=0)
            )


async def _market(services: Services, organisation_id: str, began_at: datetime, days: int) -> str:
    """Make the feed of a market with all its prices, and return its id."""
    feeds = services.price_feeds
    first = began_at.replace(minute=0, second=0, microsecond=0)
    rows = ["from,price", *(f"{at.isoformat()},{price}" for at, price in _prices(first, days + DAYS_AHEAD))]
    async with services.database.work() as work:
        feed = await feeds.create(
            work,
            NewFeed(
                organisation_id=organisation_id,
                name="Day-ahead market",
                currency="EUR",
                unit=FeedUnit.MWH,
                time_zone="Europe/Paris",
            ),
        )
    async with services.database.work() as work:
        await feeds.upload(work, feed.id, "\n".join(rows).encode())
    return feed.id


def _prices(first: datetime, days: int) -> Iterator[tuple[datetime, Decimal]]:
    """Yield a price for each hour: dear in the evening, cheap at noon, other on Sundays; always the same."""
    for hour in range(days * 24):
        at = first + timedelta(hours=hour)
        drift = 90 + (at.toordinal() * 37) % 21
        yield at, Decimal(_HOURLY[at.hour] * _WEEKLY[at.weekday()] * drift) / 10_000


async def _make(services: Services, organisation_id: str, planned: Planned) -> str:
    new = NewTariff(
        organisation_id=organisation_id,
        name=planned.name,
        terms=planned.terms,
        kind=planned.kind,
        texts=planned.texts,
    )
    async with services.database.work() as work:
        tariff, _ = await services.tariffs.create(work, new, by=ACTOR)
    return tariff.id


async def _assign(services: Services, tariff_id: str, where: Where) -> None:
    async with services.database.work() as work:
        await services.tariffs.assign(work, tariff_id, where, by=ACTOR)


def _vat(percent: str, name: str = "VAT") -> tuple[Tax, ...]:
    return (Tax(name=name, percent=Decimal(percent)),)


def _price(dimension: Dimension, price: str, taxes: tuple[Tax, ...], *, grace_s: int = 0) -> PriceComponent:
    return PriceComponent(dimension=dimension, price=Decimal(price), taxes=taxes, grace_s=grace_s)


def _kigali(day: str, night: str) -> Terms:
    """Return energy by day and by night, and idle time that costs after a quarter of an hour."""
    vat = _vat("18")
    return Terms(
        currency="RWF",
        tax_basis=TaxBasis.INCLUDED,
        elements=(
            Element(components=(_price(Dimension.ENERGY, day, vat),), restrictions=_DAY),
            Element(
                components=(
                    _price(Dimension.ENERGY, night, vat),
                    _price(Dimension.PARKING_TIME, "1500", vat, grace_s=900),
                )
            ),
        ),
    )


def _nairobi() -> Terms:
    """Return energy by time of use with a fee, and idle time that costs only by day."""
    vat = _vat("16")
    return Terms(
        currency="KES",
        tax_basis=TaxBasis.INCLUDED,
        elements=(
            Element(
                components=(
                    _price(Dimension.ENERGY, "39", vat),
                    _price(Dimension.PARKING_TIME, "300", vat, grace_s=1200),
                ),
                restrictions=_DAY,
            ),
            Element(components=(_price(Dimension.ENERGY, "26", vat), _price(Dimension.FLAT, "20", vat))),
        ),
    )


def _lyon() -> Terms:
    vat = _vat("20")
    return Terms(
        currency="EUR",
        tax_basis=TaxBasis.INCLUDED,
        elements=(
            Element(
                components=(
                    _price(Dimension.ENERGY, "0.39", vat),
                    _price(Dimension.PARKING_TIME, "4.80", vat, grace_s=1800),
                )
            ),
        ),
    )


def _highway() -> Terms:
    """Return energy that is dearer where it comes faster, and time that costs after the first hour."""
    vat = _vat("20")
    return Terms(
        currency="EUR",
        tax_basis=TaxBasis.INCLUDED,
        elements=(
            Element(
                components=(_price(Dimension.ENERGY, "0.59", vat),), restrictions=Restrictions(min_power_kw=Decimal(50))
            ),
            Element(components=(_price(Dimension.ENERGY, "0.45", vat),)),
            Element(
                components=(_price(Dimension.TIME, "6.00", vat), _price(Dimension.PARKING_TIME, "12.00", vat)),
                restrictions=Restrictions(min_duration_s=3600),
            ),
        ),
        max_price=PriceLimit(after_taxes=Decimal(120)),
    )


def _spot(feed_id: str) -> Terms:
    """Return the price of the market with what the network adds, never below or above what people would accept."""
    feed = PriceFeed(feed_id=feed_id, factor=Decimal("1.1"), floor=Decimal("0.15"), ceiling=Decimal("0.60"))
    energy = PriceComponent(dimension=Dimension.ENERGY, price=Decimal("0.14"), taxes=_vat("20"), feed=feed)
    return Terms(currency="EUR", tax_basis=TaxBasis.EXCLUDED, elements=(Element(components=(energy,)),))


def _texas(energy: str) -> Terms:
    tax = _vat("8.25", "Sales tax")
    return Terms(
        currency="USD",
        tax_basis=TaxBasis.EXCLUDED,
        elements=(Element(components=(_price(Dimension.ENERGY, energy, tax), _price(Dimension.FLAT, "1.00", tax))),),
    )


KIGALI = "Rwanda day and night"


def _planned(feed_id: str) -> tuple[Planned, ...]:
    return (
        Planned(name=KIGALI, country="RW", terms=_kigali("300", "230")),
        Planned(name="Kenya time of use", country="KE", terms=_nairobi()),
        Planned(name="France publique", country="FR", terms=_lyon()),
        Planned(name="Autoroute", country="FR", terms=_highway(), site=HIGHWAY_SITE),
        Planned(
            name="Lyon au prix du marché",
            country="FR",
            terms=_spot(feed_id),
            site=MARKET_SITE,
            texts={
                "fr": "Prix du marché + 0,14 EUR/kWh hors TVA 20 %",
                "en": "Market price + 0.14 EUR/kWh plus VAT 20%",
            },
        ),
        Planned(name="Texas members", country="US", terms=_texas("0.42"), kind=TariffKind.REGULAR),
        Planned(name="Texas ad hoc", country="US", terms=_texas("0.49")),
    )
