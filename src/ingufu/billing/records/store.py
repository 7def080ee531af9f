"""Every query of charge records and of the way to them."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, or_, select, update

from ingufu.accounts.model import OrganisationKind
from ingufu.accounts.tables import organisations
from ingufu.authorization.tables import driver_plans, drivers, tokens
from ingufu.billing.records.documents import read_document, write_document
from ingufu.billing.records.folding import Reading
from ingufu.billing.records.model import ChargeRecord, Rating, RatingReason, RatingState
from ingufu.billing.records.tables import cursors, ratings, records, refusals
from ingufu.charging.tables import readings, transactions
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.journal import journal
from ingufu.infra.storage.outbox import events
from ingufu.infra.storage.statements import insert, insert_or_ignore, upsert
from ingufu.reservations.tables import reservations
from ingufu.sites.tables import sites
from ingufu.stations.tables import connectors, stations

CURSOR = "rating"

# Records

_INSERT = insert(records)
_BY_ID = select(records.c.document).where(records.c.id == bindparam("id"))
_OF_TRANSACTION = (
    select(records.c.document)
    .where(records.c.transaction_id == bindparam("transaction_id"))
    .order_by(records.c.issued_at, records.c.id)
)
_OF_SUBJECT = (
    select(records.c.document)
    .where(records.c.subject == bindparam("subject"))
    .order_by(records.c.issued_at, records.c.id)
)
_COLUMNS = tuple(column.name for column in records.columns if column.name != "document")
_PLAIN = tuple(name for name in _COLUMNS if name in ChargeRecord.__struct_fields__)


async def find(database: Database, record_id: str) -> ChargeRecord | None:
    row = await database.fetch_one(_BY_ID, {"id": record_id})
    return read_document(row["document"]) if row else None


async def find_of_transaction(database: Database, transaction_id: str) -> list[ChargeRecord]:
    """Return all records of a transaction and their credits, in the order in which they were issued."""
    return [
        read_document(row["document"])
        for row in await database.fetch_all(_OF_TRANSACTION, {"transaction_id": transaction_id})
    ]


async def find_of_subject(database: Database, subject: str) -> list[ChargeRecord]:
    return [read_document(row["document"]) for row in await database.fetch_all(_OF_SUBJECT, {"subject": subject})]


def add(work: Work, record: ChargeRecord, subject: str) -> None:
    """Issue the record. Raises Conflict on commit if one of its kind and revision was issued before."""
    work.execute(_INSERT, row_of(record, subject))


def row_of(record: ChargeRecord, subject: str) -> Row:
    """Return a record as it is kept."""
    row: Row = {name: getattr(record, name) for name in _PLAIN}
    return row | {
        "subject": subject,
        "site_id": record.snapshot.site_id,
        "station_id": record.snapshot.station_id,
        "driver_id": record.snapshot.driver_id,
        "token_id": record.snapshot.token_id,
        "group_id": record.snapshot.group_id,
        "tariff_id": record.tariffs[0].tariff_id if record.tariffs else None,
        "document": write_document(record),
    }


# Ratings

_RATING = [ratings.c[name] for name in Rating.__struct_fields__]
_RATING_OF = select(*_RATING).where(ratings.c.subject == bindparam("subject"))
_DUE = select(*_RATING).where(ratings.c.due_at <= bindparam("now")).order_by(ratings.c.due_at).limit(bindparam("limit"))
_NEXT_DUE = select(func.min(ratings.c.due_at).label("at"))
_UNPRICED = select(*_RATING).where(ratings.c.state == RatingState.UNPRICED.value).order_by(ratings.c.updated_at)
_ADD_RATING = insert(ratings)
_add_anew = insert(ratings)
_ADD_OR_WAKE = _add_anew.on_conflict_do_update(
    index_elements=["subject"],
    set_={
        "due_at": _add_anew.excluded.due_at,
        "fence": _add_anew.excluded.fence,
        "attempts": 0,
        "version": ratings.c.version + 1,
    },
)
_ADD_IF_NEW = insert_or_ignore(ratings)
_SAVE_RATING = (
    update(ratings)
    .where(ratings.c.subject == bindparam("key"), ratings.c.version == bindparam("seen"))
    .values({name: bindparam(name) for name in Rating.__struct_fields__ if name != "subject"})
)


async def find_rating(database: Database, subject: str) -> Rating | None:
    row = await database.fetch_one(_RATING_OF, {"subject": subject})
    return _rating(row) if row else None


async def find_due(database: Database, now: datetime, limit: int) -> list[Rating]:
    """Return what is due, longest due first."""
    return [_rating(row) for row in await database.fetch_all(_DUE, {"now": now, "limit": limit})]


async def find_next_due(database: Database) -> datetime | None:
    row = await database.fetch_one(_NEXT_DUE)
    return row["at"] if row else None


async def find_unpriced(database: Database) -> list[Rating]:
    """Return what waits for a tariff, longest first."""
    return [_rating(row) for row in await database.fetch_all(_UNPRICED)]


def add_rating(work: Work, rating: Rating) -> None:
    """Enter what is to be rated; one that is entered already is looked at anew when this one would be."""
    work.execute(_ADD_OR_WAKE, msgspec.structs.asdict(rating))


def add_rating_if_new(work: Work, rating: Rating) -> None:
    work.execute(_ADD_IF_NEW, msgspec.structs.asdict(rating))


def insert_rating(work: Work, rating: Rating) -> None:
    """Enter what is rated already. Raises Conflict on commit if it is entered."""
    work.execute(_ADD_RATING, msgspec.structs.asdict(rating))


def save_rating(work: Work, before: Rating, after: Rating) -> None:
    """Store what came of rating. Raises Conflict on commit if somebody else has changed it."""
    row: dict[str, Any] = msgspec.structs.asdict(after)
    row |= {"key": row.pop("subject"), "seen": before.version, "version": before.version + 1}
    work.execute(_SAVE_RATING, row, expect=1)


def _rating(row: Row) -> Rating:
    values = {**row, "state": RatingState(row["state"]), "reason": RatingReason(row["reason"])}
    return Rating(**values)


# What has happened since

_POSITION = select(cursors.c.position).where(cursors.c.name == bindparam("name"))
_ADD_CURSOR = insert(cursors)
_MOVE_CURSOR = (
    update(cursors)
    .where(cursors.c.name == bindparam("key"), cursors.c.position == bindparam("seen"))
    .values(position=bindparam("to_position"))
)
_LAST_EVENT = select(func.max(events.c.id).label("id"))
FOLLOWED = (
    "TransactionEnded",
    "TransactionCorrected",
    "TransactionDetailed",
    "EnergyJudged",
    "ReviewDecided",
    "ReservationEnded",
)
_EVENT_IDS = select(events.c.id).where(events.c.id > bindparam("after")).order_by(events.c.id).limit(bindparam("limit"))
_EVENTS = (
    select(events.c.id, events.c.kind, events.c.station_id, events.c.transaction_id, events.c.details)
    .where(events.c.id > bindparam("after"), events.c.id <= bindparam("until"), events.c.kind.in_(FOLLOWED))
    .order_by(events.c.id)
)
_FENCE = select(func.max(journal.c.id).label("last"), func.min(journal.c.id).label("first"))
_UNRATED = (
    select(transactions.c.id, transactions.c.station_id)
    .select_from(transactions.outerjoin(ratings, ratings.c.subject == transactions.c.id))
    .where(
        transactions.c.started_at >= bindparam("since"),
        transactions.c.ended_at.is_not(None),
        ratings.c.subject.is_(None),
    )
    .order_by(transactions.c.started_at)
    .limit(bindparam("limit"))
)


async def find_position(database: Database) -> int | None:
    row = await database.fetch_one(_POSITION, {"name": CURSOR})
    return int(row["position"]) if row else None


def move_cursor(work: Work, seen: int | None, position: int) -> None:
    """Keep how far the events have been followed. Raises Conflict on commit if somebody else has moved it."""
    if seen is None:
        work.execute(_ADD_CURSOR, {"name": CURSOR, "position": position})
    else:
        work.execute(_MOVE_CURSOR, {"key": CURSOR, "seen": seen, "to_position": position}, expect=1)


async def find_last_event(database: Database) -> int:
    row = await database.fetch_one(_LAST_EVENT)
    return int(row["id"]) if row and row["id"] is not None else 0


async def find_event_ids(database: Database, after: int, limit: int) -> list[int]:
    """Return the ids of the stored events after this one, in their order."""
    return [int(row["id"]) for row in await database.fetch_all(_EVENT_IDS, {"after": after, "limit": limit})]


async def find_events(database: Database, after: int, until: int) -> list[Row]:
    """Return the stored events with these ids that say that something is to be rated, in their order."""
    return await database.fetch_all(_EVENTS, {"after": after, "until": until})


async def find_lagging(database: Database) -> tuple[int, int | None]:
    """Return up to where things lag behind, and from where on (None: nothing does)."""
    row = await database.fetch_one(_FENCE)
    if row is None or row["first"] is None:
        return 0, None
    return int(row["last"]), int(row["first"])


async def find_unrated(database: Database, since: datetime, limit: int) -> list[Row]:
    """Return ended transactions that began `since` or later and were never looked at."""
    return await database.fetch_all(_UNRATED, {"since": since, "limit": limit})


# What a session is made of

_CONTEXT = (
    select(
        stations.c.identity.label("station_identity"),
        stations.c.site_id,
        stations.c.meter_serial_number.label("meter_serial"),
        sites.c.name.label("site_name"),
        *(sites.c[name] for name in ("address", "city", "country", "time_zone", "latitude", "longitude")),
    )
    .select_from(stations.outerjoin(sites, sites.c.id == stations.c.site_id))
    .where(stations.c.id == bindparam("station_id"))
)
_PLUG = select(connectors.c.kind).where(
    connectors.c.station_id == bindparam("station_id"),
    connectors.c.evse == bindparam("evse"),
    connectors.c.number == bindparam("number"),
)
_CONNECTORS = select(connectors.c.evse, connectors.c.number).where(connectors.c.station_id == bindparam("station_id"))
_DRIVER = select(drivers.c.name).where(drivers.c.id == bindparam("driver_id"))
_HOLDER = select(tokens.c.driver_id, tokens.c.group_id).where(tokens.c.id == bindparam("token_id"))
_PLAN = (
    select(driver_plans.c.plan)
    .where(
        driver_plans.c.driver_id == bindparam("driver_id"),
        driver_plans.c.valid_from <= bindparam("at"),
        or_(driver_plans.c.valid_until.is_(None), driver_plans.c.valid_until > bindparam("at")),
    )
    .order_by(driver_plans.c.valid_from.desc())
    .limit(1)
)
_OPERATOR = select(organisations.c.id).where(organisations.c.kind == OrganisationKind.OPERATOR.value).limit(1)
_READINGS = (
    select(readings.c.at, readings.c.context, readings.c.energy_wh, readings.c.power_w, readings.c.soc_percent)
    .where(readings.c.transaction_id == bindparam("transaction_id"))
    .order_by(readings.c.at)
)
_READINGS_RECEIVED = _READINGS.where(readings.c.received_at <= bindparam("received_until"))
_CURRENTS = (
    select(readings.c.at, readings.c.current_a, readings.c.samples)
    .where(readings.c.transaction_id == bindparam("transaction_id"), readings.c.current_a.is_not(None))
    .order_by(readings.c.at)
)
_STATUSES = (
    select(events.c.occurred_at, events.c.details)
    .where(
        events.c.station_id == bindparam("station_id"),
        events.c.kind == "StatusChanged",
        events.c.occurred_at >= bindparam("since"),
        events.c.occurred_at <= bindparam("until"),
    )
    .order_by(events.c.id)
)
_RESERVED = select(reservations.c.id, reservations.c.kept_at, reservations.c.created_at, reservations.c.ended_at).where(
    reservations.c.station_id == bindparam("station_id"), reservations.c.transaction_id == bindparam("transaction_id")
)


async def find_context(database: Database, station_id: str) -> Row | None:
    """Return who and where a station is."""
    return await database.fetch_one(_CONTEXT, {"station_id": station_id})


async def find_plug(database: Database, station_id: str, evse: int | None, connector: int | None) -> str | None:
    """Return what kind of plug a connector has, if that is entered."""
    if evse is None:
        return None
    row = await database.fetch_one(_PLUG, {"station_id": station_id, "evse": evse, "number": connector or 1})
    return row["kind"] if row else None


async def find_connectors(database: Database, station_id: str) -> list[tuple[int, int]]:
    """Return the EVSE and the number of each connector that is known of a station."""
    rows = await database.fetch_all(_CONNECTORS, {"station_id": station_id})
    return [(row["evse"], row["number"]) for row in rows]


async def find_driver_name(database: Database, driver_id: str) -> str:
    row = await database.fetch_one(_DRIVER, {"driver_id": driver_id})
    return str(row["name"]) if row else ""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a token is, and in which group."""

    driver_id: str | None = None
    group_id: str | None = None


