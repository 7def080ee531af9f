"""How the network is used: figures of days by site, put together for a period, with the one before beside it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select

from ingufu.core.sheet import Column
from ingufu.core.tenures import DaySpan
from ingufu.infra.storage.database import Database
from ingufu.reports.days import days_between
from ingufu.reports.model import NETWORK, NOWHERE
from ingufu.reports.tables import state, taking_totals, totals
from ingufu.sites.tables import sites
from ingufu.views.report_capacity import Capacity, find_capacity
from ingufu.views.report_periods import Compare, earlier, on_days, period_of, within
from ingufu.views.stations import SiteIds
from ingufu.views.tenures import day_spans_of, narrowed_days

HOURS, WEEKDAYS = 24, 7
_WH = Decimal(1_000_000)
On: TypeAlias = Callable[[Any, date, date], ColumnElement[bool]]  # which rows of totals make up a period


class Grain(StrEnum):
    """What figures are put together by."""

    DAY = "day"
    WEEK = "week"  # Monday to Sunday; named by its Monday
    MONTH = "month"  # named by its first day


class ReportQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which days, where, and put together by what. Days are those of each site's own calendar."""

    since: Annotated[date | None, Meta(description="The first day; else 30 days up to the last.")] = None
    until: Annotated[date | None, Meta(description="The last day, which is counted too; else today.")] = None
    site_id: Annotated[str, Meta(max_length=100)] | None = None
    by: Grain = Grain.DAY
    compare: Annotated[
        Compare,
        Meta(
            description="With which days `before` is: as many right before, the same weekdays whole weeks earlier,"
            " the same days of the month before, or a year before."
        ),
    ] = Compare.BEFORE


class DaysQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which days, and where."""

    since: Annotated[date | None, Meta(description="The first day; else 30 days up to the last.")] = None
    until: Annotated[date | None, Meta(description="The last day, which is counted too; else today.")] = None
    site_id: Annotated[str, Meta(max_length=100)] | None = None


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """What charge records of one currency came to that were issued then, credits taken off."""

    currency: str
    records: Annotated[int, Meta(description="Without credits.")] = 0
    credits: int = 0
    net: Decimal = Decimal(0)
    gross: Decimal = Decimal(0)


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What sessions came to in some time. docs/reference/reports.md defines each figure."""

    started: Annotated[int, Meta(description="Sessions that began.")] = 0
    ended: Annotated[int, Meta(description="Sessions that ended.")] = 0
    succeeded: Annotated[int, Meta(description="Of those that ended, those with energy.")] = 0
    refused: Annotated[int, Meta(description="Cards that were refused.")] = 0
    energy_wh: Decimal = Decimal(0)
    occupied_s: Annotated[int, Meta(description="EVSE time with a session.")] = 0
    charging_s: Annotated[int, Meta(description="EVSE time with energy flowing.")] = 0
    available_s: Annotated[int, Meta(description="EVSE time there was.")] = 0
    earned: Annotated[tuple[Earned, ...], Meta(description="Empty without `money:read`.")] = ()

    @property
    def utilisation(self) -> float | None:
        """Occupied time as a part of the time there was; None: there was none."""
        return self.occupied_s / self.available_s if self.available_s else None

    @property
    def success(self) -> float | None:
        """Sessions with energy as a part of those that ended; None: none ended."""
        return self.succeeded / self.ended if self.ended else None

    @property
    def mean_energy_wh(self) -> Decimal | None:
        """Energy of a session on average; None: none ended."""
        return self.energy_wh / self.ended if self.ended else None


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A day, a week or a month."""

    first_day: date
    use: Use


class SiteUse(msgspec.Struct, frozen=True, kw_only=True):
    """A site in the period."""

    site_id: Annotated[str | None, Meta(description="null: stations that stand at no site.")] = None
    name: str = ""
    evse_count: int = 0
    use: Use


class HourUse(msgspec.Struct, frozen=True, kw_only=True):
    """An hour of a weekday, over the whole period."""

    weekday: Annotated[int, Meta(description="0 is Monday.")]
    hour: int
    energy_wh: Decimal = Decimal(0)
    occupied_s: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How the network, or a site, was used in a period."""

    since: date
    until: date
    by: Grain
    whole: Use
    before: Annotated[Use, Meta(description="What it is compared with.")]
    before_since: date
    before_until: date
    slots: tuple[Slot, ...]
    sites: tuple[SiteUse, ...]
    hours: tuple[HourUse, ...]
    gathered_at: Annotated[datetime | None, Meta(description="When figures were gathered last; null: not yet.")] = None
    is_gathering: Annotated[bool, Meta(description="Older days are still being gathered.")] = False


