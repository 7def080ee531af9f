"""The tariff editor's fields and terms say the same, both ways; what is wrong is said beside its field and kept."""

from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

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
from ingufu.web.console.price_words import Speech
from ingufu.web.console.tariffs_draft import PRICES, Draft, starting_point
from ingufu.web.console.tariffs_reading import Read, json_of, place_of, read, read_json

ENGLISH = Speech(str, Locale.parse("en_GB"))


def numbers(low: int = 0, places: int = 4) -> st.SearchStrategy[Decimal]:
    return st.integers(low, 10**9).map(lambda count: Decimal(count).scaleb(-places))


TAXES = st.builds(
    Tax,
    name=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20),
    percent=st.integers(0, 100_000).map(lambda count: Decimal(count).scaleb(-2)),
    is_compound=st.booleans(),
)
LEVIES = st.none() | st.lists(TAXES, max_size=3).map(tuple)


@st.composite
def components(draw: st.DrawFn, dimension: Dimension) -> PriceComponent:
    more: dict[str, Any] = {}
    if dimension is not Dimension.FLAT:
        more["step_size"] = draw(st.integers(1, 100_000))
    if dimension is Dimension.PARKING_TIME:
        more["grace_s"] = draw(st.integers(0, 10_000))
    if dimension is Dimension.ENERGY and draw(st.booleans()):
        floor = draw(st.none() | numbers(-(10**6)))
        above = draw(st.none() | numbers())
        ceiling = above if floor is None or above is None else floor + above
        more["feed"] = PriceFeed(feed_id="market", factor=draw(numbers(-100)), floor=floor, ceiling=ceiling)
    return PriceComponent(dimension=dimension, price=draw(numbers(-(10**5))), taxes=draw(LEVIES), **more)


@st.composite
def restrictions(draw: st.DrawFn) -> Restrictions:
    def span(kind: st.SearchStrategy[Any]) -> tuple[Any, Any]:
        low, high = draw(st.none() | kind), draw(st.none() | kind)
        return (low, high) if low is None or high is None or low < high else (low, None)

    kwh, power, current = span(numbers()), span(numbers()), span(numbers())
    lasted, dates = span(st.integers(0, 10**6)), span(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
    clock = st.times().map(lambda one: one.replace(microsecond=0))
    start, end = draw(st.none() | clock), draw(st.none() | clock)
    return Restrictions(
        start_time=start,
        end_time=end if end != start or end == time(0) else None,
        start_date=dates[0],
        end_date=dates[1],
        min_kwh=kwh[0], max_kwh=kwh[1],
        min_power_kw=power[0], max_power_kw=power[1],
        min_current_a=current[0], max_current_a=current[1],
        min_duration_s=lasted[0], max_duration_s=lasted[1],
        days_of_week=tuple(draw(st.lists(st.sampled_from(Weekday), unique=True))),
    )  # fmt: skip


@st.composite
def elements(draw: st.DrawFn) -> Element:
    part = draw(st.none() | st.sampled_from(ReservationPart))
    offered = [one for one in PRICES.values() if part is None or one in {Dimension.TIME, Dimension.FLAT}]
    chosen = draw(st.sets(st.sampled_from(offered), min_size=1))
    found = tuple(draw(components(one)) for one in offered if one in chosen)
    limits = draw(restrictions())
    return Element(components=found, restrictions=Restrictions(**{name: getattr(limits, name) for name in limits.__struct_fields__ if name != "reservation"}, reservation=part))  # fmt: skip


LIMITS = st.none() | st.builds(PriceLimit, before_taxes=numbers(), after_taxes=st.none() | numbers())
TERMS = st.builds(
    Terms,
    currency=st.sampled_from(["RWF", "KES", "EUR", "KWD"]),
    elements=st.lists(elements(), min_size=1, max_size=4).map(tuple),
    tax_basis=st.sampled_from(TaxBasis),
    min_price=LIMITS,
    max_price=LIMITS,
)


@given(TERMS)
def test_terms_come_back_from_the_form_as_they_went_in(terms: Terms) -> None:
    draft = Draft(Draft.of_terms(terms).pairs())  # as a browser sends them
    assert read(draft, ENGLISH) == Read(terms=terms, seen=terms)


@given(TERMS)
def test_terms_come_back_from_json_as_they_went_in(terms: Terms) -> None:
    assert read_json(json_of(terms), ENGLISH) == Read(terms=terms, seen=terms)


@given(
    st.dictionaries(
        st.sampled_from(
            ["currency", "basis", "rule", "tax", "tax-0-percent", "tax-0-name", "min-net", "r0-for", "r0-day", "r0-start",
             "r0-end", "r0-end-date", "r0-min-kwh", "r0-max-time", "r0-energy-price", "r0-energy-step", "r0-energy-feed",
             "r0-idle-grace", "r0-flat-price", "json"]
        ),
        st.text(max_size=30) | st.sampled_from(["0", "1,5", "1,000", "x", "24:00", "22:00", "RWF", "-1", "<b>", "1e9", "NaN"]),
    )
)  # fmt: skip
def test_whatever_is_typed_is_answered_and_kept(fields: dict[str, str]) -> None:
    draft = Draft(fields.items())
    before = draft.pairs()
    found = read(draft, ENGLISH)
    assert (found.terms is None) == bool(found.problems)
    assert draft.pairs() == before
    assert all(said for _, said in found.problems)


def typed(**fields: str) -> Read:
    named = {name.replace("__", "-"): value for name, value in fields.items()}
    base = {"currency": "RWF", "rule": "0", "r0-energy-price": "250"}
    return read(Draft((base | named).items()), ENGLISH)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("currency", "FRW", "Give the three letters of a currency, as in RWF, KES or EUR."),
        ("r0-energy-price", "1,000", "Is that 1000 or 1.000? Write it so."),
        ("r0-energy-price", "about 3", "Write a plain number, as in 1250 or 0.25."),
        ("r0-energy-price", "0.1234567", "Six digits after the point are the most."),
        ("r0-start", "25:00", "Write the time as hours and minutes, as in 18:30."),
        ("r0-start-date", "31.12.", "Write the date as year, month and day, as in 2026-12-31."),
        ("r0-idle-grace", "10", "Enter the price, or empty what stands beside it."),
        ("r0-max-time", "a while", "Write minutes, as in 90, or with units, as in 1 h 30 min or 45 s."),
        ("r0-min-kwh", "-1", "This must be at least 0."),
        ("r0-day", "SOMEDAY", "Choose one of what is offered."),
        ("r0-energy-step", "0", "This must be at least 1."),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(name: str, value: str, said: str) -> None:
    found = typed(**{name: value})
    wrong = {"r0-idle-grace": "r0-idle-price"}.get(name, name)
    assert dict(found.problems)[wrong] == said


def test_every_problem_is_found_at_once() -> None:
    found = typed(currency="", r0__start="x", r0__min__kwh="5", r0__max__kwh="5", tax="7")
    assert [name for name, _ in found.problems] == [
        "currency", "tax-7-percent", "tax-7-name", "r0-start", "r0-max-kwh",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 5400), ("1 h 30 min", 5400), ("45 s", 45), ("2h", 7200), ("0", 0)]
)
def test_times_are_read_as_people_write_them(text: str, seconds: int) -> None:
    found = typed(r0__min__time=text)
    assert found.terms is not None
    assert found.terms.elements[0].restrictions.min_duration_s == seconds


