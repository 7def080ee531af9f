"""Every query of tariffs, their versions, assignments, history and switches."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, delete, func, select, update

from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert, insert_or_ignore
from ingufu.tariffs.changes import Change
from ingufu.tariffs.feeds import feed_ids
from ingufu.tariffs.model import Tariff, TariffVersion
from ingufu.tariffs.situations import Assignment, Offer, Where
from ingufu.tariffs.tables import assignments, changes, generations, switches, tariffs, version_feeds, versions

HISTORY_MAX = 500

_GENERATION = select(generations.c.generation).where(generations.c.id == 1)
_COUNT_UP = update(generations).where(generations.c.id == 1).values(generation=generations.c.generation + 1)

_TARIFF = [tariffs.c[name] for name in Tariff.__struct_fields__]
_BY_ID = select(*_TARIFF, tariffs.c.turn, tariffs.c.last_number).where(tariffs.c.id == bindparam("id_"))
_BY_NAME = select(*_TARIFF).where(
    tariffs.c.organisation_id == bindparam("organisation"), tariffs.c.name_key == bindparam("key")
)
_ALL = select(*_TARIFF).order_by(tariffs.c.name_key, tariffs.c.id)
_ADD = insert(tariffs)
_TOUCH = (
    update(tariffs)
    .where(tariffs.c.id == bindparam("id_"), tariffs.c.turn == bindparam("before"))
    .values(
        {
            name: bindparam(name)
            for name in ("name", "name_key", "texts", "is_retired", "last_number", "updated_at", "turn")
        }
    )
)

_VERSION = [versions.c[name] for name in TariffVersion.__struct_fields__]
_VERSIONS_OF = select(*_VERSION).where(versions.c.tariff_id == bindparam("tariff")).order_by(versions.c.number)
_ADD_VERSION = insert(versions)
_ADD_FEED = insert(version_feeds)
_IS_IT = and_(versions.c.tariff_id == bindparam("tariff"), versions.c.number == bindparam("of"))
_END = update(versions).where(_IS_IT).values(valid_until=bindparam("until"))
_WITHDRAW = update(versions).where(_IS_IT).values(withdrawn_at=bindparam("at"))
_NOTE_USE = update(versions).where(_IS_IT, versions.c.used_at.is_(None)).values(used_at=bindparam("at"))

_ASSIGNMENT = [assignments.c[name] for name in Assignment.__struct_fields__]
_ASSIGNMENT_BY_ID = select(*_ASSIGNMENT).where(assignments.c.id == bindparam("id_"))
_ASSIGNMENTS_OF = select(*_ASSIGNMENT).where(assignments.c.tariff_id == bindparam("tariff")).order_by(assignments.c.id)
_OFFERS = (  # one look at one place: what it tells belongs together
    select(
        *(column.label(f"a_{column.name}") for column in _ASSIGNMENT),
        *(column.label(f"t_{column.name}") for column in _TARIFF),
        *(column.label(f"v_{column.name}") for column in _VERSION),
    )
    .select_from(
        assignments.join(tariffs, tariffs.c.id == assignments.c.tariff_id).outerjoin(
            versions, versions.c.tariff_id == tariffs.c.id
        )
    )
    .where(
        assignments.c.target == bindparam("target"),
        assignments.c.target_id == bindparam("target_id"),
        func.coalesce(assignments.c.evse, 0) == bindparam("evse"),
    )
    .order_by(assignments.c.id, versions.c.number)
)
_ADD_ASSIGNMENT = insert(assignments)
_CHANGE_ASSIGNMENT = (
    update(assignments)
    .where(assignments.c.id == bindparam("id_"))
    .values(valid_from=bindparam("from"), valid_until=bindparam("until"), note=bindparam("note"))
)
_REMOVE_ASSIGNMENT = delete(assignments).where(assignments.c.id == bindparam("id_"))

_ADD_CHANGE = insert(changes)
_HISTORY = (
    select(changes).where(changes.c.tariff_id == bindparam("tariff")).order_by(changes.c.id.desc()).limit(HISTORY_MAX)
)

_SWITCHES = (
    select(switches.c.from_at, switches.c.tariff_id, switches.c.version)
    .where(switches.c.transaction_id == bindparam("transaction"))
    .order_by(switches.c.from_at)
)
_ADD_SWITCH = insert_or_ignore(switches)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A tariff as it is stored, with what a change of it rests on."""

    tariff: Tariff
    turn: int
    last_number: int


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """That a transaction is priced by another tariff from an instant on."""

    from_at: datetime
    tariff_id: str
    version: int


async def generation(database: Database) -> int:
    """Return a number that every change makes larger."""
    row = await database.fetch_one(_GENERATION)
    return 0 if row is None else int(row["generation"])


async def find(database: Database, tariff_id: str) -> Held | None:
    row = await database.fetch_one(_BY_ID, {"id_": tariff_id})
    if row is None:
        return None
    turn, last_number = row.pop("turn"), row.pop("last_number")
    return Held(tariff=_tariff(row), turn=turn, last_number=last_number)


async def find_by_name(database: Database, organisation_id: str, name_key: str) -> Tariff | None:
    row = await database.fetch_one(_BY_NAME, {"organisation": organisation_id, "key": name_key})
    return _tariff(row) if row else None


async def all_tariffs(database: Database) -> list[Tariff]:
    return [_tariff(row) for row in await database.fetch_all(_ALL)]


def add(work: Work, tariff: Tariff, name_key: str) -> None:
    """Add a tariff; the unit is undone with Conflict if its name is taken."""
    row = msgspec.structs.asdict(tariff) | {"name_key": name_key, "turn": 1, "last_number": 1}
    work.execute(_ADD, row)
    work.execute(_COUNT_UP, {})


