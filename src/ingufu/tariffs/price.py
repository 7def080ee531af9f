"""What a usage costs by its tariffs: one pure function for running cost, receipt, charge record, preview and what-if.

Nothing is rounded but the amounts in `billed`. docs/reference/pricing.md tells the rules in words.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, localcontext

import msgspec

from ingufu.core.errors import InvalidInput
from ingufu.tariffs.amounts import ZERO, Amounts, Share, amounts_of, hours_of, kwh_of, quantity_of
from ingufu.tariffs.arranging import arranged, reserved_stretch
from ingufu.tariffs.counting import Count, counted
from ingufu.tariffs.cutting import Exact, Run, cut
from ingufu.tariffs.limiting import limit
from ingufu.tariffs.model import AppliedTariff, Dimension, PriceLimit
from ingufu.tariffs.plan import Priced, plan_of
from ingufu.tariffs.priced import Line, Period, Price, RoundingRule, TaxAmount
from ingufu.tariffs.rounding import Bounds, bill
from ingufu.tariffs.timeline import Phase, moments_of, phases_of
from ingufu.tariffs.usage import Activity, Stretch, Usage

_EXACT = Context(prec=80, traps=[Inexact, InvalidOperation])  # products of prices and readings need some 40 digits
_RULE = RoundingRule()
_UNITS = {Dimension.ENERGY: "kWh", Dimension.TIME: "h", Dimension.PARKING_TIME: "h", Dimension.FLAT: "session"}
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class _Part(msgspec.Struct, eq=False):
    """The session, or its reservation: when it began, the runs it was cut into, and what they count."""

    started_at: datetime
    runs: list[Run]
    counts: list[Count]
    is_reserved: bool = False


def price(usage: Usage, tariffs: Sequence[AppliedTariff], *, rounding: RoundingRule = _RULE) -> Price:
    """Return what the usage costs by the tariffs, line by line.

    The same usage costs the same in whichever order its stretches come and however they are divided. The tariff that
    counts as the session begins says what its reservation costs, and the least and the most of the whole.
    Raises InvalidInput for what cannot be priced: no tariff, several currencies, stretches with a gap or an overlap,
    negative energy, an unknown time zone.
    Spec: OCPI 2.3.0 mod_tariffs and mod_cdrs.
    """
    try:
        with localcontext(_EXACT):
            return _price(usage, tariffs, rounding)
    except DecimalException as error:
        raise InvalidInput("A quantity or a price has too many digits, or is no number.") from error


def _price(usage: Usage, tariffs: Sequence[AppliedTariff], rule: RoundingRule) -> Price:
    stretches = arranged(usage.stretches)
    reserved = None if usage.reservation is None else reserved_stretch(usage.reservation)
    first = stretches[0] if stretches else reserved
    phases = phases_of(tariffs, Priced.SESSION, first.started_at if first else _ANY_TIME)
    promised = next(phase for phase in phases if phase.tariff is not None)
    parts: list[_Part] = []
    if usage.reservation is not None and reserved is not None:
        priced = Priced.EXPIRED if usage.reservation.is_expired else Priced.RESERVATION
        plan = plan_of(promised.plan.terms, priced)
        phase = Phase(tariff=promised.tariff, plan=plan, from_at=reserved.started_at)
        parts.append(_part((reserved,), (phase,), usage.time_zone, is_reserved=True))
    if stretches:
        parts.append(_part(stretches, phases, usage.time_zone, is_reserved=False))
    return _priced(parts, promised, rule, is_charged=bool(stretches))


def _part(stretches: Sequence[Stretch], phases: tuple[Phase, ...], time_zone: str, *, is_reserved: bool) -> _Part:
    started_at = stretches[0].started_at
    runs = cut(stretches, moments_of(phases, started_at, stretches[-1].ended_at, time_zone), started_at)
    return _Part(started_at, runs, counted(runs), is_reserved)


def _priced(parts: list[_Part], promised: Phase, rule: RoundingRule, *, is_charged: bool) -> Price:
    terms = promised.plan.terms
    least = terms.min_price if is_charged else None  # nobody charged, so no session costs at least this
    counts = [count for part in parts for count in part.counts]
    if not counts and least is not None and promised.plan.slots:
        slot = promised.plan.slots[0]
        counts = [Count(phase=promised, slot=slot, price=slot.component.price)]
        parts[-1].counts = counts
    raw = amounts_of(counts)
    amounts, limits = (raw, ()) if least is None and terms.max_price is None else limit(raw, least, terms.max_price)
    session = parts[-1].runs if is_charged else []
    reserved = parts[0].runs if parts and parts[0].is_reserved else []
    return Price(
        currency=terms.currency,
        lines=tuple(_lines(parts, raw)),
        periods=tuple([_period(part, run) for part in parts for run in part.runs]),
        limits=limits,
        taxes=_taxes(amounts),
        net=amounts.shown(amounts.net),
        gross=amounts.shown(amounts.gross),
        is_tax_known=all(count.slot.taxes is not None for count in counts),
        energy_kwh=kwh_of(session[-1].end.energy) if session else ZERO,
        time_h=hours_of(session[-1].end.us) if session else ZERO,
        parking_h=hours_of(_parked_us(session)) if session else ZERO,
        reservation_h=hours_of(reserved[-1].end.us) if reserved else ZERO,
        billed=bill(amounts, terms.currency, rule, _bounds(least, terms.max_price), is_held=bool(limits)),
    )


def _lines(parts: list[_Part], amounts: Amounts) -> Iterator[Line]:
    shares = iter(amounts.shares)
    for part in parts:
        for count in part.counts:
            yield _line(part, count, next(shares), amounts)


def _line(part: _Part, count: Count, share: Share, amounts: Amounts) -> Line:
    slot, tariff = count.slot, count.phase.tariff
    component = slot.component
    dimension = component.dimension
    billed = quantity_of(count.billed, dimension)
    return Line(
        dimension=dimension,
        reservation=slot.restrictions.reservation,
        quantity=billed,
        measured=billed if count.measured == count.billed else quantity_of(count.measured, dimension),
        unit=_UNITS[dimension],
        unit_price=count.price,
        feed_id=None if component.feed is None else component.feed.feed_id,
        feed_price=count.feed_price,
        taxes=slot.taxes,
        tariff_id="" if tariff is None else tariff.tariff_id,
        version=0 if tariff is None else tariff.version,
        element=slot.element,
        restrictions=slot.restrictions,
        is_tax_included=slot.is_gross,
        step_size=component.step_size,
        grace_s=component.grace_s,
        started_at=_instant(part, count.from_us),
        ended_at=_instant(part, count.until_us),
        net=amounts.shown(share.net),
        gross=amounts.shown(share.net + share.tax),
    )


def _period(part: _Part, run: Run) -> Period:
    tariff = run.moment.phase.tariff
    hours = hours_of(run.end.us - run.start.us)
    is_parked = run.activity is Activity.PARKED
    return Period(
        started_at=_instant(part, run.start.us),
        tariff_id="" if tariff is None else tariff.tariff_id,
        version=0 if tariff is None else tariff.version,
        energy_kwh=kwh_of(run.end.energy - run.start.energy),
        time_h=ZERO if is_parked or part.is_reserved else hours,
        parking_h=hours if is_parked else ZERO,
        reservation_h=hours if part.is_reserved else ZERO,
        max_power_kw=None if run.most_w is None else run.most_w.scaleb(-3),
        min_power_kw=None if run.least_w is None else run.least_w.scaleb(-3),
    )


def _taxes(amounts: Amounts) -> tuple[TaxAmount, ...]:
    """Return what each tax comes to, exactly, over all lines."""
    found: dict[tuple[str, Decimal], tuple[int, int]] = {}
    for share in amounts.shares:
        base = share.net
        for tax, amount in zip(share.taxed_by or (), share.taxes, strict=True):
            key = (tax.name, tax.percent)
            base_before, amount_before = found.get(key, (0, 0))
            found[key] = (base_before + (base if tax.is_compound else share.net), amount_before + amount)
            base += amount
    return tuple(
        [
            TaxAmount(name=name, percent=percent, base=amounts.shown(base), amount=amounts.shown(amount))
            for (name, percent), (base, amount) in found.items()
        ]
    )


def _bounds(least: PriceLimit | None, most: PriceLimit | None) -> Bounds | None:
    if least is None and most is None:
        return None
    least, most = least or PriceLimit(), most or PriceLimit()
    return (least.before_taxes, most.before_taxes), (least.after_taxes, most.after_taxes)


def _parked_us(runs: list[Run]) -> Exact:
    parked: Exact = 0
    for run in runs:
        if run.activity is Activity.PARKED:
            parked += run.end.us - run.start.us
    return parked


def _instant(part: _Part, us: Exact) -> datetime:
    return part.started_at + timedelta(microseconds=int(us)) if us else part.started_at
