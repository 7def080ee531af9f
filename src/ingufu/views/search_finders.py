"""How things of each kind are found by a text: large tables by key and by how a text begins, small ones anywhere."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy import Select, func, or_, select

from ingufu.accounts.tables import users
from ingufu.authorization.decide import is_secret
from ingufu.authorization.tables import drivers, token_groups, tokens
from ingufu.billing.invoices.model import DocumentKind
from ingufu.billing.invoices.tables import documents, legal_entities
from ingufu.billing.records.tables import records
from ingufu.charging.tables import transactions
from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites
from ingufu.stations.tables import stations
from ingufu.tariffs.tables import tariffs
from ingufu.views import invoices
from ingufu.views.personal import as_seen
from ingufu.views.search_model import Fit, Hit, HitKind, Reach
from ingufu.views.search_sources import (
    CARDS,
    DRIVERS,
    GROUPS,
    INVOICES,
    RECORDS,
    SESSIONS,
    SITES,
    STATIONS,
    TARIFFS,
    USERS,
    Source,
    records_seen,
    sessions_seen,
    sites_seen,
    users_seen,
)
from ingufu.views.stations import contains, seen

SHORTEST = 2  # characters of a text that is looked for anywhere in names
MOST_EACH = 6  # things of a kind
WINDOW = (
    60  # rows of an index that are looked at: databases sort by rules of their own, what fits stands close together
)
SCANNED = 50_000  # drivers whose names are searched for a text that they do not begin with
MOST_SITES = 50  # whose stations are found by the site's name
_FAR = 300  # rows of an index that are looked at for whoever sees only some of them
_LARGEST = 2**31 - 1
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


_Found = list[Hit]
_Finder = Callable[[Database, str, Reach, int], Awaitable[_Found]]


async def _find_stations(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    known = STATIONS.rows.where(seen(reach.site_ids))
    if ID.fullmatch(wanted):
        return [STATIONS.hit(row, wanted) for row in await _by_id(database, STATIONS, wanted, reach)]
    rows = await _window(database, known, stations.c.identity_key, wanted)
    if len(wanted) >= SHORTEST:
        at = select(sites.c.id).where(contains(sites.c.name, wanted), sites_seen(reach)).limit(MOST_SITES)
        inside = stations.c.identity_key.contains(wanted, autoescape=True)  # folded already
        texts = (inside, contains(stations.c.name, wanted), contains(stations.c.serial_number, wanted))
        names = known.where(or_(*texts)).order_by(stations.c.identity_key)
        rows += await database.select(names.limit(WINDOW))
        rows += await database.select(known.where(stations.c.site_id.in_(at)).limit(WINDOW))
    return [STATIONS.hit(row, wanted) for row in rows]


async def _find_sites(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    is_it = or_(contains(sites.c.name, wanted), contains(func.coalesce(sites.c.city, ""), wanted), sites.c.id == wanted)
    rows = await database.select(SITES.rows.where(is_it, sites_seen(reach)).order_by(sites.c.name_key).limit(WINDOW))
    return [SITES.hit(row, wanted) for row in rows]


async def _find_drivers(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    known = DRIVERS.rows.where(DRIVERS.is_seen(reach))
    if ID.fullmatch(wanted):
        return [DRIVERS.hit(row, wanted) for row in await _by_id(database, DRIVERS, wanted, reach)]
    rows: list[dict[str, Any]] = []
    for column in (drivers.c.name_key, drivers.c.email_key):
        rows += await _window(database, known, column, wanted)
    if wanted.lstrip("+")[:1].isdigit():
        for text in (wanted, f"+{wanted}"):
            rows += await _window(database, known, drivers.c.phone, text)
    if len(rows) < MOST_EACH and len(wanted) >= SHORTEST:
        some = select(drivers.c.id, drivers.c.name_key).where(DRIVERS.is_seen(reach)).limit(SCANNED).subquery()
        inside = select(some.c.id).where(some.c.name_key.contains(wanted, autoescape=True)).limit(WINDOW)
        keys = [row["id"] for row in await database.select(inside)]
        rows += await database.select(known.where(drivers.c.id.in_(keys))) if keys else []
    return [DRIVERS.hit(row, wanted) for row in rows]


async def _find_cards(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    known = CARDS.rows.where(CARDS.is_seen(reach))
    rows = await _window(database, known, tokens.c.value_key, wanted)
    rows += await _by_id(database, CARDS, wanted, reach)
    return [CARDS.hit(row, wanted) for row in rows if not is_secret(row["kind"])]


async def _find_groups(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    is_it = or_(
        contains(token_groups.c.name, wanted), contains(token_groups.c.value_key, wanted), token_groups.c.id == wanted
    )
    rows = await database.select(GROUPS.rows.where(is_it, GROUPS.is_seen(reach)).limit(WINDOW))
    return [GROUPS.hit(row, wanted) for row in rows]


async def _find_sessions(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    """By our id, by our number of it, and by how the station's own name for it begins."""
    keys: list[str] = []
    if ID.fullmatch(wanted):
        keys.append(wanted)
    number = _number(wanted)
    if number is not None:
        by_number = select(transactions.c.id).where(transactions.c.number == number)
        keys += [row["id"] for row in await database.select(by_number)]
    most = WINDOW if reach.site_ids is None else _FAR
    for text in dict.fromkeys((wanted, wanted.upper())):  # stations name them as they like
        near = select(transactions.c.id, transactions.c.reference).where(transactions.c.reference >= text)
        rows = await database.select(near.order_by(transactions.c.reference).limit(most))
        keys += [row["id"] for row in rows if row["reference"].startswith(text)]
    if not keys:
        return []
    chosen = SESSIONS.rows.where(transactions.c.id.in_(list(dict.fromkeys(keys))), sessions_seen(reach))
    rows = await database.select(chosen.order_by(transactions.c.started_at.desc()).limit(WINDOW))
    return [SESSIONS.hit(row, wanted) for row in as_seen(reach.site_ids, rows)]


