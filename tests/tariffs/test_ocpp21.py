"""Tariffs for stations of OCPP 2.1: valid by its schema, priced there as here, and refused where that cannot be."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.tariffs.conversion import Note, Refused
from ingufu.tariffs.conversion.ocpp import to_ocpp
from ingufu.tariffs.model import (
    Dimension,
    PriceComponent,
    PriceFeed,
    ReservationPart,
    Tariff,
    TariffVersion,
    Tax,
    TaxBasis,
    Weekday,
)
from ingufu.tariffs.price import price
from ingufu.tariffs.usage import Activity, Stretch, Usage
from ocpp_schemas import message
from price_samples import applied, element, energy, flat, limit, parking, terms, time_

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday
TARIFF = Tariff(
    id="019ca945-0a00-7523-b03e-61cdc4bb86c3", organisation_id="o", name="Day", texts={"rw": "Umuriro", "en": "Power"},
    created_at=T0, updated_at=T0,
)  # fmt: skip
SCHEMA = message("2.1", "SetDefaultTariff")
VAT = (Tax(percent=Decimal(18)),)
DAYS = {name.capitalize(): index for index, name in enumerate(Weekday)}


def said(what, **fields):
    version = TariffVersion(tariff_id=TARIFF.id, number=3, valid_from=T0, terms=what, created_at=T0)
    return to_ocpp(TARIFF, version, **fields)


def component(dimension, amount, *taxes, **more):
    return PriceComponent(dimension=dimension, price=Decimal(amount), taxes=taxes, **more)


# A station's own reckoning: minute by minute, by the words of OCPP 2.1


def reckoned(tariff, usage):
    """Return the net and the gross total that a station comes to."""
    nets = {name: Fraction(0) for name in ("energy", "chargingTime", "idleTime", "fixedFee")}
    begun, energy_wh, idle_s = usage.stretches[0].started_at, Fraction(0), 0
    fixed = first(tariff.get("fixedFee"), state(usage, begun, begun, Fraction(0), Fraction(0), 0))
    nets["fixedFee"] += 0 if fixed is None else Fraction(fixed["priceFixed"])
    for stretch in usage.stretches:
        minutes = int((stretch.ended_at - stretch.started_at) / timedelta(minutes=1))
        per_minute = Fraction(stretch.energy_wh) / minutes
        power = Fraction(stretch.power_w) if stretch.power_w is not None else per_minute * 60
        is_idle = stretch.activity is Activity.PARKED
        idle_s = idle_s if is_idle else 0
        for minute in range(minutes):
            at = stretch.started_at + timedelta(minutes=minute)
            now = state(usage, begun, at, energy_wh, power, idle_s)
            found = first(tariff.get("energy"), now)
            nets["energy"] += 0 if found is None else Fraction(found["priceKwh"]) * per_minute / 1000
            block = "idleTime" if is_idle else "chargingTime"
            found = first(tariff.get(block), now)
            nets[block] += 0 if found is None else Fraction(found["priceMinute"])
            energy_wh += per_minute
            idle_s += 60 if is_idle else 0
    return bounded(tariff, sum(nets.values()), sum(taxed(tariff.get(name, {}), net) for name, net in nets.items()))


def state(usage, begun, at, energy_wh, power, idle_s):
    local = at.astimezone(ZoneInfo(usage.time_zone))
    elapsed = int((at - begun).total_seconds())
    return {"local": local, "Energy": energy_wh, "Power": power, "Time": elapsed, "IdleTime": idle_s}


def first(block, now):
    return next((one for one in (block or {}).get("prices", ()) if holds(one.get("conditions", {}), now)), None)


def holds(conditions, now):
    local, clock = now["local"], now["local"].strftime("%H:%M")
    start, end = conditions.get("startTimeOfDay", "00:00"), conditions.get("endTimeOfDay", "00:00")
    in_day = start <= clock < end if start < end else clock >= start or clock < end
    bounds = [
        now[name] >= Fraction(conditions[f"min{name}"])
        for name in ("Energy", "Power", "Time", "IdleTime")
        if f"min{name}" in conditions
    ]
    bounds += [
        now[name] < Fraction(conditions[f"max{name}"])
        for name in ("Energy", "Power", "Time", "IdleTime")
        if f"max{name}" in conditions
    ]
    days = conditions.get("dayOfWeek")
    today = local.date().isoformat()
    return all(
        (
            in_day,
            *bounds,
            days is None or local.weekday() in [DAYS[day] for day in days],
            conditions.get("validFromDate", "") <= today,
            today < conditions.get("validToDate", "9999"),
        )
    )


def taxed(block, net):
    rates = block.get("taxRates", [])
    total = net
    for stack in sorted({rate["stack"] for rate in rates}):
        total += sum(total * Fraction(rate["tax"]) / 100 for rate in rates if rate["stack"] == stack)
    return total


def bounded(tariff, net, gross):
    blocks = [tariff[name] for name in ("energy", "chargingTime", "idleTime", "fixedFee") if name in tariff]
    factor = gross / net if net else taxed(blocks[0], Fraction(1))
    least, most = tariff.get("minCost"), tariff.get("maxCost")
    held = net if least is None else max(net, Fraction(least["exclTax"]))
    held = held if most is None else min(held, Fraction(most["exclTax"]))
    return (net, gross) if held == net else (held, held * factor)


def check_schema(tariff):
    encoded = msgspec.json.Encoder(decimal_format="number").encode({"evseId": 0, "tariff": tariff})
    SCHEMA.validator.validate(json.loads(encoded, parse_float=Decimal))


# Words and their equals

BUSY = terms(
    element(
        energy("0.35", "10"),
        start_time=time(17),
        end_time=time(0),
        start_date=date(2026, 1, 1),
        end_date=date(2027, 1, 1),
        min_kwh=Decimal("1.5"),
        max_kwh=Decimal(20),
        min_current_a=Decimal(6),
        max_current_a=Decimal(32),
        min_power_kw=Decimal("1.4"),
        max_power_kw=Decimal(22),
        min_duration_s=60,
        max_duration_s=7200,
        days_of_week=(Weekday.MONDAY, Weekday.SUNDAY),
    ),
    element(time_("3", "20"), flat("2", "0"), reservation=ReservationPart.RESERVATION),
    element(energy("0.25", "10"), time_("1.2"), parking("6", "20", grace_s=600), flat("0.5", "20")),
    least=limit("0.5"),
)


def test_every_word_is_put_where_a_station_looks_for_it():
    converted = said(BUSY, names_start=True)
    assert (converted.refusals, converted.notes) == ((), ())
    tariff = converted.tariff
    check_schema(tariff)
    assert (tariff["tariffId"], tariff["validFrom"]) == (f"{TARIFF.id}.3", "2026-03-02T09:00:00Z")
    assert [one["language"] for one in tariff["description"]] == ["en", "rw"]
    assert tariff["energy"]["prices"][0]["conditions"] == {
        "startTimeOfDay": "17:00", "endTimeOfDay": "00:00", "dayOfWeek": ["Monday", "Sunday"],
        "validFromDate": "2026-01-01", "validToDate": "2027-01-01", "minEnergy": 1500, "maxEnergy": 20000,
        "minCurrent": 6, "maxCurrent": 32, "minPower": 1400, "maxPower": 22000, "minTime": 60, "maxTime": 7200,
    }  # fmt: skip
    assert tariff["energy"]["taxRates"] == [{"type": "VAT", "tax": 10, "stack": 0}]
    assert tariff["chargingTime"] == {"prices": [{"priceMinute": Decimal("0.02")}]}
    assert tariff["idleTime"]["prices"] == [
        {"priceMinute": 0, "conditions": {"maxIdleTime": 600}},
        {"priceMinute": Decimal("0.1")},
    ]
    assert tariff["reservationTime"]["prices"] == [{"priceMinute": Decimal("0.05")}]
    assert tariff["reservationFixed"]["prices"] == [{"priceFixed": 2}]
    assert tariff["minCost"] == {"exclTax": Decimal("0.5")}


def test_a_tariff_of_a_driver_names_no_start():
    assert "validFrom" not in said(BUSY).tariff


@pytest.mark.parametrize(
    ("what", "code", "field"),
    [
        (terms(element(energy("1", step_size=10))), Refused.STEP_SIZE, "elements[0].components[0].step_size"),
        (
            terms(element(time_("1"), reservation=ReservationPart.RESERVATION_EXPIRES)),
            Refused.RESERVATION_EXPIRES, "elements[0].restrictions.reservation",
        ),
        (
            terms(element(energy("1", "10"), flat("1", "20")), most=limit(None, "9")),
            Refused.GROSS_LIMIT, "max_price.after_taxes",
        ),
        (terms(element(energy("1", "10")), most=limit("9", "9")), Refused.GROSS_LIMIT, "max_price.after_taxes"),
        (terms(element(energy("1", feed=PriceFeed(feed_id="x")))), Refused.FEED, "elements[0].components[0].feed"),
        (
            terms(element(energy("1", "10"), max_kwh=Decimal(1)), element(energy("1", "20"))),
            Refused.TAXES_DIFFER, "elements[1].components[0].taxes",
        ),
        (terms(element(energy("1")), basis=TaxBasis.INCLUDED), Refused.UNKNOWN_TAX, "elements[0].components[0].taxes"),
        (
            terms(element(flat("1"), min_kwh=Decimal(5)), element(flat("2"))),
            Refused.FIXED_FEE, "elements[0].components[0].restrictions",
        ),
        (terms(element(flat("1"), start_time=time(18))), Refused.FIXED_FEE, "elements[0].components[0]"),
        (terms(element(energy("1"), start_time=time(8, 0, 1))), Refused.SECONDS, "elements[0].components[0].restrictions"),
        (
            terms(element(component(Dimension.ENERGY, "1", Tax(name="x" * 21, percent=Decimal(1))))),
            Refused.TAX_NAME, "elements[0].components[0].taxes[0].name",
        ),
        (
            terms(element(component(
                Dimension.ENERGY, "1", Tax(percent=Decimal(18)), Tax(name="B", percent=Decimal(1), is_compound=True),
                Tax(name="C", percent=Decimal(2))))),
            Refused.TAX_ORDER, "elements[0].components[0].taxes[2]",
        ),
    ],
)  # fmt: skip
def test_what_a_station_could_not_price_as_we_do_is_refused_with_its_place(what, code, field):
    converted = said(what)
    assert converted.tariff is None
    assert [(one.code, one.field) for one in converted.refusals] == [(code, field)]


def test_a_price_that_has_no_end_keeps_twelve_decimals_and_says_so():
    converted = said(terms(element(energy("250", "18"), time_("1000", "18")), basis=TaxBasis.INCLUDED, currency="RWF"))
    assert converted.notes == (Note.ROUNDED,)
    assert converted.tariff["energy"]["prices"][0]["priceKwh"] == Decimal("211.864406779661")
    assert converted.tariff["chargingTime"]["prices"][0]["priceMinute"] == Decimal("14.124293785311")


def stretch(start_min, minutes, *, kwh="0", activity=Activity.CHARGING):
    began = T0 + timedelta(minutes=start_min)
    return Stretch(
        started_at=began, ended_at=began + timedelta(minutes=minutes), energy_wh=Decimal(kwh) * 1000, activity=activity
    )


GRACED = Usage(
    stretches=(
        stretch(0, 60, kwh="12"),
        stretch(60, 8, activity=Activity.PARKED),
        stretch(68, 12, kwh="1.2"),
        stretch(80, 30, activity=Activity.PARKED),
    ),
    time_zone="Africa/Kigali",
)


def test_grace_counts_anew_whenever_the_vehicle_stops_asking_for_power():
    what = terms(element(parking("60", "18", grace_s=600)), currency="RWF")
    ours = price(GRACED, (applied(what),))
    assert (ours.net, ours.gross) == reckoned(said(what).tariff, GRACED)
    assert ours.net == 20  # of 8 and 30 minutes, 20 are beyond ten


def test_free_idle_time_is_not_priced_by_the_element_that_follows():
    what = terms(element(parking("60", grace_s=600), start_time=time(8)), element(parking("600")))
    assert (price(GRACED, (applied(what),)).net,) == reckoned(said(what).tariff, GRACED)[:1]


hourly = st.integers(0, 40).map(lambda n: str(n * Decimal("0.6")))  # comes out even per minute
unit = st.decimals(0, 9, places=3).map(str)
clocks = st.sampled_from([time(0), time(9, 30), time(11), time(12), time(13)])


@st.composite
def conditions(draw):
    kinds = draw(st.sets(st.sampled_from(["clock", "energy", "power", "time", "day", "date"]), max_size=2))
    found = {}
    if "clock" in kinds:
        found |= {"start_time": draw(clocks), "end_time": draw(clocks)}
    if "energy" in kinds:
        found[draw(st.sampled_from(["min_kwh", "max_kwh"]))] = Decimal(draw(st.integers(1, 30))) / 2
    if "power" in kinds:
        found[draw(st.sampled_from(["min_power_kw", "max_power_kw"]))] = Decimal(draw(st.sampled_from([6, 25])))
    if "time" in kinds:
        found[draw(st.sampled_from(["min_duration_s", "max_duration_s"]))] = 60 * draw(st.integers(1, 120))
    if "day" in kinds:
        found["days_of_week"] = draw(st.sampled_from([(Weekday.MONDAY,), (Weekday.TUESDAY,)]))
    if "date" in kinds:
        found[draw(st.sampled_from(["start_date", "end_date"]))] = draw(
            st.sampled_from([date(2026, 3, 2), date(2026, 3, 3)])
        )
    return found


@st.composite
def expressible(draw):
    """Return terms that a station can price by, with prices that come out even there."""
    both = (Tax(percent=Decimal(10)), Tax(name="L", percent=Decimal(25), is_compound=True))
    stacks = st.sampled_from([(), VAT, both])
    is_bounded = draw(st.booleans())  # then all bear the same taxes: which tax does the missing part bear else?
    same = draw(stacks)
    taxes = {one: same if is_bounded else draw(stacks) for one in Dimension}

    def made(dimension):
        amount = draw(hourly if dimension in (Dimension.TIME, Dimension.PARKING_TIME) else unit)
        grace_s = draw(st.sampled_from([0, 300])) if dimension is Dimension.PARKING_TIME else 0
        return component(dimension, amount, *taxes[dimension], grace_s=grace_s)

    timed = [Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME]
    restricted = [
        element(*(made(one) for one in sorted(draw(st.sets(st.sampled_from(timed), min_size=1)))), **draw(conditions()))
        for _ in range(draw(st.integers(0, 3)))
    ]
    rest = element(*(made(one) for one in sorted(draw(st.sets(st.sampled_from(list(Dimension)), min_size=1)))))
    least = limit(draw(unit)) if is_bounded else None
    return terms(*restricted, rest, least=least)


@st.composite
def usages(draw):
    """Return stretches of whole minutes in which every bound is met at a full minute."""
    at, found = 0, []
    for _ in range(draw(st.integers(1, 4))):
        minutes, is_charging = draw(st.integers(1, 45)), draw(st.booleans())
        per_minute = draw(st.sampled_from(["0.05", "0.1", "0.25", "0.5"])) if is_charging else "0"
        activity = Activity.CHARGING if is_charging else Activity.PARKED
        found.append(stretch(at, minutes, kwh=str(Decimal(per_minute) * minutes), activity=activity))
        at += minutes
    return Usage(stretches=tuple(found), time_zone=draw(st.sampled_from(["UTC", "Africa/Kigali"])))


def is_aligned(usage):
    """Return whether the energy is a multiple of half a kWh only at full minutes."""
    total = Fraction(0)
    for one in usage.stretches:
        minutes = int((one.ended_at - one.started_at) / timedelta(minutes=1))
        step = Fraction(one.energy_wh) / minutes
        marks = [total + step * n for n in range(minutes + 1)]
        if any(before // 500 != after // 500 and after % 500 for before, after in pairwise(marks)):
            return False
        total = marks[-1]
    return True


@given(what=expressible(), usage=usages().filter(is_aligned))
def test_a_station_comes_to_the_same_total(what, usage):
    converted = said(what)
    assert (converted.refusals, converted.notes) == ((), ())
    check_schema(converted.tariff)
    ours = price(usage, (applied(what),))
    net, gross = reckoned(converted.tariff, usage)
    assert (Fraction(ours.net), Fraction(ours.gross)) == (net, gross)


@given(kwh=st.integers(0, 80), minutes=st.integers(1, 300), idle=st.integers(1, 60), amount=st.integers(1, 900))
def test_gross_prices_come_to_the_same_bill_there(kwh, minutes, idle, amount):
    what = terms(
        element(energy(str(amount), "18"), time_("70", "18"), parking(str(amount * 3), "18")),
        basis=TaxBasis.INCLUDED,
        currency="RWF",
        most=limit(None, "20000"),
    )
    usage = Usage(stretches=(stretch(0, minutes, kwh=str(kwh)), stretch(minutes, idle, activity=Activity.PARKED)))
    _, gross = reckoned(said(what).tariff, usage)
    ours = price(usage, (applied(what),))
    assert abs(Fraction(ours.gross) - gross) < Fraction(1, 10**6)
