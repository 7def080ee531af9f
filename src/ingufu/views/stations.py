"""Stations as lists and pages show them: with their site, connectors and what charges there now."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from operator import itemgetter
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, and_, exists, false, func, literal, or_, select, true

from ingufu.charging.model import ChargingState
from ingufu.charging.tables import transactions
from ingufu.core.errors import NotFound
from ingufu.core.ids import identity_key
from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites
from ingufu.stations.model import Approval, BootAnswer, ConnectorStatus
from ingufu.stations.tables import connectors, evses, stations
from ingufu.views.paging import MAX_LIMIT, Order, Page, cut, ordered

SiteIds: TypeAlias = frozenset[str] | None  # the sites one may see; None: all
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

Limit = Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="How many items a page has at most.")]
Cursor = Annotated[str, Meta(max_length=1000, description="`next` of the page before.")]
Text = Annotated[str, Meta(max_length=200)]


class Condition(StrEnum):
    """A station in one word, the most pressing first."""

    WAITING = "waiting"  # for approval
    REFUSED = "refused"
    OFFLINE = "offline"
    FAULTED = "faulted"
    CHARGING = "charging"
    OCCUPIED = "occupied"
    AVAILABLE = "available"
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


StationSort = Literal[
    "identity",
    "-identity",
    "name",
    "-name",
    "site",
    "-site",
    "vendor",
    "-vendor",
    "firmware",
    "-firmware",
    "last_seen_at",
    "-last_seen_at",
    "created_at",
    "-created_at",
]


class StationQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which stations, in which order."""

    q: Annotated[str, Meta(max_length=200, description="Part of identity, name, vendor, model or serial number.")] = ""
    site_id: Annotated[tuple[str, ...], Meta(max_length=100, description="Of these sites; `none`: of no site.")] = ()
    approval: Approval | None = None
    is_online: Annotated[bool | None, Meta(description="Whether it is connected.")] = None
    version: Annotated[Literal["1.6", "2.0.1", "2.1"] | None, Meta(description="The OCPP version it last spoke.")] = (
        None
    )
    vendor: Text | None = None
    model: Text | None = None
    firmware: Annotated[str, Meta(max_length=200, description="The firmware version as it reports it.")] | None = None
    status: Annotated[
        Condition | None,
        Meta(description="Stations with a connector in this state, or as a whole waiting, refused or offline."),
    ] = None
    sort: StationSort = "identity"
    limit: Limit = 50
    cursor: Cursor | None = None


class OpenTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """What charges at an EVSE now."""

    id: str
    started_at: datetime
    state: ChargingState
    energy_wh: Decimal
    power_w: float | None = None
    soc_percent: float | None = None
    last_reading_at: datetime | None = None


class ConnectorView(msgspec.Struct, frozen=True, kw_only=True):
    """A connector, and what it last reported."""

    number: int
    kind: str | None = None  # the plug
    max_power_w: float | None = None
    is_operative: bool = True  # what we want
    status: ConnectorStatus = ConnectorStatus.UNKNOWN
    raw_status: str = ""  # the station's own word
    status_at: datetime | None = None
    error_code: str | None = None
    error_info: str | None = None
    vendor_error_code: str | None = None


class EvseView(msgspec.Struct, frozen=True, kw_only=True):
    """An EVSE with its connectors, and the transaction that is open there."""

    number: int
    is_operative: bool = True  # what we want
    connectors: tuple[ConnectorView, ...] = ()
    transaction: OpenTransaction | None = None


class StationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A station in a list."""

    id: str
    identity: str
    name: str
    site_id: str | None = None
    site_name: str | None = None
    time_zone: Annotated[str, Meta(description="Of its site.")] = "UTC"
    condition: Condition
    approval: Approval
    boot_answer: BootAnswer
    is_online: bool
    online_changed_at: datetime | None = None
    last_seen_at: datetime | None = None
    ocpp_version: str | None = None
    vendor: str | None = None
    model: str | None = None
    serial_number: str | None = None
    firmware_version: str | None = None
    is_operative: bool = True
    created_at: datetime
    evses: tuple[EvseView, ...] = ()


class StationView(StationRow, frozen=True, kw_only=True):
    """All about one station but its secrets."""

    note: str = ""
    security_profile: int
    used_security_profile: int | None = None
    has_password: bool
    certificate_name: str | None = None
    assumed_version: str | None = None
    is_strict: bool
    is_silent: bool
    allows_compression: bool
    ping_interval_s: int | None = None
    iccid: str | None = None
    imsi: str | None = None
    meter_type: str | None = None
    meter_serial_number: str | None = None
    last_boot_at: datetime | None = None
    boot_reason: str | None = None
    boot_status: BootAnswer | None = None
    connection_id: str | None = None
    address: str | None = None
    clock_skew_s: float | None = None
    status: ConnectorStatus | None = None
    status_at: datetime | None = None
    error_code: str | None = None


_ROW = (
    "id", "identity", "name", "site_id", "approval", "boot_answer", "is_online", "online_changed_at", "last_seen_at",
    "ocpp_version", "vendor", "model", "serial_number", "firmware_version", "is_operative", "created_at",
    "status", "error_code",
)  # fmt: skip
_OWN = tuple(
    name for name in StationView.__struct_fields__
    if name in stations.columns and name not in _ROW
)  # fmt: skip
_SORTS: dict[str, tuple[Any, Any]] = {
    "identity": (stations.c.identity_key, str),
    "name": (func.lower(stations.c.name), str),
    "site": (func.coalesce(sites.c.name_key, ""), str),
    "vendor": (func.coalesce(stations.c.vendor, ""), str),
    "firmware": (func.coalesce(stations.c.firmware_version, ""), str),
    "last_seen_at": (func.coalesce(stations.c.last_seen_at, literal(LONG_AGO, stations.c.last_seen_at.type)), datetime),
    "created_at": (stations.c.created_at, datetime),
}


async def list_stations(database: Database, query: StationQuery, site_ids: SiteIds) -> Page[StationRow]:
    """Return one page of the stations that one may see."""
    name = query.sort.removeprefix("-")
    column, kind = _SORTS[name]
    order = Order(column, kind, stations.c.id, name=name, is_descending=query.sort.startswith("-"))
    conditions = [*_conditions(query), seen(site_ids)]
    rows = await database.select(ordered(_rows(_ROW).where(*conditions), order, cursor=query.cursor, limit=query.limit))
    counted = await database.select(select(func.count().label("total")).select_from(stations).where(*conditions))
    rows, cursor = cut(rows, order, query.limit)
    shown = await _with_evses(database, rows)
    return Page(items=tuple(msgspec.convert(row, StationRow) for row in shown), next=cursor, total=counted[0]["total"])


async def list_by_ids(database: Database, station_ids: Sequence[str], site_ids: SiteIds) -> tuple[StationRow, ...]:
    """Return those of these stations that one may see, by identity."""
    chosen = _rows(_ROW).where(stations.c.id.in_(station_ids), seen(site_ids)).order_by(stations.c.identity_key)
    shown = await _with_evses(database, await database.select(chosen))
    return tuple(msgspec.convert(row, StationRow) for row in shown)


async def get_station(database: Database, station: str, site_ids: SiteIds) -> StationView:
    """Return the station of this id or identity. Raises NotFound, also if it is not one's to see."""
    statement = _rows((*_ROW, *_OWN)).add_columns(stations.c.password_hash.is_not(None).label("has_password"))
    rows = await database.select(statement.where(named(station), seen(site_ids)))
    if not rows:
        raise NotFound(f"There is no station {station!r}.")
    by_id = sorted(rows, key=lambda row: row["id"] != station)
    shown = await _with_evses(database, by_id[:1])
    return msgspec.convert(shown[0], StationView)


async def station_id_of(database: Database, station: str, site_ids: SiteIds) -> str:
    """Return the id of the station of this id or identity. Raises NotFound, also if it is not one's to see."""
    rows = await database.select(select(stations.c.id).where(named(station), seen(site_ids)))
    if not rows:
        raise NotFound(f"There is no station {station!r}.")
    ids: list[str] = [row["id"] for row in rows]
    return station if station in ids else ids[0]


async def sites_of(database: Database, station_ids: Sequence[str]) -> dict[str, str | None]:
    """Return the site of each station."""
    statement = select(stations.c.id, stations.c.site_id).where(stations.c.id.in_(station_ids))
    return {row["id"]: row["site_id"] for row in await database.select(statement)}


async def firmware_versions(database: Database, site_ids: SiteIds) -> list[tuple[str, str, str]]:
    """Return vendor, model and firmware version of what there is, for the choices of filters."""
    columns = (stations.c.vendor, stations.c.model, stations.c.firmware_version)
    statement = select(*columns).where(stations.c.vendor.is_not(None), seen(site_ids)).distinct().order_by(*columns)
    return [
        (row["vendor"], row["model"] or "", row["firmware_version"] or "") for row in await database.select(statement)
    ]


def named(station: str) -> ColumnElement[bool]:
    """Return the condition that a station has this id or identity."""
    return or_(stations.c.id == station, stations.c.identity_key == identity_key(station))


def seen(site_ids: SiteIds) -> ColumnElement[bool]:
    """Return the condition that a station is at one of the sites."""
    if site_ids is None:
        return true()
    return stations.c.site_id.in_(sorted(site_ids)) if site_ids else false()


