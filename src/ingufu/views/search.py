"""Search over everything: things by their names and numbers, each kind by its own indexes and to whom it is shown.

Large tables (sessions, charge records, documents, drivers, cards) are looked into by key and by how a text begins: a
window of an index, however many rows there are. Small ones (stations, sites, groups, tariffs, users), and names of
drivers up to a bound, are searched for the text anywhere.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, Select, func, or_, select

from ingufu.accounts.model import OfFleet
from ingufu.accounts.tables import users
from ingufu.authorization.decide import is_secret
from ingufu.authorization.tables import drivers, token_groups, tokens
from ingufu.billing.invoices.model import DocumentKind
from ingufu.billing.invoices.tables import documents, legal_entities
from ingufu.billing.records.tables import records
from ingufu.charging.tables import transactions
from ingufu.core.money import decimals
from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites
from ingufu.stations.tables import stations
from ingufu.tariffs.tables import tariffs
from ingufu.views import invoices
from ingufu.views.fleets import of_fleet
from ingufu.views.personal import as_seen
from ingufu.views.stations import SiteIds, contains, seen
from ingufu.views.tariffs import visible
from ingufu.views.transactions import seen_session

SHORTEST = 2  # characters of a text that is looked for anywhere in names
MOST_EACH = 6  # things of a kind
WINDOW = (
    60  # rows of an index that are looked at: databases sort by rules of their own, what fits stands close together
)
SCANNED = 50_000  # drivers whose names are searched for a text that they do not begin with
MOST_SITES = 50  # whose stations are found by the site's name
_FAR = 300  # rows of an index that are looked at for whoever sees only some of them
_LARGEST = 2**31 - 1
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class HitKind(StrEnum):
    """What a search may find, in the order in which it is shown where all else is equal."""

    STATION = "station"
    SITE = "site"
    DRIVER = "driver"
    CARD = "card"
    GROUP = "group"
    SESSION = "session"
    CHARGE_RECORD = "charge-record"
    INVOICE = "invoice"
    TARIFF = "tariff"
    USER = "user"


class Fit(StrEnum):
    """How well a thing fits the text, the best first."""

    EXACT = "exact"
    BEGINS = "begins"  # a name or number begins so
    WORD = "word"  # a word in a name begins so
    INSIDE = "inside"


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that was found: what it is called, and one more fact by which it is told from others."""

    kind: HitKind
    id: str
    title: str
    detail: str = ""
    fit: Fit = Fit.EXACT


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever searches may see."""

    kinds: Collection[HitKind]
    site_ids: SiteIds = None
    fleet_id: str | None = None  # only drivers, cards and groups of this organisation, and their sessions
    organisation_id: str | None = None


_FITS = {fit: place for place, fit in enumerate(Fit)}
_KINDS = {kind: place for place, kind in enumerate(HitKind)}


async def search(  # what is asked, by whom, and when
    database: Database, text: str, reach: Reach, *, year: int, most_each: int = MOST_EACH
) -> tuple[Hit, ...]:
    """Return what fits the text, of each kind so many at most; a kind's best come first, and the kind of the best.

    Names are compared without regard to case. `year` is this one: documents are found by their number in it and in
    the one before.
    """
    wanted = text.strip().casefold()
    if not wanted:
        return ()
    asked = [kind for kind in HitKind if kind in reach.kinds]
    found = await asyncio.gather(*(_FINDERS[kind](database, wanted, reach, year) for kind in asked))
    ranked = [sorted(_once(hits), key=_rank)[:most_each] for hits in found]
    ranked.sort(key=lambda hits: (_FITS[hits[0].fit], _KINDS[hits[0].kind]) if hits else (len(Fit), 0))
    return tuple(hit for hits in ranked for hit in hits)


async def named(database: Database, wanted: Iterable[tuple[HitKind, str]], reach: Reach) -> tuple[Hit, ...]:
    """Return the things of these kinds and ids that one may see, in this order; those that are gone are left out."""
    by_kind: dict[HitKind, list[str]] = {}
    asked = [(kind, key) for kind, key in wanted if kind in reach.kinds]
    for kind, key in asked:
        by_kind.setdefault(kind, []).append(key)
    found: dict[tuple[HitKind, str], Hit] = {}
    for kind, keys in by_kind.items():
        source = _SOURCES[kind]
        rows = await database.select(source.rows.where(source.key.in_(keys), source.is_seen(reach)).limit(len(keys)))
        found |= {(kind, row["id"]): source.hit(row, "", Fit.EXACT) for row in as_seen(reach.site_ids, rows)}
    return tuple(found[key] for key in dict.fromkeys(asked) if key in found)


class _Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where things of a kind stand, and how one of them is shown."""

    kind: HitKind
    rows: Any  # a select, with `id`
    key: Any  # the column of the id
    is_seen: Callable[[Reach], ColumnElement[bool]]
    title: str
    details: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # columns that the text is compared with

    def hit(self, row: Mapping[str, Any], wanted: str, fit: Fit | None = None) -> Hit:
        """Return the row as what was found; how well it fits is seen from its names."""
        row = _dressed(row)
        told = [str(row[name]) for name in self.details if row.get(name)]
        title = str(row[self.title] or "") or (told.pop(0) if told else row["id"])
        return Hit(
            kind=self.kind,
            id=row["id"],
            title=title,
            detail=" · ".join(part for part in told if part != title),
            fit=fit or fitting(wanted, (str(row[name] or "") for name in self.names)),
        )


