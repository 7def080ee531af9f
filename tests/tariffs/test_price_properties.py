"""What holds of every price, whatever the tariff and the usage."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ingufu.core.money import Rounding, decimals
from ingufu.tariffs.model import (
    Dimension,
    FeedPrice,
    PriceComponent,
    PriceFeed,
    PriceLimit,
    ReservationPart,
    Tax,
    TaxBasis,
    Weekday,
)
from ingufu.tariffs.price import price
from ingufu.tariffs.priced import RoundingPolicy, RoundingRule
from ingufu.tariffs.usage import Activity, ReservedTime, Stretch, Usage
from price_samples import applied, element, terms

D = Decimal
START = datetime(2026, 3, 28, 20, tzinfo=UTC)  # clocks of Europe change in the night that follows
ZONES = ("UTC", "Africa/Kigali", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu")
prices = st.decimals(0, 500, places=4, allow_nan=False)
amounts = st.decimals(0, 60, places=3, allow_nan=False)
percents = st.sampled_from(["0", "5.2", "10", "18", "20"]).map(D)
taxes = st.none() | st.lists(
    st.builds(Tax, name=st.sampled_from(["VAT", "Levy"]), percent=percents, is_compound=st.booleans()),
    max_size=2,
    unique_by=lambda tax: tax.name,
).map(tuple)
steps = st.sampled_from([1, 1, 7, 60, 900])
walls = st.sampled_from([time(0), time(2, 30), time(6), time(21, 15), time(23)])


@st.composite
def components(draw, dimension, *, may_follow_feed=True):
    feed = None
    if dimension is Dimension.ENERGY and may_follow_feed and draw(st.booleans()):
        feed = PriceFeed(feed_id="spot", factor=draw(st.sampled_from([D(1), D("1.19")])), floor=D(0))
    return PriceComponent(
        dimension=dimension,
        price=draw(prices),
        taxes=draw(taxes),
        step_size=draw(steps),
        grace_s=draw(st.sampled_from([0, 60, 4000])) if dimension is Dimension.PARKING_TIME else 0,
        feed=feed,
    )


@st.composite
def restrictions(draw, *, has_load=True):
    """Return up to three pairs of bounds."""
    found = {}
    kinds = draw(st.sets(st.sampled_from(["clock", "day", "energy", "power", "current", "duration"]), max_size=3))
    if "clock" in kinds:
        found |= {"start_time": draw(walls), "end_time": draw(walls)}
    if "day" in kinds:
        found["days_of_week"] = draw(st.sampled_from([(Weekday.SATURDAY,), tuple(Weekday)[:5]]))
    if "energy" in kinds:
        found[draw(st.sampled_from(["min_kwh", "max_kwh"]))] = draw(amounts)
    if "duration" in kinds:
        found[draw(st.sampled_from(["min_duration_s", "max_duration_s"]))] = draw(st.integers(0, 40_000))
    if "power" in kinds and has_load:
        found[draw(st.sampled_from(["min_power_kw", "max_power_kw"]))] = draw(amounts)
    if "current" in kinds and has_load:
        found[draw(st.sampled_from(["min_current_a", "max_current_a"]))] = D(draw(st.integers(0, 64)))
    return found


@st.composite
def elements(draw, *, has_load=True):
    dimensions = draw(st.sets(st.sampled_from(list(Dimension)), min_size=1))
    limits = draw(restrictions(has_load=has_load))
    return element(*(draw(components(one)) for one in sorted(dimensions)), **limits)


@st.composite
def limits(draw):
    before = draw(st.none() | prices)
    after = draw(st.none() | prices)
    if before is None and after is None:
        return None
    if before is not None and after is not None:
        before, after = sorted((before, after))
    return PriceLimit(before_taxes=before, after_taxes=after)


def some_limits():
    one = prices.map(lambda bound: PriceLimit(before_taxes=bound)) | prices.map(
        lambda bound: PriceLimit(after_taxes=bound)
    )
    two = st.tuples(prices, prices).map(sorted)
    return one | two.map(lambda pair: PriceLimit(before_taxes=pair[0], after_taxes=pair[1]))


@st.composite
def all_terms(draw, *, has_load=True, currency=None, has_limits=True):
    reserved = element(
        PriceComponent(dimension=Dimension.TIME, price=draw(prices), taxes=draw(taxes), step_size=draw(steps)),
        reservation=draw(st.sampled_from(ReservationPart)),
    )
    return terms(
        *draw(st.lists(elements(has_load=has_load), min_size=1, max_size=4)),
        *draw(st.sampled_from([(), (reserved,)])),
        currency=currency or draw(st.sampled_from(["RWF", "KES", "EUR", "KWD"])),
        basis=draw(st.sampled_from(TaxBasis)),
        least=draw(limits()) if has_limits and draw(st.booleans()) else None,
        most=draw(limits()) if has_limits and draw(st.booleans()) else None,
    )


@st.composite
def stretches(draw, longest_s=15_000):
    """Return stretches whose energy is a whole number of mWh per second, so that they can be divided exactly."""
    found, here = [], START + timedelta(seconds=draw(st.integers(0, 30_000)))
    for _ in range(draw(st.integers(1, 6))):
        seconds = draw(st.integers(1, longest_s))
        rate = draw(st.integers(0, 6000))
        end = here + timedelta(seconds=seconds)
        found.append(
            Stretch(
                started_at=here,
                ended_at=end,
                activity=draw(st.sampled_from(Activity)),
                energy_wh=D(rate * seconds).scaleb(-3),
                power_w=draw(st.none() | st.just(D(rate * 36).scaleb(-1))),
                current_a=draw(st.none() | st.integers(0, 64).map(D)),
            )
        )
        here = end
    return tuple(found)


@st.composite
def usages(draw, longest_s=15_000):
    found = draw(stretches(longest_s))
    reservation = None
    if draw(st.booleans()):
        start = found[0].started_at
        reservation = ReservedTime(
            started_at=start - timedelta(seconds=draw(st.integers(0, 9000))), ended_at=start, is_expired=False
        )
    return Usage(stretches=found, time_zone=draw(st.sampled_from(ZONES)), reservation=reservation)


@st.composite
def tariffs(draw, **more):
    """Return one tariff, or two of which the second comes in the middle, and what their feed says."""
    feed = {
        "spot": tuple(
            FeedPrice(from_at=START + timedelta(seconds=draw(st.integers(-5000, 80_000))), price=draw(prices))
            for _ in range(draw(st.integers(0, 3)))
        )
    }
    first = draw(all_terms(**more))
    found = [applied(first, "first", feeds=feed)]
    if draw(st.booleans()):
        second = draw(all_terms(**{**more, "currency": first.currency}))
        later = START + timedelta(seconds=draw(st.integers(-1000, 60_000)))
        found.append(applied(second, "second", feeds=feed, from_at=later))
    return tuple(found)


rules = st.builds(RoundingRule, policy=st.sampled_from(RoundingPolicy), rounding=st.sampled_from(Rounding))


@st.composite
def divided(draw, stretches):
    """Return the same stretches, each cut at up to two instants, at whole seconds so that the energy is exact."""
    found = []
    for one in stretches:
        seconds = int((one.ended_at - one.started_at).total_seconds())
        cuts = sorted({0, seconds, *draw(st.lists(st.integers(0, seconds), max_size=2))})
        for begin, end in pairwise(cuts):
            found.append(
                msgspec.structs.replace(
                    one,
                    started_at=one.started_at + timedelta(seconds=begin),
                    ended_at=one.started_at + timedelta(seconds=end),
                    energy_wh=one.energy_wh * (end - begin) / seconds,
                )
            )
    return tuple(found)


@settings(max_examples=80, deadline=None)
@given(usages(), tariffs(), rules)
def test_cost_is_never_negative_for_prices_that_are_not(used, by, rule):
    found = price(used, by, rounding=rule)
    assert found.net >= 0
    assert found.gross >= found.net
    assert found.billed.net >= 0
    assert found.billed.tax >= 0
    assert all(line.net >= 0 and line.gross >= line.net for line in found.lines)
    assert all(amount >= 0 for amount in (*found.billed.line_net, *found.billed.line_gross))


@settings(max_examples=80, deadline=None)
@given(usages(), tariffs(), st.data())
def test_dividing_stretches_never_changes_the_bill(used, by, data):
    parts = data.draw(divided(used.stretches))
    assert price(msgspec.structs.replace(used, stretches=parts), by) == price(used, by)


@settings(max_examples=75, deadline=None)
@given(usages(), tariffs(), st.randoms(use_true_random=False))
def test_order_in_which_stretches_come_never_changes_the_bill(used, by, random):
    mixed = list(used.stretches)
    random.shuffle(mixed)
    by_mixed = list(by)
    random.shuffle(by_mixed)
    assert price(msgspec.structs.replace(used, stretches=tuple(mixed)), by_mixed) == price(used, by)


@settings(max_examples=80, deadline=None)
@given(usages(), tariffs(), rules)
def test_billed_lines_sum_up_to_totals(used, by, rule):
    found = price(used, by, rounding=rule)
    billed, unit = found.billed, D(1).scaleb(-decimals(found.currency))
    assert billed.net + billed.tax == billed.gross
    assert len(billed.line_net) == len(billed.line_gross) == len(found.lines)
    if found.lines or billed.gross:
        assert sum(billed.line_net) == billed.net
        assert sum(billed.line_gross) == billed.gross
    assert sum(tax.amount for tax in billed.taxes) == billed.tax
    for amount in (billed.net, billed.tax, billed.gross, *billed.line_net, *billed.line_gross):
        assert amount == amount.quantize(unit)


@settings(max_examples=80, deadline=None)
@given(usages(), tariffs(), rules, some_limits())
def test_bill_is_within_the_bounds_of_the_tariff_that_the_session_began_with(used, by, rule, most):
    first = msgspec.structs.replace(by[0], terms=msgspec.structs.replace(by[0].terms, max_price=most))
    by = (first, *(later for later in by[1:] if later.from_at > used.stretches[0].started_at))
    found = price(used, by, rounding=rule)
    unit = D(1).scaleb(-decimals(found.currency))
    least = by[0].terms.min_price
    for name, amount, billed in (
        ("before_taxes", found.net, found.billed.net),
        ("after_taxes", found.gross, found.billed.gross),
    ):
        bound = getattr(most, name)
        if bound is not None and least is None:
            assert amount <= bound
            assert billed <= bound.quantize(unit, rounding="ROUND_UP")


@settings(max_examples=80, deadline=None)
@given(usages(), tariffs())
def test_exact_totals_are_the_sums_of_lines_and_taxes(used, by):
    found = price(used, by)
    tiny = D(1).scaleb(-20)
    assert abs(found.gross - found.net - sum(tax.amount for tax in found.taxes)) < tiny
    if not found.limits:
        assert abs(sum(line.net for line in found.lines) - found.net) < tiny
        assert abs(sum(line.gross for line in found.lines) - found.gross) < tiny


@settings(max_examples=80, deadline=None)
@given(usages(), tariffs())
def test_periods_hold_all_that_was_measured(used, by):
    found = price(used, by)
    assert sum(one.energy_kwh for one in found.periods) == pytest_approx(found.energy_kwh)
    assert sum(one.time_h + one.parking_h for one in found.periods) == pytest_approx(found.time_h)
    assert sum(one.parking_h for one in found.periods) == pytest_approx(found.parking_h)
    assert found.energy_kwh == sum(one.energy_wh for one in used.stretches) / 1000


@settings(max_examples=80, deadline=None)
@given(usages(), tariffs(), rules)
def test_rounding_moves_each_tax_group_by_less_than_a_unit_for_each_line_and_tax(used, by, rule):
    found = price(used, by, rounding=rule)
    unit = D(1).scaleb(-decimals(found.currency))
    taxes = sum(len(line.taxes or ()) for line in found.lines)
    assert abs(found.billed.gross - found.gross) <= unit * (len(found.lines) + taxes + 1)


@settings(max_examples=80, deadline=None)
@given(usages(), st.data())
def test_cost_grows_with_energy(used, data):
    """Holds for energy that follows: more of it at the end never makes a session cheaper.

    A cheaper tier beyond some energy is no exception, since only what comes later is cheaper. Exceptions by design,
    and therefore not drawn here: tiers of power or current (faster may be a cheaper tier), time that an element of
    energy makes free (`max_kwh` on TIME), and a step that only the last tier has. Feeds may fall at any time, but the
    energy is added where time stands still.
    """
    limited = data.draw(
        st.lists(
            st.builds(
                lambda one, bounds: element(one, **bounds),
                components(Dimension.ENERGY).map(lambda one: msgspec.structs.replace(one, step_size=1)),
                restrictions(has_load=False),
            ),
            min_size=1,
            max_size=4,
        )
    )
    timed = [element(data.draw(components(one)), **data.draw(clock_bounds())) for one in data.draw(dimension_sets())]
    what = terms(*limited, *timed, **data.draw(both_limits()))
    by = (applied(what),)
    last = used.stretches[-1]
    more = Stretch(
        started_at=last.ended_at,
        ended_at=last.ended_at,
        activity=last.activity,
        energy_wh=data.draw(st.decimals("0.001", 30_000, places=3)),
    )
    longer = msgspec.structs.replace(used, stretches=(*used.stretches, more))
    before, after = price(used, by), price(longer, by)
    assert after.net >= before.net
    assert after.gross >= before.gross
    assert after.billed.gross >= before.billed.gross


def clock_bounds():
    return restrictions(has_load=False).map(
        lambda found: {key: value for key, value in found.items() if not key.endswith("kwh")}
    )


def both_limits():
    """Draw a least or a most price with both bounds: a total without one follows the other, also as taxes mix."""
    pairs = st.tuples(prices, prices).map(sorted).map(lambda two: PriceLimit(before_taxes=two[0], after_taxes=two[1]))
    return st.none().map(lambda _: {}) | pairs.map(lambda one: {"least": one}) | pairs.map(lambda one: {"most": one})


def dimension_sets():
    return st.sets(st.sampled_from([Dimension.FLAT, Dimension.TIME, Dimension.PARKING_TIME]))


@settings(max_examples=40, deadline=None)
@given(usages(longest_s=900), tariffs(has_limits=False))
def test_a_price_is_what_a_plain_reading_of_the_rules_finds(used, by):
    """Against a slow second opinion that looks at each second by itself, for tariffs whose bounds fall on seconds."""
    by = tuple(without_energy_bounds(tariff) for tariff in by)
    found = price(used, by)
    for dimension in (Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME):
        measured = sum(
            line.measured for line in found.lines if line.dimension is dimension and line.reservation is None
        )
        assert measured == pytest_approx(plainly(used, by, dimension))


def without_energy_bounds(tariff):
    """Return a tariff all of whose bounds fall on whole seconds."""
    kept = tuple(
        msgspec.structs.replace(one, restrictions=msgspec.structs.replace(one.restrictions, min_kwh=None, max_kwh=None))
        for one in tariff.terms.elements
    )
    return msgspec.structs.replace(tariff, terms=msgspec.structs.replace(tariff.terms, elements=kept))


def plainly(used, by, dimension):
    """Return how much of a dimension has a price at all, second by second."""
    from zoneinfo import ZoneInfo

    zone, total, began = ZoneInfo(used.time_zone), Fraction(0), used.stretches[0].started_at
    for one in used.stretches:
        seconds = int((one.ended_at - one.started_at).total_seconds())
        if (dimension is Dimension.TIME) is (one.activity is Activity.PARKED) and dimension is not Dimension.ENERGY:
            continue
        each = Fraction(one.energy_wh) / seconds / 1000 if dimension is Dimension.ENERGY else Fraction(1, 3600)
        power = one.power_w if one.power_w is not None else one.energy_wh * 3600 / seconds
        here = one.started_at
        for _ in range(seconds):
            in_force = max(
                (tariff for tariff in by if tariff.from_at is None or tariff.from_at <= here),
                key=lambda tariff: tariff.from_at or datetime.min.replace(tzinfo=UTC),
            )
            wall = here.astimezone(zone)
            for candidate in in_force.terms.elements:
                if any(part.dimension is dimension for part in candidate.components) and applies(
                    candidate.restrictions, wall, power, one.current_a, (here - began).total_seconds()
                ):
                    total += each
                    break
            here += timedelta(seconds=1)
    return total


def applies(one, wall, power, current, lasted):
    shown = wall.time().replace(tzinfo=None)
    start, end = one.start_time or time(0), one.end_time or time(0)
    return (
        one.reservation is None
        and (start <= shown < end if start < end else shown >= start or shown < end)
        and (not one.days_of_week or tuple(Weekday)[wall.weekday()] in one.days_of_week)
        and (one.min_power_kw is None or power >= one.min_power_kw * 1000)
        and (one.max_power_kw is None or power < one.max_power_kw * 1000)
        and (one.min_current_a is None or current is None or current >= one.min_current_a)
        and (one.max_current_a is None or current is None or current < one.max_current_a)
        and (one.min_duration_s is None or lasted >= one.min_duration_s)
        and (one.max_duration_s is None or lasted < one.max_duration_s)
    )


class pytest_approx:  # noqa: N801
    """Equal but for the digits that are not shown."""

    def __init__(self, value):
        self.value = Fraction(value)

    def __eq__(self, other):
        return abs(Fraction(other) - self.value) < Fraction(1, 10**18)

    __hash__ = None
