"""Energy verdicts, the queue of sessions that wait for a person, and meter keys, as lists and pages show them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, and_, func, select

from ingufu.billing.evidence.model import (
    Confidence,
    MeterKey,
    Reason,
    SignatureCheck,
    SignatureState,
    SiteEvidence,
    Standing,
)
from ingufu.billing.evidence.tables import items, meter_keys, verdicts
from ingufu.billing.evidence.tables import sites as site_evidence
from ingufu.charging.tables import transactions
from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites
from ingufu.stations.tables import stations
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit, SiteIds, named, seen
from ingufu.views.tenures import held_now, is_bounded, now_of
from ingufu.views.transactions import Instant

_BUILTIN = (datetime, Decimal)
MAX_HISTORY = 200  # verdicts of one session
StationName = Annotated[str, Meta(max_length=100, description="Id or identity of the station.")]


class VerdictQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which verdicts, the newest first."""

    station: StationName | None = None
    site_id: Annotated[str, Meta(max_length=100)] | None = None
    transaction_id: Annotated[str, Meta(max_length=100)] | None = None
    standing: Standing | None = None
    confidence: Confidence | None = None
    signature: SignatureState | None = None
    is_last: Annotated[
        bool, Meta(description="Only the last verdict on each session, which is the one that counts.")
    ] = True
    since: Annotated[Instant | None, Meta(description="Judged at this instant or later.")] = None
    until: Annotated[Instant | None, Meta(description="Judged before this instant.")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class VerdictRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a session's energy is held to be, and why."""

    transaction_id: str
    number: Annotated[int, Meta(description="From 1; the last one counts.")]
    station_id: str
    station_identity: str | None = None
    standing: Standing
    energy_wh: Annotated[Decimal, Meta(description="What is billed if the standing allows; in review: the proposal.")]
    confidence: Confidence
    signature: SignatureState
    reasons: tuple[Reason, ...]
    judged_at: datetime
    decided_by: Annotated[str | None, Meta(description="Who decided, where a person did.")] = None
    note: str = ""
    software: Annotated[str, Meta(description="And its version, that judged.")]


class ReviewQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sessions that wait for a decision, or did; those that wait longest first."""

    station: StationName | None = None
    site_id: Annotated[str, Meta(max_length=100)] | None = None
    reason: (
        Annotated[str, Meta(max_length=60, description="Code of a doubt, for instance `register-reset`.")] | None
    ) = None
    is_open: Annotated[bool, Meta(description="Whether it still waits.")] = True
    limit: Limit = 50
    cursor: Cursor | None = None


class ReviewRow(msgspec.Struct, frozen=True, kw_only=True):
    """A session that waits for a decision."""

    transaction_id: str
    reference: str | None = None
    number: Annotated[int, Meta(description="The verdict that waits: a decision names it.")]
    station_id: str
    station_identity: str | None = None
    station_name: str | None = None
    site_id: str | None = None
    site_name: str | None = None
    time_zone: str = "UTC"
    evse: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    start_wh: Decimal | None = None
    end_wh: Decimal | None = None
    proposed_wh: Decimal
    confidence: Confidence
    signature: SignatureState
    reasons: tuple[Reason, ...]
    opened_at: datetime
    updated_at: datetime
    closed_at: datetime | None = None
    closed_by: str | None = None


class VerdictView(msgspec.Struct, frozen=True, kw_only=True):
    """All that is said of a session's energy."""

    transaction_id: str
    verdict: Annotated[VerdictRow | None, Meta(description="The one that counts; null: not judged yet.")] = None
    history: Annotated[tuple[VerdictRow, ...], Meta(description="All verdicts, oldest first.")] = ()
    checks: Annotated[tuple[SignatureCheck, ...], Meta(description="What came of each signed value.")] = ()
    demands_signatures: Annotated[bool, Meta(description="Whether the site bills verified sessions only.")] = False


class KeyQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which meter keys, the newest first."""

    station: StationName | None = None
    site_id: Annotated[str, Meta(max_length=100)] | None = None
    fingerprint: Annotated[str, Meta(max_length=64, description="Its beginning will do.")] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class KeyRow(MeterKey, frozen=True, kw_only=True):
    """The public key of a meter."""

    station_identity: str | None = None


async def list_verdicts(database: Database, query: VerdictQuery, site_ids: SiteIds) -> Page[VerdictRow]:
    """Return one page of the verdicts that one may see."""
    order = Order(
        verdicts.c.judged_at,
        datetime,
        verdicts.c.transaction_id,
        name="judged_at",
        is_descending=True,
    )
    statement = _verdicts().where(
        *_of_verdicts(query), _seen(site_ids, verdicts.c.transaction_id, verdicts.c.judged_at)
    )
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(_verdict(row) for row in rows), next=cursor)


async def get_history(database: Database, transaction_id: str) -> tuple[VerdictRow, ...]:
    """Return all verdicts on a session, oldest first."""
    statement = _verdicts().where(verdicts.c.transaction_id == transaction_id)
    rows = await database.select(statement.order_by(verdicts.c.number.desc()).limit(MAX_HISTORY))
    return tuple(_verdict(row) for row in reversed(rows))


async def list_reviews(database: Database, query: ReviewQuery, site_ids: SiteIds) -> Page[ReviewRow]:
    """Return one page of the sessions that wait for a decision, or did."""
    order = Order(
        items.c.opened_at, datetime, items.c.transaction_id, name="opened_at", is_descending=not query.is_open
    )
    statement = _reviews().where(*_of_reviews(query), _seen(site_ids, items.c.transaction_id, items.c.opened_at))
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(_review(row) for row in rows), next=cursor)


async def get_review(database: Database, transaction_id: str, site_ids: SiteIds) -> ReviewRow:
    """Return the session that waits, or did. Raises NotFound, also if it is not one's to see."""
    is_seen = _seen(site_ids, items.c.transaction_id, items.c.opened_at)
    rows = await database.select(_reviews().where(items.c.transaction_id == transaction_id, is_seen))
    if not rows:
        raise NotFound("No such session waits for a decision.")
    return _review(rows[0])


async def count_reviews(database: Database, site_ids: SiteIds) -> int:
    """Return how many sessions wait for a decision."""
    statement = (
        select(func.count().label("number"))
        .select_from(items.outerjoin(stations, stations.c.id == items.c.station_id))
        .where(items.c.closed_at.is_(None), _seen(site_ids, items.c.transaction_id, items.c.opened_at))
    )
    return int((await database.select(statement))[0]["number"])


async def list_keys(database: Database, query: KeyQuery, site_ids: SiteIds) -> Page[KeyRow]:
    """Return one page of the meter keys that one may see."""
    order = Order(meter_keys.c.id, str, meter_keys.c.id, name="id", is_descending=True)  # ids rise with time
    statement = _keys().where(seen(site_ids))
    if query.station is not None:
        statement = statement.where(named(query.station))
    if query.site_id is not None:
        statement = statement.where(stations.c.site_id == query.site_id)
    if query.fingerprint is not None:
        statement = statement.where(meter_keys.c.fingerprint.startswith(query.fingerprint.lower(), autoescape=True))
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, KeyRow, builtin_types=_BUILTIN) for row in rows), next=cursor)