def fitting(wanted: str, names: Iterable[str]) -> Fit:
    """Return how well the best of these names fits a text, which is folded."""
    best = Fit.INSIDE
    for name in names:
        folded = name.casefold()
        if folded == wanted:
            return Fit.EXACT
        if folded.startswith(wanted):
            best = Fit.BEGINS
        elif best is Fit.INSIDE and any(word.startswith(wanted) for word in re.split(r"[\W_]+", folded)):
            best = Fit.WORD
    return best


def _of_fleet(column: Any) -> Callable[[Reach], ColumnElement[bool]]:
    def is_seen(reach: Reach) -> ColumnElement[bool]:
        mine: ColumnElement[bool] = column.is_not(None) if reach.fleet_id is None else column == reach.fleet_id
        return mine

    return is_seen


def _sites_seen(reach: Reach) -> ColumnElement[bool]:
    return sites.c.id.is_not(None) if reach.site_ids is None else sites.c.id.in_(sorted(reach.site_ids))


def _sessions_seen(reach: Reach) -> ColumnElement[bool]:
    return seen_session(reach.site_ids)


def _records_seen(reach: Reach) -> ColumnElement[bool]:
    if isinstance(reach.site_ids, OfFleet):
        return of_fleet(reach.site_ids.fleet_id, records.c.driver_id, records.c.token_id)
    return records.c.id.is_not(None) if reach.site_ids is None else records.c.site_id.in_(sorted(reach.site_ids))


def _users_seen(reach: Reach) -> ColumnElement[bool]:
    is_all = reach.site_ids is None and reach.fleet_id is None
    return users.c.id.is_not(None) if is_all else users.c.organisation_id == (reach.organisation_id or "")