USE_COLUMNS: tuple[Column[Any], ...] = (  # of a file whose rows have a `use`
    Column("sessions_started", "integer", lambda row: row.use.started),
    Column("sessions_ended", "integer", lambda row: row.use.ended),
    Column("sessions_succeeded", "integer", lambda row: row.use.succeeded),
    Column("cards_refused", "integer", lambda row: row.use.refused),
    Column("energy_wh", "exact", lambda row: row.use.energy_wh),
    Column("occupied_s", "integer", lambda row: row.use.occupied_s),
    Column("charging_s", "integer", lambda row: row.use.charging_s),
    Column("available_s", "integer", lambda row: row.use.available_s),
    Column("charge_records", "integer", lambda row: sum(one.records for one in row.use.earned)),
    Column("net", "exact", lambda row: row.use.earned[0].net if len(row.use.earned) == 1 else None),
    Column("gross", "exact", lambda row: row.use.earned[0].gross if len(row.use.earned) == 1 else None),
    Column("currency", "text", lambda row: row.use.earned[0].currency if len(row.use.earned) == 1 else None),
)
SUMS = ("started", "ended", "succeeded", "refused", "energy_wh", "occupied_s", "charging_s")
EARNED = ("records", "credits", "net", "gross")


async def get_report(
    database: Database, query: ReportQuery, site_ids: SiteIds, *, now: datetime, with_money: bool
) -> Report:
    """Return the figures of a period at the sites that one may see. Raises InvalidInput for an odd period."""
    since, until = period_of(query.since, query.until, now)
    places = _spans(query.site_id, site_ids)
    earlier_days = earlier(since, until, query.compare)
    capacity, rows, earned, before, by_site, known = await asyncio.gather(  # none needs another
        find_capacity(database, query.site_id, site_ids, now),
        _days(database, places, since, until),
        _earned(database, places, since, until, with_money=with_money),
        _whole(database, places, *earlier_days, with_money=with_money),
        _by_site(database, query.site_id, site_ids, since, until, with_money=with_money),
        database.fetch_one(_STATE),
    )
    return Report(
        since=since,
        until=until,
        by=query.by,
        whole=use_of(rows, earned, capacity.seconds(since, until)),
        before=msgspec.structs.replace(before, available_s=capacity.seconds(*earlier_days)),
        before_since=earlier_days[0],
        before_until=earlier_days[1],
        slots=_slots(rows, earned, capacity, since, until, query.by),
        sites=_sites(by_site, capacity, since, until),
        hours=_hours(rows),
        gathered_at=None if known is None else known["gathered_at"],
        is_gathering=known is not None and known["next_day"] is not None,
    )


async def last_gathered(database: Database) -> datetime | None:
    """Return when figures were gathered last: until then no report says anything new. None: not yet."""
    known = await database.fetch_one(_STATE)
    return None if known is None else known["gathered_at"]


_STATE = select(state.c.gathered_at, state.c.next_day)


def _spans(site_id: str | None, site_ids: SiteIds) -> tuple[DaySpan, ...]:
    """Return what is summed up, and of which days: the network's own totals, or the sites one by one."""
    if site_ids is None:
        return (DaySpan(frozenset({NETWORK if site_id is None else site_id})),)
    wanted = ((one.site_ids if site_id is None else one.site_ids & {site_id}, one) for one in day_spans_of(site_ids))
    return tuple(one._replace(site_ids=ids) for ids, one in wanted if ids)


def _at(
    table: Any, spans: Sequence[DaySpan], since: date, until: date, on: On, *, is_apart: bool
) -> ColumnElement[bool]:
    """Return the condition that a row of totals is of these places, in that part of the period which is one's own."""
    parts: list[ColumnElement[bool]] = []
    for span in spans:
        first, last = narrowed_days(span, since, until)
        if first > last:
            continue
        is_whole = is_apart and span.site_ids == {NETWORK}
        place: ColumnElement[bool] = table.c.place != NETWORK if is_whole else table.c.place.in_(sorted(span.site_ids))
        parts.append(and_(on(table, first, last), place))
    return or_(*parts) if parts else false()


def on_days_at(table: Any, site_id: str | None, site_ids: SiteIds, since: date, until: date) -> ColumnElement[bool]:
    """Return the condition that a row of totals is of these days and of a site that is asked for, each by itself."""
    return _at(table, _spans(site_id, site_ids), since, until, _on_days, is_apart=True)


def _on_days(table: Any, since: date, until: date) -> ColumnElement[bool]:
    return and_(*on_days(table, since, until))


def sum_by(table: Any, names: Iterable[str], *by: str) -> Select[Any]:
    """Return the sums of these columns for each combination of the others."""
    keys = [table.c[name] for name in by]
    return select(*keys, *(func.sum(table.c[name]).label(name) for name in names)).group_by(*keys)


async def _days(database: Database, places: Sequence[DaySpan], since: date, until: date) -> list[dict[str, Any]]:
    """Return the rows of each day, with their hours."""
    if not places:
        return []
    columns = [totals.c[name] for name in ("place", "period", *SUMS, "hours")]
    statement = select(*columns).where(_at(totals, places, since, until, _on_days, is_apart=False))
    return list(await database.select(statement))


async def _earned(
    database: Database, places: Sequence[DaySpan], since: date, until: date, *, with_money: bool
) -> list[dict[str, Any]]:
    """Return what was earned on each day, by currency."""
    if not places or not with_money:
        return []
    statement = sum_by(taking_totals, EARNED, "period", "currency")
    return list(
        await database.select(statement.where(_at(taking_totals, places, since, until, _on_days, is_apart=False)))
    )


