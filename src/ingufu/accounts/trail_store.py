"""Every query of the audit trail: its entries, their seals, and the head of the chain."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Integer, Text, bindparam, delete, exists, func, or_, select, type_coerce, update

from ingufu.accounts.chain import Head
from ingufu.accounts.tables import audit, audit_chain, audit_seals
from ingufu.accounts.trail_model import AuditEntry, AuditQuery
from ingufu.core.errors import IngufuError
from ingufu.infra.storage.columns import clean_text
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.seeking import Seek
from ingufu.infra.storage.statements import insert

LOOKED_THROUGH = 20_000  # entries that one page of a search for words reads at most: a tenth of a second
_DISORDER = 1000  # ids, by which entries may stand out of the order of time, with several processes
_THE_ONE = 1

_ADD = insert(audit)
_BY_TIME = Seek(audit, audit.c.at)
_EQUAL = (
    "actor_kind", "actor_id", "action", "object_kind", "object_id", "address", "is_refused", "door", "request_id",
)  # fmt: skip
_JSON = ("details", "changes")
_ENTRY_COLUMNS = tuple(  # with JSON as text: one that somebody spoilt must not hide the others
    type_coerce(column, Text).label(column.name) if column.name in _JSON else column
    for column in audit.c
    if column.name not in ("nonce", "mark")
)
_ENTRY = (
    select(*_ENTRY_COLUMNS, audit_seals.c.number, audit_seals.c.seal)
    .select_from(audit.outerjoin(audit_seals, audit_seals.c.entry_id == audit.c.id))
    .where(audit.c.id == bindparam("id_"))
)

# The chain

_HEAD = select(audit_chain).where(audit_chain.c.id == _THE_ONE)
_BEGIN = insert(audit_chain)
_MOVE = (
    update(audit_chain)
    .where(
        audit_chain.c.id == _THE_ONE,
        audit_chain.c.head_number == bindparam("was_head"),
        audit_chain.c.first_number == bindparam("was_first"),
    )
    .values(
        first_number=bindparam("first_number_"),
        first_seal=bindparam("first_seal_"),
        head_number=bindparam("head_number_"),
        head_seal=bindparam("head_seal_"),
        sealed_at=bindparam("sealed_at_"),
        key_id=bindparam("key_id_"),
        mac=bindparam("mac_"),
    )
)
_SEAL = insert(audit_seals)
_IS_SEALED = exists().where(audit_seals.c.entry_id == audit.c.id)
_UNSEALED = (
    select(audit.c.id, audit.c.mark)
    .where(audit.c.id > bindparam("beyond"), ~_IS_SEALED)
    .order_by(audit.c.id)
    .limit(bindparam("most", type_=Integer))
)
_UNSEALED_WHOLE = _UNSEALED.with_only_columns(*audit.c)
_LAST_NUMBER = select(func.max(audit_seals.c.number).label("number"))
_LAST_SEALED = select(func.max(audit_seals.c.entry_id).label("id"))
_SEALED = (
    select(audit_seals.c.number, audit_seals.c.entry_id, audit_seals.c.seal, *[c for c in audit.c if c.name != "id"])
    .select_from(audit_seals.outerjoin(audit, audit.c.id == audit_seals.c.entry_id))
    .where(audit_seals.c.number > bindparam("beyond"))
    .order_by(audit_seals.c.number)
    .limit(bindparam("most", type_=Integer))
)
_SEALED_MARKS = _SEALED.with_only_columns(
    audit_seals.c.number, audit_seals.c.entry_id, audit_seals.c.seal, audit.c.mark, maintain_column_froms=True
)
_SEAL_AT = select(audit_seals.c.seal, audit_seals.c.entry_id).where(audit_seals.c.number == bindparam("number_"))
_TWICE = (
    select(func.max(audit.c.id).label("id"))
    .group_by(audit.c.nonce)
    .having(func.count() > 1)
    .order_by(func.max(audit.c.id))
    .limit(bindparam("most", type_=Integer))
)
_AGES = (
    select(audit_seals.c.number, audit.c.at)
    .select_from(audit_seals.outerjoin(audit, audit.c.id == audit_seals.c.entry_id))
    .where(audit_seals.c.number > bindparam("beyond"))
    .order_by(audit_seals.c.number)
    .limit(bindparam("most", type_=Integer))
)
_PRUNE_ENTRIES = delete(audit).where(
    audit.c.id.in_(select(audit_seals.c.entry_id).where(audit_seals.c.number <= bindparam("upto")))
)
_PRUNE_SEALS = delete(audit_seals).where(audit_seals.c.number <= bindparam("upto"))


def cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as they will be read again, so that what is marked is what is stored."""
    return {name: clean_text(value) if isinstance(value, str) else value for name, value in values.items()}