async def find_holder(database: Database, token_id: str) -> Holder:
    row = await database.fetch_one(_HOLDER, {"token_id": token_id})
    return Holder(**row) if row else Holder()


async def find_plan(database: Database, driver_id: str | None, at: datetime) -> str | None:
    """Return what a driver had subscribed to at an instant."""
    row = await database.fetch_one(_PLAN, {"driver_id": driver_id, "at": at}) if driver_id else None
    return str(row["plan"]) if row else None


async def find_operator(database: Database) -> str | None:
    """Return the organisation that runs this deployment."""
    row = await database.fetch_one(_OPERATOR)
    return str(row["id"]) if row else None


async def find_readings(
    database: Database, transaction_id: str, *, received_until: datetime | None = None
) -> list[Reading]:
    params: dict[str, object] = {"transaction_id": transaction_id}
    if received_until is not None:
        params["received_until"] = received_until
    rows = await database.fetch_all(_READINGS if received_until is None else _READINGS_RECEIVED, params)
    return [Reading(**row) for row in rows]


async def find_currents(database: Database, transaction_id: str) -> list[Row]:
    """Return instants, currents and samples of the readings that tell one."""
    return await database.fetch_all(_CURRENTS, {"transaction_id": transaction_id})


async def find_statuses(database: Database, station_id: str, since: datetime, until: datetime) -> list[Row]:
    """Return what the station reported of its connectors in a time."""
    return await database.fetch_all(_STATUSES, {"station_id": station_id, "since": since, "until": until})