_STATIONS = _Source(
    kind=HitKind.STATION,
    rows=select(
        stations.c.id, stations.c.identity, stations.c.name, stations.c.serial_number, sites.c.name.label("site")
    ).select_from(stations.outerjoin(sites, sites.c.id == stations.c.site_id)),
    key=stations.c.id,
    is_seen=lambda reach: seen(reach.site_ids),
    title="identity",
    details=("name", "site"),
    names=("identity", "name", "serial_number", "id"),
)
_SITES = _Source(
    kind=HitKind.SITE,
    rows=select(sites.c.id, sites.c.name, sites.c.city),
    key=sites.c.id,
    is_seen=_sites_seen,
    title="name",
    details=("city",),
    names=("name", "id"),
)
_DRIVERS = _Source(
    kind=HitKind.DRIVER,
    rows=select(drivers.c.id, drivers.c.name, drivers.c.email, drivers.c.phone),
    key=drivers.c.id,
    is_seen=_of_fleet(drivers.c.organisation_id),
    title="name",
    details=("email", "phone"),
    names=("name", "email", "phone", "id"),
)
_CARDS = _Source(
    kind=HitKind.CARD,
    rows=select(tokens.c.id, tokens.c.value, tokens.c.kind, drivers.c.name.label("driver"))
    .select_from(tokens.outerjoin(drivers, drivers.c.id == tokens.c.driver_id))
    .where(func.lower(tokens.c.kind) != "keycode"),  # what is a secret is not found by it
    key=tokens.c.id,
    is_seen=_of_fleet(tokens.c.organisation_id),
    title="value",
    details=("driver", "kind"),
    names=("value", "id"),
)
_GROUPS = _Source(
    kind=HitKind.GROUP,
    rows=select(token_groups.c.id, token_groups.c.name, token_groups.c.value),
    key=token_groups.c.id,
    is_seen=_of_fleet(token_groups.c.organisation_id),
    title="name",
    details=("value",),
    names=("name", "value", "id"),
)
_SESSIONS = _Source(
    kind=HitKind.SESSION,
    rows=select(
        transactions.c.id,
        transactions.c.reference,
        transactions.c.started_at,
        stations.c.identity.label("station"),
        sites.c.time_zone,
        drivers.c.name.label("driver"),
    ).select_from(
        transactions.outerjoin(stations, stations.c.id == transactions.c.station_id)
        .outerjoin(sites, sites.c.id == stations.c.site_id)
        .outerjoin(drivers, drivers.c.id == transactions.c.driver_id)
    ),
    key=transactions.c.id,
    is_seen=_sessions_seen,
    title="reference",
    details=("station", "driver", "day"),
    names=("reference", "id"),
)
_RECORDS = _Source(
    kind=HitKind.CHARGE_RECORD,
    rows=select(
        records.c.id,
        records.c.kind,
        records.c.gross,
        records.c.currency,
        stations.c.identity.label("station"),
        sites.c.name.label("site"),
    ).select_from(
        records.outerjoin(stations, stations.c.id == records.c.station_id).outerjoin(
            sites, sites.c.id == records.c.site_id
        )
    ),
    key=records.c.id,
    is_seen=_records_seen,
    title="id",
    details=("station", "site", "amount"),
    names=("id",),
)
_INVOICES = _Source(
    kind=HitKind.INVOICE,
    rows=select(
        documents.c.id,
        documents.c.number,
        documents.c.kind,
        documents.c.customer_name,
        documents.c.payable,
        documents.c.currency,
    ),
    key=documents.c.id,
    is_seen=lambda reach: invoices.seen(reach.site_ids),
    title="number",
    details=("customer_name", "amount"),
    names=("number", "id"),
)
_TARIFFS = _Source(
    kind=HitKind.TARIFF,
    rows=select(tariffs.c.id, tariffs.c.name, tariffs.c.kind),
    key=tariffs.c.id,
    is_seen=lambda reach: visible(reach.site_ids),
    title="name",
    names=("name", "id"),
)
_USERS = _Source(
    kind=HitKind.USER,
    rows=select(users.c.id, users.c.name, users.c.email),
    key=users.c.id,
    is_seen=_users_seen,
    title="name",
    details=("email",),
    names=("name", "email", "id"),
)
_SOURCES = {
    source.kind: source
    for source in (
        _STATIONS, _SITES, _DRIVERS, _CARDS, _GROUPS, _SESSIONS, _RECORDS, _INVOICES, _TARIFFS, _USERS,
    )
}  # fmt: skip

_Found = list[Hit]
_Finder = Callable[[Database, str, Reach, int], Awaitable[_Found]]