def add(work: Work, values: Mapping[str, Any]) -> None:
    work.append(_ADD, values)


async def entry(database: Database, entry_id: int) -> AuditEntry | None:
    row = await database.fetch_one(_ENTRY, {"id_": entry_id})
    return None if row is None else _entry(row)


async def entries(
    database: Database, wanted: AuditQuery, *, before_id: int | None, limit: int
) -> tuple[list[AuditEntry], int | None]:
    """Return what is wanted, the newest first, and the id to go on before; None after the last page."""
    statement = await _filtered(database, wanted, before_id)
    if not (wanted.q or wanted.actor):
        rows = await database.select(statement.order_by(audit.c.id.desc()).limit(limit + 1))
        items = [_entry(row) for row in rows[:limit]]
        return items, items[-1].id if len(rows) > limit else None
    window = statement.order_by(audit.c.id.desc()).limit(LOOKED_THROUGH).subquery()
    found = (
        select(window)
        .where(*_words(window.c, wanted.q), *_person(window.c, wanted.actor))
        .order_by(window.c.id.desc())
        .limit(limit + 1)
    )
    items = [_entry(row) for row in await database.select(found)]
    if len(items) > limit:
        return items[:limit], items[limit - 1].id
    ids = statement.with_only_columns(audit.c.id).order_by(audit.c.id.desc()).offset(LOOKED_THROUGH - 1).limit(1)
    last = await database.select(ids)
    return items, int(last[0]["id"]) if last else None


def _entry(row: Row) -> AuditEntry:
    return msgspec.convert(row | {name: _shown(row[name]) for name in _JSON}, AuditEntry)