async def _whole(database: Database, places: Sequence[DaySpan], since: date, until: date, *, with_money: bool) -> Use:
    """Return the sum of a period alone: whole months from the sums of months."""
    if not places:
        return Use()
    rows = await database.select(
        sum_by(totals, SUMS, "place").where(_at(totals, places, since, until, within, is_apart=False))
    )
    earned: Sequence[dict[str, Any]] = ()
    if with_money:
        at = _at(taking_totals, places, since, until, within, is_apart=False)
        earned = await database.select(sum_by(taking_totals, EARNED, "currency").where(at))
    return use_of(rows, earned, 0)


class _BySite(NamedTuple):
    """The figures of sites, what they earned, and how they are called."""

    rows: Mapping[str, dict[str, Any]]
    earned: Mapping[str, list[dict[str, Any]]]
    names: Mapping[str, str]


async def _by_site(
    database: Database, site_id: str | None, site_ids: SiteIds, since: date, until: date, *, with_money: bool
) -> _BySite:
    spans = _spans(site_id, site_ids)
    at = _at(totals, spans, since, until, within, is_apart=True)
    rows = await database.select(sum_by(totals, SUMS, "place").where(at))
    earned: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    if with_money:
        at = _at(taking_totals, spans, since, until, within, is_apart=True)
        for row in await database.select(sum_by(taking_totals, EARNED, "place", "currency").where(at)):
            earned[row["place"]].append(row)
    names = await database.select(select(sites.c.id, sites.c.name))
    return _BySite({row["place"]: row for row in rows}, earned, {row["id"]: row["name"] for row in names})


def _sites(read: _BySite, capacity: Capacity, since: date, until: date) -> tuple[SiteUse, ...]:
    rows, earned, names = read
    found = [
        SiteUse(
            site_id=place or None,
            name=names.get(place, ""),
            evse_count=capacity.evses(place, until),
            use=use_of(
                [rows[place]] if place in rows else [], earned.get(place, []), capacity.seconds(since, until, place)
            ),
        )
        for place in {*rows, *earned}
        if place == NOWHERE or place in names
    ]
    return tuple(sorted(found, key=lambda one: (-one.use.energy_wh, one.name, one.site_id or "")))


def _slots(
    rows: Sequence[dict[str, Any]], earned: Sequence[dict[str, Any]], capacity: Capacity, since: date, until: date,
    by: Grain,
) -> tuple[Slot, ...]:  # fmt: skip
    days: dict[date, list[date]] = {}
    for day in days_between(since, until):
        days.setdefault(_slot_of(day, by), []).append(day)
    used: defaultdict[date, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        used[_slot_of(date.fromisoformat(row["period"]), by)].append(row)
    taken: defaultdict[date, list[dict[str, Any]]] = defaultdict(list)
    for row in earned:
        taken[_slot_of(date.fromisoformat(row["period"]), by)].append(row)
    return tuple(
        Slot(first_day=slot, use=use_of(used[slot], taken[slot], capacity.seconds(members[0], members[-1])))
        for slot, members in days.items()
    )


def _slot_of(day: date, by: Grain) -> date:
    if by is Grain.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if by is Grain.MONTH else day


def _hours(rows: Iterable[dict[str, Any]]) -> tuple[HourUse, ...]:
    found = {(weekday, hour): [0, 0] for weekday in range(WEEKDAYS) for hour in range(HOURS)}
    for row in rows:
        weekday = date.fromisoformat(row["period"]).weekday()
        for hour, (energy_uwh, occupied_s) in row["hours"].items():
            known = found[weekday, int(hour)]
            known[0] += energy_uwh
            known[1] += occupied_s
    return tuple(
        HourUse(weekday=weekday, hour=hour, energy_wh=Decimal(energy_uwh) / _WH, occupied_s=occupied_s)
        for (weekday, hour), (energy_uwh, occupied_s) in found.items()
    )


def use_of(rows: Iterable[dict[str, Any]], earned: Iterable[dict[str, Any]], available_s: int) -> Use:
    """Return the sum of rows of figures and of takings."""
    sums: dict[str, Any] = dict.fromkeys(SUMS, 0)
    for row in rows:
        for name in SUMS:
            sums[name] += row[name]
    return Use(
        started=int(sums["started"]),
        ended=int(sums["ended"]),
        succeeded=int(sums["succeeded"]),
        refused=int(sums["refused"]),
        energy_wh=Decimal(sums["energy_wh"]),
        occupied_s=int(sums["occupied_s"]),
        charging_s=int(sums["charging_s"]),
        available_s=available_s,
        earned=_by_currency(earned),
    )


def _by_currency(rows: Iterable[dict[str, Any]]) -> tuple[Earned, ...]:
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["currency"]].append(row)
    return tuple(
        Earned(
            currency=currency,
            records=sum(int(row["records"]) for row in members),
            credits=sum(int(row["credits"]) for row in members),
            net=sum((Decimal(row["net"]) for row in members), Decimal(0)),
            gross=sum((Decimal(row["gross"]) for row in members), Decimal(0)),
        )
        for currency, members in sorted(found.items())
    )