def _rows(names: Sequence[str]) -> Select[Any]:
    chosen = [stations.c[name] for name in names]
    zone = func.coalesce(sites.c.time_zone, "UTC").label("time_zone")
    return select(*chosen, sites.c.name.label("site_name"), zone).select_from(
        stations.outerjoin(sites, sites.c.id == stations.c.site_id)
    )


def _conditions(query: StationQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.q:
        texts = (
            stations.c.identity_key,
            stations.c.name,
            stations.c.vendor,
            stations.c.model,
            stations.c.serial_number,
        )
        found.append(or_(*(contains(text, query.q) for text in texts)))
    if query.site_id:
        chosen = [site_id for site_id in query.site_id if site_id != "none"]
        anywhere = stations.c.site_id.in_(chosen) if chosen else false()
        found.append(or_(anywhere, stations.c.site_id.is_(None)) if "none" in query.site_id else anywhere)
    if query.is_online is not None:
        found.append(stations.c.is_online.is_(query.is_online))
    exact = {
        stations.c.approval: query.approval,
        stations.c.vendor: query.vendor,
        stations.c.model: query.model,
        stations.c.firmware_version: query.firmware,
        stations.c.ocpp_version: query.version,
    }
    found += [column == value for column, value in exact.items() if value is not None]
    if query.status is not None:
        found.append(_in_condition(query.status))
    return found


def contains(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Return the condition that the text occurs, without regard to case and to LIKE's own signs."""
    return func.lower(column).contains(text.strip().lower(), autoescape=True)


def _in_condition(condition: Condition) -> ColumnElement[bool]:
    if condition in (Condition.WAITING, Condition.REFUSED):
        return stations.c.approval == condition.value
    if condition is Condition.OFFLINE:
        return and_(stations.c.approval == Approval.APPROVED.value, stations.c.is_online.is_(False))
    if condition is Condition.CHARGING:
        return stations.c.id.in_(select(transactions.c.station_id).where(transactions.c.is_open.is_(True)))
    has_one = exists().where(connectors.c.station_id == stations.c.id, connectors.c.status == condition.value)
    return and_(stations.c.is_online.is_(True), or_(has_one, stations.c.status == condition.value))


_EVSES = select(evses.c.station_id, evses.c.number, evses.c.is_operative).order_by(evses.c.station_id, evses.c.number)
_CONNECTORS = select(
    connectors.c.station_id, connectors.c.evse,
    *(connectors.c[name] for name in ConnectorView.__struct_fields__),
).order_by(connectors.c.station_id, connectors.c.evse, connectors.c.number)  # fmt: skip
_OPEN = select(
    transactions.c.station_id,
    transactions.c.evse,
    *(transactions.c[name] for name in OpenTransaction.__struct_fields__),
).where(transactions.c.is_open.is_(True))  # in no order: else all that a station ever had would be gone through


async def _with_evses(database: Database, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with EVSEs, connectors, open transactions, and the condition that follows from them."""
    ids = [row["id"] for row in rows]
    if not ids:
        return rows
    plugs: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in await database.select(_CONNECTORS.where(connectors.c.station_id.in_(ids))):
        plugs.setdefault((row["station_id"], row["evse"]), []).append(row)
    found = await database.select(_OPEN.where(transactions.c.station_id.in_(ids)))
    running = {(row["station_id"], row["evse"]): row for row in sorted(found, key=itemgetter("started_at"))}
    known: dict[str, list[dict[str, Any]]] = {}
    for row in await database.select(_EVSES.where(evses.c.station_id.in_(ids))):
        key = (row["station_id"], row["number"])
        evse = {**row, "connectors": plugs.get(key, []), "transaction": running.get(key)}
        known.setdefault(row["station_id"], []).append(evse)
    charging = {station_id for station_id, _ in running}
    return [
        {
            **row,
            "evses": known.get(row["id"], []),
            "condition": _condition(row, known, is_charging=row["id"] in charging),
        }
        for row in rows
    ]


_PRESSING = (Condition.OCCUPIED, Condition.AVAILABLE, Condition.RESERVED, Condition.UNAVAILABLE)


def _condition(row: dict[str, Any], known: dict[str, list[dict[str, Any]]], *, is_charging: bool) -> Condition:
    if row["approval"] != Approval.APPROVED:
        return Condition(row["approval"])
    if not row["is_online"]:
        return Condition.OFFLINE
    reported = {plug["status"] for evse in known.get(row["id"], []) for plug in evse["connectors"]}
    if ConnectorStatus.FAULTED in reported or row["status"] == ConnectorStatus.FAULTED:
        return Condition.FAULTED
    if is_charging:
        return Condition.CHARGING
    return next((one for one in _PRESSING if one.value in reported), Condition.UNKNOWN)
