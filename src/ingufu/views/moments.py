"""A session step by step: every message, report, decision and event of it, in the order in which we knew of them."""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, and_, or_, select

from ingufu.authorization.decide import MASK, is_secret
from ingufu.charging.model import AsKnown, ChargingState, EnergySource
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.outbox import events
from ingufu.stations.tables import stations
from ingufu.views import decisions as decision_views
from ingufu.views import frames as frame_views
from ingufu.views import session as session_views
from ingufu.views.decisions import DecisionQuery, DecisionRow
from ingufu.views.frames import Frame, FrameQuery
from ingufu.views.personal import as_seen
from ingufu.views.session import TransactionEventRow
from ingufu.views.stations import SiteIds
from ingufu.views.timeline import EventRow, event_row
from ingufu.views.transactions import TransactionView

MAX_FRAMES = 400
MAX_EVENTS = 400
MAX_DECISIONS = 100
_PAGE = 200
AROUND = timedelta(minutes=2)  # what happened at the station so long before and after belongs to the story
_OF_STATION = ("StatusChanged", "CommandAnswered", "StationConnected", "StationDisconnected", "StationBooted")


class MomentKind(StrEnum):
    """What a moment is made of; of those at one instant, in this order."""

    FRAME = "frame"  # as it went over the wire
    DECISION = "decision"  # on an id token, with the rule that decided
    REPORT = "report"  # what a message was understood to say of the session
    EVENT = "event"  # what came of it


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One step. Exactly one of the last four is there, as its kind says."""

    id: Annotated[str, Meta(description="Unique in its session, for instance `report-12`.")]
    at: Annotated[datetime, Meta(description="When we knew, which may be long after it happened.")]
    kind: MomentKind
    frame: Frame | None = None
    decision: DecisionRow | None = None
    report: TransactionEventRow | None = None
    event: EventRow | None = None


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of a session, the earliest first."""

    items: tuple[Moment, ...]
    is_cut: Annotated[bool, Meta(description="There are more than so many; the message log and timeline have them.")]


class KnownSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it was known at an instant."""

    id: str
    station_id: str
    evse: int | None = None
    connector: int | None = None
    token_id: str | None = None
    token_value: Annotated[str | None, Meta(description="Masked if it is itself a secret (KeyCode).")] = None
    driver_id: str | None = None
    verdict: str | None = None
    verdict_reason: str | None = None
    state: ChargingState
    is_open: bool
    is_estimated: Annotated[bool, Meta(description="We closed it, as its end had not been told.")] = False
    started_at: datetime
    ended_at: datetime | None = None
    stop_reason: str | None = None
    start_wh: Decimal | None = None
    end_wh: Decimal | None = None
    last_wh: Annotated[Decimal | None, Meta(description="The last register value that was believed.")] = None
    energy_wh: Decimal
    energy_source: EnergySource
    power_w: float | None = None
    soc_percent: float | None = None
    last_reading_at: datetime | None = None


class SessionAt(msgspec.Struct, frozen=True, kw_only=True):
    """What was known of a session at an instant."""

    at: datetime
    session: Annotated[KnownSession | None, Meta(description="null: nothing of it had come by then.")] = None
    is_whole: Annotated[
        bool, Meta(description="False: some readings of then are kept no longer, and figures are of what is left.")
    ] = True


def session_at(at: datetime, known: AsKnown | None, site_ids: SiteIds) -> SessionAt:
    """Return what was known as it may be shown."""
    if known is None:
        return SessionAt(at=at)
    it = known.transaction
    fields = {name: getattr(it, name) for name in KnownSession.__struct_fields__}
    if is_secret(it.token_kind) and it.token_value:
        fields["token_value"] = MASK
    return SessionAt(at=at, session=as_seen(site_ids, KnownSession(**fields)), is_whole=known.is_whole)


async def list_moments(
    database: Database, it: TransactionView, site_ids: SiteIds, *, with_frames: bool, with_decisions: bool
) -> Moments:
    """Return what is kept of a session, step by step. Messages and decisions only for those who may see them."""
    found: list[Moment] = []
    is_cut = False
    if with_frames:
        frames, is_cut = await _frames(database, it, site_ids)
        found += [Moment(id=f"frame-{one.id}", at=one.at, kind=MomentKind.FRAME, frame=one) for one in frames]
    if with_decisions:
        query = DecisionQuery(transaction_id=it.id, limit=MAX_DECISIONS)
        decided = (await decision_views.list_decisions(database, query, site_ids)).items
        found += [Moment(id=f"decision-{one.id}", at=one.at, kind=MomentKind.DECISION, decision=one) for one in decided]
    found += [
        Moment(id=f"report-{one.id}", at=one.received_at, kind=MomentKind.REPORT, report=one)
        for one in await session_views.list_transaction_events(database, it.id, site_ids)
    ]
    happened = await _events(database, it, site_ids)
    found += [Moment(id=f"event-{one.id}", at=one.occurred_at, kind=MomentKind.EVENT, event=one) for one in happened]
    ranks = {kind: rank for rank, kind in enumerate(MomentKind)}
    found.sort(key=lambda one: (one.at, ranks[one.kind]))
    return Moments(items=tuple(found), is_cut=is_cut or len(happened) == MAX_EVENTS)


async def _frames(database: Database, it: TransactionView, site_ids: SiteIds) -> tuple[list[Frame], bool]:
    found: list[Frame] = []
    cursor: str | None = None
    while len(found) < MAX_FRAMES:
        query = FrameQuery(station=it.station_id, transaction_id=it.id, limit=_PAGE, cursor=cursor)
        page = await frame_views.list_frames(database, query, site_ids)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found, False
    return found[:MAX_FRAMES], True


async def _events(database: Database, it: TransactionView, site_ids: SiteIds) -> list[EventRow]:
    """Return the session's own events, and what its station and EVSE did around it."""
    columns = (events.c.id, events.c.kind, events.c.occurred_at, events.c.station_id, events.c.transaction_id)
    statement = (
        select(*columns, events.c.details, stations.c.identity.label("station_identity"), stations.c.site_id)
        .select_from(events.outerjoin(stations, stations.c.id == events.c.station_id))
        .where(or_(events.c.transaction_id == it.id, _around(it)))
        .order_by(events.c.id)
        .limit(MAX_EVENTS)
    )
    rows = [event_row(row, site_ids) for row in await database.select(statement)]
    return [row for row in rows if row.kind != "StatusChanged" or row.details.get("evse") in {None, it.evse}]


def _around(it: TransactionView) -> ColumnElement[bool]:
    since = min(it.started_at, it.start_received_at) - AROUND
    until = (it.end_received_at or it.ended_at or it.updated_at) + AROUND
    return and_(
        events.c.station_id == it.station_id,
        events.c.transaction_id.is_(None),
        events.c.kind.in_(_OF_STATION),
        events.c.occurred_at.between(since, until),
    )