def _shown(text: str) -> Any:
    """Return what the JSON says; what is none, as the check of the trail reports, is shown as it stands."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return {"unreadable": {"after": text}}


async def _filtered(database: Database, wanted: AuditQuery, before_id: int | None) -> Any:
    values = {name: getattr(wanted, name) for name in _EQUAL}
    statement = select(
        *_ENTRY_COLUMNS,
        select(audit_seals.c.number).where(audit_seals.c.entry_id == audit.c.id).scalar_subquery().label("number"),
    ).where(*(audit.c[name] == value for name, value in values.items() if value is not None))
    if wanted.since is not None:
        begins = await _BY_TIME.first_since(database, wanted.since)
        statement = statement.where(audit.c.at >= wanted.since, audit.c.id >= begins - _DISORDER)
    if wanted.until is not None:
        statement = statement.where(audit.c.at < wanted.until)
        beyond = await _BY_TIME.first_since(database, wanted.until)
        before_id = min(before_id or beyond + _DISORDER, beyond + _DISORDER)
    return statement if before_id is None else statement.where(audit.c.id < before_id)


def _words(columns: Any, text: str | None) -> list[Any]:
    if not text:
        return []
    names = ("actor_name", "action", "object_id", "details", "changes")
    texts = [type_coerce(columns[name], Text) for name in names]
    joined: Any = func.coalesce(columns.request_id, "")
    for one in texts:
        joined = joined + "\n" + one
    return [func.lower(joined, type_=Text).contains(text.lower(), autoescape=True)]


def _person(columns: Any, text: str | None) -> list[Any]:
    if not text:
        return []
    return [or_(columns.actor_id == text, _lowered(columns.actor_name).contains(text.lower(), autoescape=True))]


def _lowered(column: Any) -> Any:
    return func.lower(column, type_=Text)


async def head(database: Database) -> Head | None:
    row = await database.fetch_one(_HEAD)
    return None if row is None else msgspec.convert(row, Head)


def begin(work: Work, first: Head) -> None:
    """Make the chain; the unit is undone with Conflict if there is one already."""
    work.execute(_BEGIN, msgspec.structs.asdict(first) | {"id": _THE_ONE})


def move(work: Work, was: Head, now: Head) -> None:
    """Let the head be another; the unit is undone with Conflict if someone was faster."""
    values = {f"{name}_": value for name, value in msgspec.structs.asdict(now).items()}
    work.execute(_MOVE, values | {"was_head": was.head_number, "was_first": was.first_number}, expect=1)


def add_seal(work: Work, number: int, entry_id: int, seal: str) -> None:
    work.append(_SEAL, {"number": number, "entry_id": entry_id, "seal": seal})


async def unsealed(database: Database, beyond: int, most: int) -> list[Row]:
    return await database.fetch_all(_UNSEALED, {"beyond": beyond, "most": most})


async def unsealed_whole(database: Database, beyond: int, most: int) -> list[Row]:
    """Return entries that are in no chain; of one that cannot be read id and mark only."""
    return await _readable(database, (_UNSEALED_WHOLE, _UNSEALED), "id", beyond, most)


async def last_number(database: Database) -> int:
    row = await database.fetch_one(_LAST_NUMBER)
    return int(row["number"] or 0) if row else 0


async def last_sealed(database: Database) -> int:
    row = await database.fetch_one(_LAST_SEALED)
    return int(row["id"] or 0) if row else 0


async def sealed(database: Database, beyond: int, most: int) -> list[Row]:
    """Return seals in order, each with its entry, whose columns are None if it is gone.

    Of an entry that cannot be read there is the mark only.
    """
    return await _readable(database, (_SEALED, _SEALED_MARKS), "number", beyond, most)


async def _readable(database: Database, statements: tuple[Any, Any], key: str, beyond: int, most: int) -> list[Row]:
    """Return rows whole, all at once if all can be read; of one that cannot, what the second statement has."""
    whole, marks = statements
    try:
        return await database.fetch_all(whole, {"beyond": beyond, "most": most})
    except IngufuError:
        raise
    except Exception:  # noqa: BLE001 - text that is no JSON or no text: whatever the driver and the types say then
        rows = await database.fetch_all(marks, {"beyond": beyond, "most": most})
        if most == 1:
            return rows
        alone = [one for row in rows for one in await _readable(database, statements, key, row[key] - 1, 1)]
        return list({one[key]: one for one in alone}.values())  # one that went meanwhile gave the next instead


async def seal_at(database: Database, number: int) -> str | None:
    row = await database.fetch_one(_SEAL_AT, {"number_": number})
    return None if row is None else str(row["seal"])


async def entries_twice(database: Database, most: int) -> Sequence[int]:
    return [int(row["id"]) for row in await database.fetch_all(_TWICE, {"most": most})]


async def ages(database: Database, beyond: int, most: int) -> list[tuple[int, datetime | None]]:
    """Return the next numbers of the chain, each with the time of its entry, None if that is gone."""
    rows = await database.fetch_all(_AGES, {"beyond": beyond, "most": most})
    return [(int(row["number"]), row["at"]) for row in rows]


def prune(work: Work, upto: int) -> None:
    work.execute(_PRUNE_ENTRIES, {"upto": upto})
    work.execute(_PRUNE_SEALS, {"upto": upto})