async def get_key(database: Database, key_id: str, site_ids: SiteIds) -> KeyRow:
    """Return a meter's key. Raises NotFound, also if it is not one's to see."""
    rows = await database.select(_keys().where(meter_keys.c.id == key_id, seen(site_ids)))
    if not rows:
        raise NotFound("There is no such meter key.")
    return msgspec.convert(rows[0], KeyRow, builtin_types=_BUILTIN)


def _seen(site_ids: SiteIds, transaction_id: Any, at: Any) -> ColumnElement[bool]:
    """Return the condition that a session that was looked at then is one's to see: by when it began."""
    if site_ids is None or not is_bounded(now_of(site_ids)):
        return seen(site_ids)
    began = select(transactions.c.started_at).where(transactions.c.id == transaction_id).scalar_subquery()
    site = stations.c.site_id
    return and_(held_now(site_ids, site, at), held_now(site_ids, site, began))


def _verdicts() -> Select[Any]:
    own = [verdicts.c[name] for name in VerdictRow.__struct_fields__ if name in verdicts.columns]
    return select(*own, stations.c.identity.label("station_identity")).select_from(
        verdicts.outerjoin(stations, stations.c.id == verdicts.c.station_id)
    )


def _reviews() -> Select[Any]:
    own = [items.c[name] for name in ReviewRow.__struct_fields__ if name in items.columns and name != "reasons"]
    is_verdict = (verdicts.c.transaction_id == items.c.transaction_id) & (verdicts.c.number == items.c.number)
    told = [transactions.c[name] for name in ("reference", "evse", "started_at", "ended_at", "start_wh", "end_wh")]
    return select(
        *own,
        *told,
        verdicts.c.reasons,
        verdicts.c.confidence,
        verdicts.c.signature,
        stations.c.identity.label("station_identity"),
        stations.c.name.label("station_name"),
        stations.c.site_id,
        sites.c.name.label("site_name"),
        sites.c.time_zone,
    ).select_from(
        items.join(verdicts, is_verdict)
        .outerjoin(transactions, transactions.c.id == items.c.transaction_id)
        .outerjoin(stations, stations.c.id == items.c.station_id)
        .outerjoin(sites, sites.c.id == stations.c.site_id)
    )