def test_comma_is_a_point_where_it_can_be_nothing_else() -> None:
    for text, price in (("0,25", "0.25"), ("1 250,5", "1250.5"), ("0,125", "0.125")):
        found = typed(r0__energy__price=text)
        assert found.terms is not None
        assert found.terms.elements[0].components[0].price == Decimal(price)


def test_reservation_costs_by_time_or_once_only() -> None:
    found = typed(r0__for="RESERVATION")
    assert dict(found.problems) == {"r0-energy-price": "A reservation can cost by time or once. Empty this price."}


def test_rules_come_go_and_change_places_without_losing_what_is_typed() -> None:
    draft = starting_point("day-night", "RWF")
    night, rest = draft.rules
    draft.put(f"r{night}-energy-price", "200")
    draft.put(f"r{rest}-energy-price", "3x0")  # wrong, and kept
    copied = draft.change(f"copy-rule {night}")
    assert draft.rules == [night, copied, rest]
    assert draft.text(f"r{copied}-energy-price") == "200"
    assert draft.change(f"down {copied}") == copied
    assert draft.change(f"up {night}") == night  # is the first: stays
    assert draft.rules == [night, rest, copied]
    assert place_of(f"r{rest}-energy-price", draft) == 1
    tax = draft.change("add-tax")
    draft.put(f"tax-{tax}-percent", "18")
    assert draft.texts(f"r{rest}-energy-tax") == [tax]
    draft.change(f"remove-rule {night}")
    assert draft.rules == [rest, copied]
    assert draft.text(f"r{rest}-energy-price") == "3x0"
    draft.put(f"r{rest}-energy-price", "300")
    found = read(draft, ENGLISH).terms
    assert found is not None
    assert [one.components[0].taxes for one in found.elements] == [(Tax(percent=Decimal(18)),)] * 2
    draft.change(f"remove-tax {tax}")
    without = read(draft, ENGLISH).terms
    assert without is not None
    assert without.elements[0].components[0].taxes == ()
    assert draft.change("remove-rule <script>") == draft.change("nothing") == ""


@pytest.mark.parametrize("name", ["energy", "idle", "day-night"])
def test_starting_point_waits_for_its_prices(name: str) -> None:
    draft = starting_point(name, "KES")
    assert all("price" in field for field, _ in read(draft, ENGLISH).problems)
    for rule in draft.rules:
        draft.put(f"r{rule}-energy-price", "20")
        draft.put(f"r{rule}-idle-price", "100" if name == "idle" else "")
    found = read(draft, ENGLISH).terms
    assert found is not None
    assert found.tax_basis is TaxBasis.INCLUDED
    if name == "idle":
        assert found.elements[0].components[1].grace_s == timedelta(minutes=10).total_seconds()


def test_json_that_is_no_terms_says_why() -> None:
    for source in ("", "{", "[]", '{"currency": 7}', '{"currency": "RWF", "elements": [], "more": 1}', "[" * 5000):
        found = read_json(source, ENGLISH)
        assert found.terms is None
        assert found.problems[0][0] == "json"
