"""What time alone changes of a price: which tariff counts, what the clock and the duration allow, what feeds say."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from ingufu.core.errors import InvalidInput
from ingufu.tariffs.model import AppliedTariff, FeedPrice, TaxBasis, Terms
from ingufu.tariffs.plan import Plan, Priced, calendar_of, plan_of

_DAY = timedelta(days=1)


class Moment(msgspec.Struct, kw_only=True, eq=False):
    """From when on what counts, until the next moment."""

    at: datetime
    phase: "Phase"
    mask: int  # of the elements that clock and duration allow
    feed_prices: tuple[Decimal | None, ...] = ()  # one for each feed of the plan; None: it says nothing


class Phase(msgspec.Struct, kw_only=True, eq=False):
    """A tariff in the time in which it counts; none where no tariff was known yet."""

    tariff: AppliedTariff | None
    plan: Plan
    from_at: datetime


_NO_PLAN = plan_of(Terms(currency="", elements=(), tax_basis=TaxBasis.NONE), Priced.SESSION)


def phases_of(tariffs: Sequence[AppliedTariff], priced: Priced, started_at: datetime) -> tuple[Phase, ...]:
    """Return the tariffs in the order in which they count, the first from the start on.

    Raises InvalidInput if there is none, if they differ in currency, or if two count from the same instant on.
    """
    if len(tariffs) == 1 and tariffs[0].from_at is None:
        return (Phase(tariff=tariffs[0], plan=plan_of(tariffs[0].terms, priced), from_at=started_at),)
    if not tariffs:
        raise InvalidInput("There is no tariff to price this by.", field="tariffs")
    if len({tariff.terms.currency for tariff in tariffs}) > 1:
        raise InvalidInput("The tariffs of one session are of different currencies.", field="tariffs")
    found = sorted(((_since(tariff), tariff) for tariff in tariffs), key=lambda one: one[0])
    if len({since for since, _ in found}) < len(found):
        raise InvalidInput("Two tariffs count from the same instant on.", field="tariffs")
    before = [one for one in found if one[0] <= started_at]
    phases = [
        Phase(tariff=tariff, plan=plan_of(tariff.terms, priced), from_at=max(since, started_at))
        for since, tariff in found[max(len(before) - 1, 0) :]
    ]
    if not before:
        phases.insert(0, Phase(tariff=None, plan=_NO_PLAN, from_at=started_at))
    return tuple(phases)


def moments_of(
    phases: tuple[Phase, ...], started_at: datetime, ended_at: datetime, time_zone: str
) -> tuple[Moment, ...]:
    """Return the moments of a session, the first at its start."""
    moments: list[Moment] = []
    for place, phase in enumerate(phases):
        from_at = phase.from_at
        until_at = phases[place + 1].from_at if place + 1 < len(phases) else ended_at
        if from_at > ended_at:
            break
        plan = phase.plan
        if not (plan.calendar or plan.duration[0] or plan.feed_ids):
            moments.append(Moment(at=from_at, phase=phase, mask=plan.mask))
        else:
            moments += _varying(phase, started_at, until_at, time_zone)
    return tuple(moments)


def _varying(phase: Phase, started_at: datetime, until_at: datetime, time_zone: str) -> Iterator[Moment]:
    plan, from_at = phase.plan, phase.from_at
    calendar = list(_calendar(plan, from_at, until_at, time_zone)) if plan.calendar else [(from_at, plan.mask)]
    durations = [started_at + bound for bound in plan.duration[0]]
    feeds = [_feed(phase, feed_id) for feed_id in plan.feed_ids]
    instants = {from_at, *(at for at, _ in calendar), *durations, *(at for feed in feeds for at, _ in feed)}
    calendar_at = [at for at, _ in calendar]
    for at in sorted(at for at in instants if from_at <= at < until_at or at == from_at):
        yield Moment(
            at=at,
            phase=phase,
            mask=calendar[bisect_right(calendar_at, at) - 1][1] & plan.duration[1][bisect_right(durations, at)],
            feed_prices=tuple(_price_at(feed, at) for feed in feeds),
        )


def _calendar(plan: Plan, from_at: datetime, until_at: datetime, time_zone: str) -> Iterator[tuple[datetime, int]]:
    """Yield what the clock allows, oldest first, the first not after `from_at`."""
    day, last = from_at.date(), until_at.date()
    while day <= last:
        yield from calendar_of(plan, time_zone, day)
        day += _DAY


def _feed(phase: Phase, feed_id: str) -> list[tuple[datetime, Decimal]]:
    prices: tuple[FeedPrice, ...] = phase.tariff.feeds.get(feed_id, ()) if phase.tariff is not None else ()
    return sorted((one.from_at.astimezone(UTC), one.price) for one in prices)


def _price_at(feed: list[tuple[datetime, Decimal]], at: datetime) -> Decimal | None:
    place = bisect_right(feed, at, key=lambda one: one[0])
    return feed[place - 1][1] if place else None


def _since(tariff: AppliedTariff) -> datetime:
    """Return from when on a tariff counts: before all others where it does not say."""
    return datetime.min.replace(tzinfo=UTC) if tariff.from_at is None else tariff.from_at.astimezone(UTC)
