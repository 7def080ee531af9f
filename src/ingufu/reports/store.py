"""Reading what figures are made of, and keeping them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, func, literal_column, or_, select, true, update

from ingufu.authorization.tables import decisions
from ingufu.billing.records.tables import records
from ingufu.charging.tables import readings, transactions
from ingufu.infra.storage import journal, outbox
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert
from ingufu.reports.counting import EvseKey, TakingKey
from ingufu.reports.days import EASTMOST, ONE, WESTMOST, begin_of
from ingufu.reports.model import MICRO, Figures, Place, SessionFacts, State, Takings
from ingufu.reports.spreading import LONGEST, Reading
from ingufu.reports.tables import cells, state, taking_cells, taking_totals, totals
from ingufu.sites.tables import sites
from ingufu.stations.tables import stations

MAIN = "main"
AT_ONCE = 400  # members of an IN list
OF_SESSIONS = ("TransactionStarted", "TransactionEnded", "TransactionCorrected", "TransactionDetailed")
FOLLOWED = (*OF_SESSIONS, "ChargeRecordIssued", "StationChanged")
ACCEPTED = "Accepted"
_ACCEPTED: ColumnElement[str] = literal_column("'Accepted'")  # in the words of the partial index

_ADD_STATE = insert(state)
_STATE = select(*(state.c[name] for name in State.__struct_fields__)).where(state.c.name == bindparam("key"))
_SAVE_STATE = (
    update(state)
    .where(state.c.name == bindparam("key"), state.c.version == bindparam("seen"))
    .values({name: bindparam(name) for name in State.__struct_fields__})
)
_LAST_EVENT = select(func.max(outbox.events.c.id).label("id"))
_LAST_DECISION = select(func.max(decisions.c.id).label("id"))
_EVENT_IDS = (
    select(outbox.events.c.id)
    .where(outbox.events.c.id > bindparam("after"))
    .order_by(outbox.events.c.id)
    .limit(bindparam("limit"))
)
_EVENTS = (
    select(*(outbox.events.c[name] for name in ("id", "kind", "station_id", "transaction_id", "details")))
    .where(
        outbox.events.c.id > bindparam("after"),
        outbox.events.c.id <= bindparam("until"),
        outbox.events.c.kind.in_(FOLLOWED),
    )
    .order_by(outbox.events.c.id)
)
_FENCE = select(func.max(journal.journal.c.id).label("last"), func.min(journal.journal.c.id).label("first"))
_DECISIONS = (
    select(decisions.c.id, decisions.c.station_id, decisions.c.at, decisions.c.status)
    .where(decisions.c.id > bindparam("after"))
    .order_by(decisions.c.id)
    .limit(bindparam("limit"))
)
_FIRST = select(func.min(transactions.c.started_at).label("at"))
_FIRST_RECORD = select(func.min(records.c.issued_at).label("at"))
_OPEN = select(transactions.c.station_id, transactions.c.started_at).where(transactions.c.is_open.is_(True))
_PLACES = select(
    stations.c.id,
    func.coalesce(stations.c.site_id, "").label("site_id"),
    func.coalesce(sites.c.time_zone, "UTC").label("zone"),
).select_from(stations.outerjoin(sites, sites.c.id == stations.c.site_id))
_ZONES = select(sites.c.id, sites.c.time_zone)
_FACTS = (
    *(transactions.c[name] for name in ("id", "station_id", "started_at", "ended_at", "start_wh", "energy_wh")),
    func.coalesce(transactions.c.evse, 0).label("evse"),
    func.coalesce(
        transactions.c.last_reading_at,
        transactions.c.heard_at,
        transactions.c.started_at,
        type_=transactions.c.started_at.type,
    ).label("heard_at"),
)
_FIGURES = tuple(Figures.__struct_fields__)
_ADD_CELL, _ADD_TOTAL = insert(cells), insert(totals)
_ADD_TAKING_CELL, _ADD_TAKING_TOTAL = insert(taking_cells), insert(taking_totals)


async def find_state(database: Database) -> State | None:
    row = await database.fetch_one(_STATE, {"key": MAIN})
    return msgspec.convert(row, State) if row else None


def add_state(work: Work, first: State) -> None:
    """Enter the state. Raises Conflict on commit if there is one."""
    work.execute(_ADD_STATE, {"name": MAIN, **msgspec.structs.asdict(first)})


def save_state(work: Work, before: State, after: State) -> None:
    """Keep how far figures are gathered. Raises Conflict on commit if another process gathers, too."""
    row = msgspec.structs.asdict(after) | {"version": before.version + 1}
    work.execute(_SAVE_STATE, row | {"key": MAIN, "seen": before.version}, expect=1)


# What happened


async def last_ids(database: Database) -> tuple[int, int]:
    """Return the ids of the last event and the last decision."""
    event, decision = await database.fetch_one(_LAST_EVENT), await database.fetch_one(_LAST_DECISION)
    return (event or {}).get("id") or 0, (decision or {}).get("id") or 0


async def event_ids(database: Database, after: int, limit: int) -> list[int]:
    return [int(row["id"]) for row in await database.fetch_all(_EVENT_IDS, {"after": after, "limit": limit})]


async def events_between(database: Database, after: int, until: int) -> list[Row]:
    return await database.fetch_all(_EVENTS, {"after": after, "until": until})


async def lagging(database: Database) -> tuple[int, int | None]:
    """Return up to where things lag behind, and from where on (None: nothing does)."""
    row = await database.fetch_one(_FENCE)
    if row is None or row["first"] is None:
        return 0, None
    return int(row["last"]), int(row["first"])


async def decisions_after(database: Database, after: int, limit: int) -> list[Row]:
    return await database.fetch_all(_DECISIONS, {"after": after, "limit": limit})


async def first_instant(database: Database) -> datetime | None:
    """Return when the first session began, or the first record was issued."""
    found = [(await database.fetch_one(one) or {}).get("at") for one in (_FIRST, _FIRST_RECORD)]
    return min((at for at in found if at is not None), default=None)


async def open_sessions(database: Database) -> list[Row]:
    return await database.fetch_all(_OPEN)


async def starts_of(database: Database, ids: Collection[str]) -> list[Row]:
    """Return where and when these sessions began and ended."""
    chosen = (transactions.c.id, transactions.c.station_id, transactions.c.started_at, transactions.c.ended_at)
    return await _in_parts(database, lambda part: select(*chosen).where(transactions.c.id.in_(part)), ids)


async def issues_of(database: Database, ids: Collection[str]) -> list[Row]:
    """Return at which sites and when these records were issued."""
    return await _in_parts(
        database, lambda part: select(records.c.site_id, records.c.issued_at).where(records.c.id.in_(part)), ids
    )


# What figures are made of


async def places_of(database: Database, station_ids: Collection[str] | None) -> dict[str, Place]:
    """Return where stations stand now (None: all)."""
    if station_ids is None:
        rows = await database.fetch_all(_PLACES)
    else:
        rows = await _in_parts(database, lambda part: _PLACES.where(stations.c.id.in_(part)), station_ids)
    return {row["id"]: Place(row["site_id"], row["zone"]) for row in rows}


async def zones(database: Database) -> dict[str, str]:
    """Return the time zone of each site."""
    return {row["id"]: row["time_zone"] for row in await database.fetch_all(_ZONES)}


def _window(day: date) -> tuple[datetime, datetime]:
    """Return from when to when it is this day anywhere."""
    return begin_of(day, "UTC") - EASTMOST, begin_of(day + ONE, "UTC") + WESTMOST


async def sessions_on(database: Database, day: date, station_ids: Collection[str] | None) -> list[SessionFacts]:
    """Return the sessions that may have a part in this day, wherever its clock stands."""
    begin, end = _window(day)
    known = transactions.c
    began_then = and_(known.started_at >= begin, known.started_at < end)
    went_on = and_(
        known.started_at >= begin - LONGEST,
        known.started_at < begin,
        or_(known.ended_at.is_(None), known.ended_at >= begin),
    )
    rows: list[Row] = []
    for condition in (began_then, went_on):
        base = select(*_FACTS).where(condition)
        if station_ids is None:
            rows += await database.select(base)
        else:
            rows += await _in_parts(
                database, lambda part, base=base: base.where(known.station_id.in_(part)), station_ids
            )
    return [SessionFacts(**row) for row in rows]


async def readings_of(database: Database, ids: Sequence[str]) -> dict[str, list[Reading]]:
    """Return the registers of these sessions along time."""
    chosen = (readings.c.transaction_id, readings.c.at, readings.c.energy_wh)
    rows = await _in_parts(
        database,
        lambda part: (
            select(*chosen)
            .where(readings.c.transaction_id.in_(part), readings.c.energy_wh.is_not(None))
            .order_by(readings.c.transaction_id, readings.c.at, readings.c.id)
        ),
        ids,
    )
    found: defaultdict[str, list[Reading]] = defaultdict(list)
    for row in rows:
        found[row["transaction_id"]].append((row["at"], row["energy_wh"]))
    return found


async def refusals_on(database: Database, day: date, station_ids: Collection[str] | None) -> list[Row]:
    """Return when and where starts were refused around this day."""
    begin, end = _window(day)
    base = select(decisions.c.station_id, func.coalesce(decisions.c.evse, 0).label("evse"), decisions.c.at).where(
        decisions.c.status != _ACCEPTED, decisions.c.at >= begin, decisions.c.at < end
    )
    if station_ids is None:
        return await database.select(base)
    return await _in_parts(database, lambda part: base.where(decisions.c.station_id.in_(part)), station_ids)


async def records_on(database: Database, day: date) -> list[Row]:
    """Return the charge records issued around this day."""
    begin, end = _window(day)
    names = ("site_id", "station_id", "currency", "kind", "net", "gross", "issued_at")
    return await database.select(
        select(*(records.c[name] for name in names)).where(records.c.issued_at >= begin, records.c.issued_at < end)
    )


# Figures kept


async def cells_of_day(database: Database, day: date, where: Any = None) -> list[Row]:
    condition = true() if where is None else where
    return await database.select(select(*cells.columns).where(cells.c.day == day.isoformat(), condition))


async def earners_of_day(database: Database, day: date, where: ColumnElement[bool]) -> set[str]:
    """Return the stations that are kept as having earned on this day."""
    known = taking_cells.c
    rows = await database.select(select(known.station_id).where(known.day == day.isoformat(), where).distinct())
    return {row["station_id"] for row in rows}


async def places_with(database: Database, table: Any, grain: str, period: str) -> set[str]:
    """Return the places that totals are kept of."""
    known = table.c
    rows = await database.select(select(known.place).where(known.grain == grain, known.period == period).distinct())
    return {row["place"] for row in rows}


async def rows_of(
    database: Database, table: Any, grain: str, periods: tuple[str, str], places: Collection[str] | None
) -> list[Row]:
    """Return totals between two periods, both of them too, of these places (None: of all)."""
    base = select(*table.columns).where(
        table.c.grain == grain, table.c.period >= periods[0], table.c.period <= periods[1]
    )
    if places is None:
        return await database.select(base)
    return await _in_parts(database, lambda part: base.where(table.c.place.in_(part)), places)


def figures_in(row: Mapping[str, Any]) -> Figures:
    values = {name: row[name] for name in _FIGURES if name in row}
    hours = {int(hour): list(pair) for hour, pair in (row.get("hours") or {}).items()}
    return Figures(**values | {"hours": hours, "energy_uwh": int(row["energy_wh"] * MICRO)})


def takings_in(row: Mapping[str, Any]) -> Takings:
    return Takings(**{name: row[name] for name in Takings.__struct_fields__})


def figures_row(figures: Figures) -> dict[str, Any]:
    values = msgspec.structs.asdict(figures)
    del values["energy_uwh"]
    return values | {
        "energy_wh": figures.energy_wh,
        "hours": {str(hour): pair for hour, pair in sorted(figures.hours.items())},
    }


def drop(work: Work, table: Any, *conditions: Any) -> None:
    """Delete rows of a table."""
    work.execute_once(delete(table).where(*conditions))


def add_cells(work: Work, day: date, found: Mapping[EvseKey, Figures], places: Mapping[str, Place]) -> None:
    for (station_id, evse), figures in found.items():
        place = places[station_id].site_id
        key = {"day": day.isoformat(), "station_id": station_id, "evse": evse, "site_id": place}
        work.append(_ADD_CELL, key | figures_row(figures))


def add_totals(work: Work, grain: str, period: str, found: Mapping[str, Figures]) -> None:
    for place, figures in found.items():
        work.append(_ADD_TOTAL, {"grain": grain, "place": place, "period": period} | figures_row(figures))


def add_taking_cells(work: Work, day: date, found: Mapping[TakingKey, Takings]) -> None:
    for (site_id, station_id, currency), one in found.items():
        key = {"day": day.isoformat(), "site_id": site_id, "station_id": station_id, "currency": currency}
        work.append(_ADD_TAKING_CELL, key | msgspec.structs.asdict(one))


def add_taking_totals(work: Work, grain: str, period: str, found: Mapping[tuple[str, str], Takings]) -> None:
    for (place, currency), one in found.items():
        key = {"grain": grain, "place": place, "period": period, "currency": currency}
        work.append(_ADD_TAKING_TOTAL, key | msgspec.structs.asdict(one))


def parts_of(members: Iterable[str], most: int = AT_ONCE) -> list[list[str]]:
    """Return members in lists that a statement can name."""
    known = sorted(set(members))
    return [known[place : place + most] for place in range(0, len(known), most)]


async def _in_parts(database: Database, made: Any, members: Iterable[str]) -> list[Row]:
    rows: list[Row] = []
    for part in parts_of(members):
        statement: Select[Any] = made(part)
        rows += await database.select(statement)
    return rows