def _keys() -> Select[Any]:
    own = [meter_keys.c[name] for name in MeterKey.__struct_fields__]
    return select(*own, stations.c.identity.label("station_identity")).select_from(
        meter_keys.outerjoin(stations, stations.c.id == meter_keys.c.station_id)
    )


def _of_verdicts(query: VerdictQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.station is not None:
        found.append(named(query.station))
    if query.site_id is not None:
        found.append(stations.c.site_id == query.site_id)
    for name in ("transaction_id", "standing", "confidence", "signature"):
        value = getattr(query, name)
        if value is not None:
            found.append(verdicts.c[name] == value)
    if query.is_last:
        later = verdicts.alias("later")
        is_later = (later.c.transaction_id == verdicts.c.transaction_id) & (later.c.number > verdicts.c.number)
        found.append(~select(later.c.number).where(is_later).exists())
    if query.since is not None:
        found.append(verdicts.c.judged_at >= query.since)
    if query.until is not None:
        found.append(verdicts.c.judged_at < query.until)
    return found


def _of_reviews(query: ReviewQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        items.c.closed_at.is_(None) if query.is_open else items.c.closed_at.is_not(None)
    ]
    if query.station is not None:
        found.append(named(query.station))
    if query.site_id is not None:
        found.append(stations.c.site_id == query.site_id)
    if query.reason is not None:
        found.append(items.c.doubts.contains(f"|{query.reason}|", autoescape=True))
    return found


async def find_site_evidence(database: Database, site_ids: Sequence[str]) -> dict[str, SiteEvidence]:
    """Return what each of the sites asks of the evidence."""
    rows = await database.select(select(site_evidence).where(site_evidence.c.site_id.in_(site_ids)))
    set_ones = {row["site_id"]: msgspec.convert(row, SiteEvidence) for row in rows}
    return {site_id: set_ones.get(site_id) or SiteEvidence(site_id=site_id) for site_id in site_ids}


def _verdict(row: dict[str, Any]) -> VerdictRow:
    return msgspec.convert(row, VerdictRow, builtin_types=_BUILTIN)


def _review(row: dict[str, Any]) -> ReviewRow:
    return msgspec.convert({**row, "time_zone": row["time_zone"] or "UTC"}, ReviewRow, builtin_types=_BUILTIN)