def touch(work: Work, held: Held, after: Tariff, name_key: str, *, last_number: int | None = None) -> None:
    """Store a tariff that is still as it was read; Conflict at the commit otherwise."""
    row: dict[str, Any] = {
        "id_": after.id,
        "before": held.turn,
        "turn": held.turn + 1,
        "name": after.name,
        "name_key": name_key,
        "texts": after.texts,
        "is_retired": after.is_retired,
        "last_number": held.last_number if last_number is None else last_number,
        "updated_at": after.updated_at,
    }
    work.execute(_TOUCH, row, expect=1)
    work.execute(_COUNT_UP, {})


async def versions_of(database: Database, tariff_id: str) -> list[TariffVersion]:
    """Return all versions of a tariff by number, withdrawn ones too."""
    return [_version(row) for row in await database.fetch_all(_VERSIONS_OF, {"tariff": tariff_id})]


def add_version(work: Work, version: TariffVersion) -> None:
    """Add a version; the unit is undone with Conflict if a price feed that it names is gone."""
    work.execute(_ADD_VERSION, msgspec.structs.asdict(version) | {"currency": version.terms.currency})
    for feed_id in feed_ids(version.terms):
        work.execute(_ADD_FEED, {"tariff_id": version.tariff_id, "number": version.number, "feed_id": feed_id})


def end_version(work: Work, version: TariffVersion, until: datetime | None) -> None:
    """Let a version end at another instant, or with no end."""
    work.execute(_END, {"tariff": version.tariff_id, "of": version.number, "until": until}, expect=1)


def withdraw_version(work: Work, version: TariffVersion, at: datetime) -> None:
    """Take a version back; the database refuses it for one that has begun or was used."""
    work.execute(_WITHDRAW, {"tariff": version.tariff_id, "of": version.number, "at": at}, expect=1)


def note_use(work: Work, tariff_id: str, number: int, at: datetime) -> None:
    """Keep when a session was first priced by a version."""
    work.execute(_NOTE_USE, {"tariff": tariff_id, "of": number, "at": at})


async def find_assignment(database: Database, assignment_id: str) -> Assignment | None:
    row = await database.fetch_one(_ASSIGNMENT_BY_ID, {"id_": assignment_id})
    return _assignment(row) if row else None


async def assignments_of(database: Database, tariff_id: str) -> list[Assignment]:
    """Return where a tariff applies, applied and will apply, the first made first."""
    return [_assignment(row) for row in await database.fetch_all(_ASSIGNMENTS_OF, {"tariff": tariff_id})]


async def offers_at(database: Database, place: Where) -> tuple[Offer, ...]:
    """Return every assignment to a place, of any time, with its tariff and all its versions."""
    params = {"target": place.target.value, "target_id": place.target_id, "evse": place.evse or 0}
    known: dict[str, tuple[Assignment, Tariff, list[TariffVersion]]] = {}
    for row in await database.fetch_all(_OFFERS, params):
        if row["a_id"] not in known:
            known[row["a_id"]] = (_assignment(_part(row, "a_")), _tariff(_part(row, "t_")), [])
        if row["v_number"] is not None:
            known[row["a_id"]][2].append(_version(_part(row, "v_")))
    return tuple(
        Offer(assignment=assignment, tariff=tariff, versions=tuple(found))
        for assignment, tariff, found in known.values()
    )


async def assignments_to(database: Database, place: Where) -> list[Assignment]:
    """Return every assignment to a place, of any time."""
    return [offer.assignment for offer in await offers_at(database, place)]


def add_assignment(work: Work, assignment: Assignment) -> None:
    work.execute(_ADD_ASSIGNMENT, msgspec.structs.asdict(assignment))


def change_assignment(work: Work, assignment: Assignment) -> None:
    row = {
        "id_": assignment.id,
        "from": assignment.valid_from,
        "until": assignment.valid_until,
        "note": assignment.note,
    }
    work.execute(_CHANGE_ASSIGNMENT, row, expect=1)


def remove_assignment(work: Work, assignment_id: str) -> None:
    work.execute(_REMOVE_ASSIGNMENT, {"id_": assignment_id}, expect=1)


def add_change(work: Work, change: Change) -> None:
    row = msgspec.structs.asdict(change)
    del row["id"]
    work.append(_ADD_CHANGE, row | {"kind": change.kind.value})


async def history(database: Database, tariff_id: str) -> list[Change]:
    """Return what was done to a tariff, the newest first."""
    return msgspec.convert(await database.fetch_all(_HISTORY, {"tariff": tariff_id}), list[Change])


async def switches_of(database: Database, transaction_id: str) -> list[Switch]:
    """Return the switches of a transaction, the earliest first."""
    rows = await database.fetch_all(_SWITCHES, {"transaction": transaction_id})
    return msgspec.convert(rows, list[Switch])


def add_switch(work: Work, transaction_id: str, switch: Switch, at: datetime, by: str) -> None:
    """Add a switch; of several at the same instant the first stays."""
    row = msgspec.structs.asdict(switch) | {"transaction_id": transaction_id, "created_at": at, "created_by": by}
    work.execute(_ADD_SWITCH, row, expect=1)


def _part(row: Row, prefix: str) -> Row:
    return {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}


def _tariff(row: Row) -> Tariff:
    return msgspec.convert(row, Tariff)


def _version(row: Row) -> TariffVersion:
    return msgspec.convert(row, TariffVersion)


def _assignment(row: Row) -> Assignment:
    return msgspec.convert(row, Assignment)