async def _find_stations(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    known = _STATIONS.rows.where(seen(reach.site_ids))
    if _ID.fullmatch(wanted):
        return [_STATIONS.hit(row, wanted) for row in await _by_id(database, _STATIONS, wanted, reach)]
    rows = await _window(database, known, stations.c.identity_key, wanted)
    if len(wanted) >= SHORTEST:
        at = select(sites.c.id).where(contains(sites.c.name, wanted), _sites_seen(reach)).limit(MOST_SITES)
        inside = stations.c.identity_key.contains(wanted, autoescape=True)  # folded already
        texts = (inside, contains(stations.c.name, wanted), contains(stations.c.serial_number, wanted))
        names = known.where(or_(*texts)).order_by(stations.c.identity_key)
        rows += await database.select(names.limit(WINDOW))
        rows += await database.select(known.where(stations.c.site_id.in_(at)).limit(WINDOW))
    return [_STATIONS.hit(row, wanted) for row in rows]


async def _find_sites(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    is_it = or_(contains(sites.c.name, wanted), contains(func.coalesce(sites.c.city, ""), wanted), sites.c.id == wanted)
    rows = await database.select(_SITES.rows.where(is_it, _sites_seen(reach)).order_by(sites.c.name_key).limit(WINDOW))
    return [_SITES.hit(row, wanted) for row in rows]


async def _find_drivers(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    known = _DRIVERS.rows.where(_DRIVERS.is_seen(reach))
    if _ID.fullmatch(wanted):
        return [_DRIVERS.hit(row, wanted) for row in await _by_id(database, _DRIVERS, wanted, reach)]
    rows: list[dict[str, Any]] = []
    for column in (drivers.c.name_key, drivers.c.email_key):
        rows += await _window(database, known, column, wanted)
    if wanted.lstrip("+")[:1].isdigit():
        for text in (wanted, f"+{wanted}"):
            rows += await _window(database, known, drivers.c.phone, text)
    if len(rows) < MOST_EACH and len(wanted) >= SHORTEST:
        some = select(drivers.c.id, drivers.c.name_key).where(_DRIVERS.is_seen(reach)).limit(SCANNED).subquery()
        inside = select(some.c.id).where(some.c.name_key.contains(wanted, autoescape=True)).limit(WINDOW)
        keys = [row["id"] for row in await database.select(inside)]
        rows += await database.select(known.where(drivers.c.id.in_(keys))) if keys else []
    return [_DRIVERS.hit(row, wanted) for row in rows]


async def _find_cards(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    known = _CARDS.rows.where(_CARDS.is_seen(reach))
    rows = await _window(database, known, tokens.c.value_key, wanted)
    rows += await _by_id(database, _CARDS, wanted, reach)
    return [_CARDS.hit(row, wanted) for row in rows if not is_secret(row["kind"])]


async def _find_groups(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    is_it = or_(
        contains(token_groups.c.name, wanted), contains(token_groups.c.value_key, wanted), token_groups.c.id == wanted
    )
    rows = await database.select(_GROUPS.rows.where(is_it, _GROUPS.is_seen(reach)).limit(WINDOW))
    return [_GROUPS.hit(row, wanted) for row in rows]


async def _find_sessions(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    """By our id, by our number of it, and by how the station's own name for it begins."""
    keys: list[str] = []
    if _ID.fullmatch(wanted):
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
    chosen = _SESSIONS.rows.where(transactions.c.id.in_(list(dict.fromkeys(keys))), _sessions_seen(reach))
    rows = await database.select(chosen.order_by(transactions.c.started_at.desc()).limit(WINDOW))
    return [_SESSIONS.hit(row, wanted) for row in as_seen(reach.site_ids, rows)]


async def _find_records(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    """By its id, and by that of its session."""
    if not _ID.fullmatch(wanted):
        return []
    is_it = or_(records.c.id == wanted, records.c.transaction_id == wanted)
    rows = await database.select(_RECORDS.rows.where(is_it, _records_seen(reach)).limit(WINDOW))
    return [_RECORDS.hit(row, wanted, Fit.EXACT) for row in rows]


async def _find_invoices(database: Database, wanted: str, reach: Reach, year: int) -> _Found:
    """By how the number begins, by what it counts, and by the id."""
    rows = await _by_id(database, _INVOICES, wanted, reach)
    known = _INVOICES.rows.where(invoices.seen(reach.site_ids))
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
        _INVOICES.hit(row, wanted, Fit.WORD if _only_counted(row, wanted) else None)
        for row in as_seen(reach.site_ids, rows)
    ]


async def _find_tariffs(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    is_it = or_(contains(tariffs.c.name, wanted), tariffs.c.id == wanted)
    rows = await database.select(_TARIFFS.rows.where(is_it, _TARIFFS.is_seen(reach)).limit(WINDOW))
    return [_TARIFFS.hit(row, wanted) for row in rows]


async def _find_users(database: Database, wanted: str, reach: Reach, _: int) -> _Found:
    is_it = or_(contains(users.c.name, wanted), contains(users.c.email_key, wanted), users.c.id == wanted)
    rows = await database.select(_USERS.rows.where(is_it, _users_seen(reach)).limit(WINDOW))
    return [_USERS.hit(row, wanted) for row in rows]


_FINDERS: Mapping[HitKind, _Finder] = {
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


async def _by_id(database: Database, source: _Source, wanted: str, reach: Reach) -> list[dict[str, Any]]:
    if not _ID.fullmatch(wanted):
        return []
    return await database.select(source.rows.where(source.key == wanted, source.is_seen(reach)))


def _once(hits: _Found) -> _Found:
    return list({hit.id: hit for hit in hits}.values())


def _rank(hit: Hit) -> tuple[int, str]:
    return _FITS[hit.fit], "" if hit.kind is HitKind.SESSION else hit.title.casefold()  # sessions: the newest first


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text[:20]) <= _LARGEST and len(text) <= 10 else None


def _only_counted(row: Mapping[str, Any], wanted: str) -> bool:
    return "compared" not in row and row["id"] != wanted


def _dressed(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the row with what is told of it in words: the day in its site's zone, and the amount."""
    if "time_zone" in row:
        return {**row, "day": row["started_at"].astimezone(ZoneInfo(row["time_zone"] or "UTC")).date().isoformat()}
    if "currency" in row:
        amount = row["gross"] if "gross" in row else row["payable"]
        places = decimals(row["currency"])
        return {**row, "amount": f"{amount:.{places}f} {row['currency']}"}
    return row