async def _find_records(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    """By its id, and by that of its session."""
    if not ID.fullmatch(wanted):
        return []
    is_it = or_(records.c.id == wanted, records.c.transaction_id == wanted)
    rows = await database.select(RECORDS.rows.where(is_it, records_seen(reach)).limit(WINDOW))
    return [RECORDS.hit(row, wanted, Fit.EXACT) for row in rows]


async def _find_invoices(database: Database, wanted: str, reach: Reach, year: int) -> _Found:
    """By how the number begins, by what it counts, and by the id."""
    rows = await _by_id(database, INVOICES, wanted, reach)
    known = INVOICES.rows.where(invoices.seen(reach.site_ids))
    sellers = await database.select(select(legal_entities.c.id))
    number = _number(wanted)
    for seller in sellers[:WINDOW]:
        of_it = known.where(documents.c.legal_entity_id == seller["id"])
        for text in dict.fromkeys((wanted, wanted.upper())):
            rows += await _window(database, of_it, documents.c.number, text)
        if number is not None:
            counted = of_it.where(
                documents.c.kind.in_([kind.value for kind in DocumentKind]),
                documents.c.year.in_((year, year - 1)),
                documents.c.sequence == number,
            )
            rows += await database.select(counted.limit(WINDOW))
    return [
        INVOICES.hit(row, wanted, Fit.WORD if _only_counted(row, wanted) else None)
        for row in as_seen(reach.site_ids, rows)
    ]


async def _find_tariffs(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    is_it = or_(contains(tariffs.c.name, wanted), tariffs.c.id == wanted)
    rows = await database.select(TARIFFS.rows.where(is_it, TARIFFS.is_seen(reach)).limit(WINDOW))
    return [TARIFFS.hit(row, wanted) for row in rows]


async def _find_users(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    is_it = or_(contains(users.c.name, wanted), contains(users.c.email_key, wanted), users.c.id == wanted)
    rows = await database.select(USERS.rows.where(is_it, users_seen(reach)).limit(WINDOW))
    return [USERS.hit(row, wanted) for row in rows]


FINDERS: Mapping[HitKind, _Finder] = {
    HitKind.STATION: _find_stations,
    HitKind.SITE: _find_sites,
    HitKind.DRIVER: _find_drivers,
    HitKind.CARD: _find_cards,
    HitKind.GROUP: _find_groups,
    HitKind.SESSION: _find_sessions,
    HitKind.CHARGE_RECORD: _find_records,
    HitKind.INVOICE: _find_invoices,
    HitKind.TARIFF: _find_tariffs,
    HitKind.USER: _find_users,
}


async def _window(database: Database, known: Select[Any], column: Any, text: str) -> list[dict[str, Any]]:
    """Return the rows whose column begins with the text, among those that follow it in the order of the index.

    The database sorts by rules of its own, in which what begins alike need not follow without a gap: a window is
    looked at, and what does not begin so is left out.
    """
    near = known.add_columns(column.label("compared")).where(column >= text).order_by(column).limit(WINDOW)
    return [row for row in await database.select(near) if str(row["compared"]).startswith(text)]


async def _by_id(database: Database, source: Source, wanted: str, reach: Reach) -> list[dict[str, Any]]:
    if not ID.fullmatch(wanted):
        return []
    return await database.select(source.rows.where(source.key == wanted, source.is_seen(reach)))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text[:20]) <= _LARGEST and len(text) <= 10 else None


def _only_counted(row: Mapping[str, Any], wanted: str) -> bool:
    return "compared" not in row and row["id"] != wanted