async def find_reserved(database: Database, station_id: str, transaction_id: str) -> Row | None:
    """Return the reservation that a transaction used."""
    return await database.fetch_one(_RESERVED, {"station_id": station_id, "transaction_id": transaction_id})


# Costs told to stations

_OPEN = (
    select(
        *(transactions.c[name] for name in ("id", "station_id", "reference", "version", "state", "last_wh")),
        stations.c.firmware_version,
    )
    .select_from(transactions.join(stations, stations.c.id == transactions.c.station_id))
    .where(transactions.c.is_open.is_(True), stations.c.is_online.is_(True))
    .order_by(transactions.c.started_at)
)
_REFUSALS = select(refusals)
_REFUSE = upsert(refusals, ("station_id",))


async def find_open(database: Database) -> list[Row]:
    """Return the running transactions at stations that are connected."""
    return await database.fetch_all(_OPEN, may_lag=True)


async def find_refusals(database: Database) -> dict[str, Row]:
    """Return by station what it said when it was told a cost and did not take it."""
    return {row["station_id"]: row for row in await database.fetch_all(_REFUSALS)}


def note_refusal(work: Work, station_id: str, *, version: str, firmware: str, answer: str, at: datetime) -> None:
    """Keep that a station of this firmware takes no costs."""
    row = {"station_id": station_id, "version": version, "firmware_version": firmware, "answer": answer[:200], "at": at}
    work.execute(_REFUSE, row)
