"""A tariff over a week: what the picture says is what a session costs, in every zone and on days when clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from hypothesis import given, settings
from hypothesis import strategies as st

from ingufu.tariffs.model import (
    AppliedTariff,
    Dimension,
    Element,
    FeedPrice,
    PriceComponent,
    PriceFeed,
    ReservationPart,
    Restrictions,
    Terms,
    Weekday,
)
from ingufu.tariffs.price import price
from ingufu.tariffs.supposing import suppose
from ingufu.web.console.price_words import PriceWords, Speech
from ingufu.web.console.tariffs_drawing import Drawing, draw
from ingufu.web.console.tariffs_week import Span, monday_of, week_of

WORDS = PriceWords(Speech(str, Locale.parse("en_GB")))
KIGALI, PARIS = ZoneInfo("Africa/Kigali"), ZoneInfo("Europe/Paris")
MONDAY = date(2026, 3, 23)  # clocks go forward in Paris on the Sunday of this week
WEEKDAYS = tuple(Weekday)[:5]
HOUR = 3600


def priced(price: str, dimension: Dimension = Dimension.ENERGY, **more: Any) -> PriceComponent:
    return PriceComponent(dimension=dimension, price=Decimal(price), **more)


def element(*components: PriceComponent, **restrictions: Any) -> Element:
    return Element(components=components, restrictions=Restrictions(**restrictions))


NIGHT = element(priced("200"), start_time=time(22), end_time=time(6))
PEAK = element(
    priced("350"), priced("1500", Dimension.PARKING_TIME, grace_s=600), start_time=time(17), end_time=time(22),
    days_of_week=WEEKDAYS,
)  # fmt: skip
REST = element(priced("300"), priced("100", Dimension.FLAT))


def terms(*elements: Element) -> Terms:
    return Terms(currency="RWF", elements=elements)


def told(spans: list[Span]) -> list[tuple[int, int, str | None]]:
    """Begin and end in hours, and the price of a kWh."""
    found = []
    for span in spans:
        offer = span.first(Dimension.ENERGY)
        price = None if offer is None or offer.price is None else str(offer.price)
        found.append((span.start_s // HOUR, span.end_s // HOUR, price))
    return found


def test_night_wraps_midnight_and_peak_is_on_weekdays() -> None:
    week = week_of(terms(NIGHT, PEAK, REST), MONDAY, KIGALI)
    assert told(week.days()[0]) == [(0, 6, "200"), (6, 17, "300"), (17, 22, "350"), (22, 24, "200")]
    assert told(week.days()[6]) == [(0, 6, "200"), (6, 22, "300"), (22, 24, "200")]


def test_each_dimension_is_looked_up_on_its_own() -> None:
    week = week_of(terms(NIGHT, PEAK, REST), MONDAY, KIGALI)
    evening = next(span for span in week.days()[0] if span.start_s == 17 * HOUR)
    assert {name: offers[0].element for name, offers in evening.offers.items()} == {
        Dimension.ENERGY: 1, Dimension.PARKING_TIME: 1, Dimension.FLAT: 2,
    }  # fmt: skip


def test_end_at_midnight_is_the_end_of_the_day_and_dates_end_before_their_last() -> None:
    late = element(
        priced("1"), start_time=time(18), end_time=time(0), start_date=MONDAY, end_date=MONDAY + timedelta(1)
    )
    week = week_of(terms(late), MONDAY, KIGALI)
    assert told(week.days()[0]) == [(0, 18, None), (18, 24, "1")]
    assert told(week.days()[1]) == [(0, 24, None)]


def test_reservations_are_not_in_the_week() -> None:
    week = week_of(terms(element(priced("9", Dimension.TIME), reservation=ReservationPart.RESERVATION)), MONDAY, KIGALI)
    assert all(not span.offers for span in week.spans)


def test_what_a_session_begins_with_is_told_apart_from_what_comes_later() -> None:
    tiers = terms(
        element(priced("400"), min_kwh=Decimal(20)), element(priced("250"), max_power_kw=Decimal(22)), REST, NIGHT
    )
    (span,) = week_of(tiers, MONDAY, KIGALI).days()[0]
    assert [str(offer.price) for offer in span.offers[Dimension.ENERGY]] == ["400", "250", "300"]
    first = span.first(Dimension.ENERGY)
    assert first is not None
    assert first.price == 250


def test_change_of_clocks_is_found_and_named() -> None:
    (forward,) = week_of(terms(REST), MONDAY, PARIS).shifts
    assert (forward.day, forward.at_s, forward.by_s) == (6, 2 * HOUR, HOUR)
    (back,) = week_of(terms(REST), date(2026, 10, 19), PARIS).shifts
    assert (back.day, back.at_s, back.by_s) == (6, 3 * HOUR, -HOUR)
    assert week_of(terms(REST), MONDAY, KIGALI).shifts == ()
    picture = draw(terms(REST), WORDS, zone=PARIS, at=datetime(2026, 3, 25, tzinfo=UTC))
    (note,) = picture.notes
    assert note.replace("\u00a0", " ") == (
        "Clocks go forward on Sunday 29 March at 02:00 by 1 h: that time is not there."
    )
    assert [mark.kind for mark in picture.marks] == ["shift"]


def test_feed_is_drawn_by_what_it_says_then() -> None:
    feed = PriceFeed(feed_id="market", factor=Decimal(2), ceiling=Decimal(90))
    begins = datetime(2026, 3, 23, 6, tzinfo=KIGALI)
    prices = tuple(FeedPrice(begins + timedelta(hours=hour), Decimal(price)) for hour, price in enumerate((10, 40, 60)))
    week = week_of(terms(element(priced("5", feed=feed))), MONDAY, KIGALI, {"market": prices})
    assert told(week.days()[0]) == [(0, 6, None), (6, 7, "25"), (7, 8, "85"), (8, 24, "90")]


def picture() -> Drawing:
    at = datetime(2026, 3, 25, 12, tzinfo=UTC)
    return draw(terms(NIGHT, PEAK, REST), WORDS, zone=KIGALI, at=at, now=at)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\N{EN DASH}", "-")


def test_picture_and_table_say_the_same() -> None:
    drawn = picture()
    assert [(row.days, plain(row.times)) for row in drawn.rows][:4] == [
        ("Mon\N{EN DASH}Fri", "00:00-06:00"), ("Mon\N{EN DASH}Fri", "06:00-17:00"),
        ("Mon\N{EN DASH}Fri", "17:00-22:00"), ("Mon\N{EN DASH}Fri", "22:00-24:00"),
    ]  # fmt: skip
    assert [plain(price) for price in drawn.rows[2].prices] == [
        "Energy: RWF 350 per kWh", "Idle time: RWF 1,500 per hour, the first 10 min free", "Start fee: RWF 100 once",
    ]  # fmt: skip
    peak = next(block for block in drawn.blocks if block.label == "350")
    assert plain(peak.words).startswith("Monday 17:00-22:00: Energy: RWF 350 per kWh")
    assert [plain(key.words) for key in drawn.keys][:3] == [
        "RWF 200 per kWh", "RWF 300 per kWh", "RWF 350 per kWh",
    ]  # fmt: skip
    assert len({key.kind for key in drawn.keys}) == len(drawn.keys)
    assert [mark.kind for mark in drawn.marks] == ["now"]


def test_blocks_fill_each_day_without_gap_or_overlap() -> None:
    drawn = picture()
    for day in range(7):
        column = [block for block in drawn.blocks if block.x == drawn.blocks[day * 4 if day < 6 else -1].x]
        for above, below in pairwise(column):
            assert above.y + above.height == pytest.approx(below.y, abs=0.01)
    assert all(block.x >= 0 and block.x + block.width <= 100 for block in (*drawn.blocks, *drawn.bands))
    assert all(block.y >= 0 and block.y + block.height <= 100 for block in (*drawn.blocks, *drawn.bands))


def test_hundred_prices_share_the_shades() -> None:
    many = [element(priced(str(hour + 1)), start_time=time(hour), end_time=time((hour + 1) % 24)) for hour in range(24)]
    drawn = draw(terms(*many), WORDS, zone=KIGALI, at=datetime(2026, 3, 25, tzinfo=UTC))
    assert {block.kind for block in drawn.blocks} == {f"price-{level}" for level in range(7)}
    assert drawn.keys == ()


def test_free_energy_and_no_energy_look_different() -> None:
    drawn = draw(
        terms(element(priced("0"), days_of_week=WEEKDAYS)), WORDS, zone=KIGALI, at=datetime(2026, 3, 25, tzinfo=UTC)
    )
    assert [block.kind for block in drawn.blocks] == ["free"] * 5 + ["none"] * 2


CLOCK = st.none() | st.sampled_from(
    [time(0), time(1, 30), time(2), time(3), time(7, 15), time(12), time(22), time(23, 59)]
)
ELEMENTS = st.builds(
    lambda price, start, end, days, dates, kwh, lasted: element(
        priced(str(price)), start_time=start, end_time=end if end != start or end == time(0) else None,
        days_of_week=tuple(days), start_date=dates, min_kwh=kwh, max_duration_s=lasted,
    ),
    st.integers(1, 500), CLOCK, CLOCK, st.lists(st.sampled_from(Weekday), unique=True, max_size=4),
    st.none() | st.dates(MONDAY, MONDAY + timedelta(6)), st.none() | st.just(Decimal(5)), st.none() | st.just(7200),
)  # fmt: skip


@settings(max_examples=40)
@given(
    st.lists(ELEMENTS, min_size=1, max_size=5),
    st.sampled_from(["Africa/Kigali", "Europe/Paris", "America/St_Johns"]),
    st.integers(0, 7 * 96 - 1),
)
def test_what_the_picture_says_is_what_a_session_is_billed(known: list[Element], name: str, quarter: int) -> None:
    zone = ZoneInfo(name)
    began_at = datetime(2026, 3, 23, tzinfo=zone).astimezone(UTC) + timedelta(minutes=15 * quarter)
    local = began_at.astimezone(zone)
    at_s = local.hour * HOUR + local.minute * 60
    week = week_of(terms(*known), MONDAY, zone)
    day = (local.date() - MONDAY).days
    if day > 6:  # the week of the change of clocks is an hour shorter
        return
    (span,) = [one for one in week.days()[day] if one.start_s <= at_s < one.end_s]
    shown = span.first(Dimension.ENERGY)
    usage = suppose(started_at=began_at, energy_kwh=Decimal(1), charging_min=Decimal(1), time_zone=name)
    tariff = AppliedTariff(tariff_id="t", version=1, terms=terms(*known))
    billed = [line.unit_price for line in price(usage, [tariff]).lines if line.dimension is Dimension.ENERGY]
    assert billed == ([] if shown is None else [shown.price])


def test_week_begins_on_monday() -> None:
    assert monday_of(date(2026, 3, 29)) == MONDAY
    assert monday_of(MONDAY) == MONDAY


def test_many_prices_at_one_time_are_told_in_short() -> None:
    tiers = [element(priced(str(place + 1)), min_kwh=Decimal(place + 1)) for place in range(60)]
    drawn = draw(terms(*tiers, REST), WORDS, zone=KIGALI, at=datetime(2026, 3, 25, tzinfo=UTC))
    assert all("55 more" in block.words for block in drawn.blocks)
    assert max(len(block.words) for block in drawn.blocks) < 700
