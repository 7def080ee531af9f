"""Every query of stations, EVSEs, connectors and connection attempts."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, case, delete, func, or_, select, update

from ingufu.core.ids import identity_key
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert, insert_or_ignore, upsert
from ingufu.stations.decide import TLS
from ingufu.stations.model import Attempt, Connector, Evse, Standing, Station
from ingufu.stations.quirks.model import Meeting
from ingufu.stations.tables import attempts, connectors, evses, lessons, meetings, stations

_STATUS = (
    "status",
    "raw_status",
    "status_at",
    "status_received_at",
    "error_code",
    "error_info",
    "vendor_id",
    "vendor_error_code",
)
_ENTERED = ("kind", "max_power_w")
ASKED_AT_ONCE = 500  # of which one read is, some milliseconds
PRUNED_AT_ONCE = 5000  # rows of one delete, so that no station waits long for its commit


# Stations

_BY_ID = select(stations).where(stations.c.id == bindparam("id_"))
_BY_KEY = select(stations).where(stations.c.identity_key == bindparam("key"))
_STANDING = select(*(stations.c[name] for name in Standing.__struct_fields__)).where(stations.c.id == bindparam("id_"))
_ALL = select(stations).order_by(stations.c.identity_key)
_ONLINE = select(stations).where(stations.c.is_online).order_by(stations.c.identity_key)
_ADD = insert(stations)
_REMOVE = (
    delete(stations).where(stations.c.id == bindparam("id_")),
    delete(connectors).where(connectors.c.station_id == bindparam("id_")),
    delete(evses).where(evses.c.station_id == bindparam("id_")),
    delete(meetings).where(meetings.c.station_id == bindparam("id_")),
)
_USED = bindparam("used", type_=stations.c.security_profile.type)
_CONNECTED = (
    update(stations)
    .where(stations.c.id == bindparam("id_"))
    .values(
        is_online=True,
        online_changed_at=case((stations.c.is_online, stations.c.online_changed_at), else_=bindparam("now_")),
        connection_id=bindparam("connection"),
        address=bindparam("from_"),
        ocpp_version=bindparam("speaks"),
        used_security_profile=_USED,
        security_profile=case(
            ((_USED >= TLS) & (stations.c.security_profile < _USED), _USED), else_=stations.c.security_profile
        ),
        last_seen_at=bindparam("now_"),
    )
)
_DISCONNECTED = (
    update(stations)
    .where(stations.c.id == bindparam("id_"), stations.c.connection_id == bindparam("connection"))
    .values(is_online=False, connection_id=None, online_changed_at=bindparam("now_"))
)
_SEEN = (
    update(stations)
    .where(
        stations.c.id == bindparam("id_"),
        or_(stations.c.last_seen_at.is_(None), stations.c.last_seen_at < bindparam("now_")),
    )
    .values(last_seen_at=bindparam("now_"), clock_skew_s=func.coalesce(bindparam("skew"), stations.c.clock_skew_s))
)
_TOLD = (
    update(stations)
    .where(stations.c.id == bindparam("id_"))
    .values(
        vendor=bindparam("vendor_"),
        model=bindparam("model_"),
        boot_status=bindparam("answer"),
        **{
            name: func.coalesce(bindparam(f"{name}_"), stations.c[name])
            for name in ("serial_number", "firmware_version", "iccid", "imsi", "meter_type", "meter_serial_number")
        },
    )
)
_BOOTED = _TOLD.values(last_boot_at=bindparam("now_"), boot_reason=bindparam("reason"))
_ASKABLE = select(stations.c.id, stations.c.site_id).where(
    stations.c.is_online.is_(True), stations.c.is_silent.is_(False)
)
_ASKABLE_AFTER = _ASKABLE.where(stations.c.id > bindparam("last")).order_by(stations.c.id).limit(ASKED_AT_ONCE)
_STATION_STATUS = (
    update(stations)
    .where(stations.c.id == bindparam("id_"))
    .values(status=bindparam("status_"), status_at=bindparam("at"), error_code=bindparam("error"))
)


async def by_id(database: Database, station_id: str) -> Station | None:
    return _station(await database.fetch_one(_BY_ID, {"id_": station_id}))


async def standing_of(database: Database, station_id: str) -> Standing | None:
    """Return what a boot is judged by: a quarter of the price of all that is known of a station."""
    row = await database.fetch_one(_STANDING, {"id_": station_id})
    return None if row is None else msgspec.convert(row, Standing)


async def by_identity(database: Database, identity: str) -> Station | None:
    return _station(await database.fetch_one(_BY_KEY, {"key": identity_key(identity)}))


async def all_stations(database: Database, *, is_online: bool = False) -> list[Station]:
    rows = await database.fetch_all(_ONLINE if is_online else _ALL)
    return msgspec.convert(rows, list[Station])


async def askable(database: Database, among: Collection[str] | None) -> AsyncIterator[tuple[str, str | None]]:
    """Yield id and site of the stations that are connected and not silent, some hundred with each read."""
    if among is not None:
        known = sorted(among)
        for place in range(0, len(known), ASKED_AT_ONCE):
            part = known[place : place + ASKED_AT_ONCE]
            for row in await database.select(_ASKABLE.where(stations.c.id.in_(part))):
                yield row["id"], row["site_id"]
        return
    last = ""
    while True:
        rows = await database.fetch_all(_ASKABLE_AFTER, {"last": last})
        for row in rows:
            yield row["id"], row["site_id"]
        if len(rows) < ASKED_AT_ONCE:
            return
        last = rows[-1]["id"]


def add(work: Work, station: Station) -> None:
    """Add the station; the unit is undone with Conflict if its identity is taken."""
    work.execute(_ADD, msgspec.structs.asdict(station) | {"identity_key": identity_key(station.identity)})


def change(work: Work, station_id: str, values: Mapping[str, Any]) -> None:
    """Write these columns only, so that changes of different things by two people both stand."""
    work.execute_once(update(stations).where(stations.c.id == station_id).values(**values), expect=1)


def change_offered(work: Work, station: Station, values: Mapping[str, Any], *, must: bool = False) -> None:
    """Write these columns unless the station was offered, or given, another password since it was read.

    If they `must` be written, the unit is undone with Conflict then.
    """
    read = {name: getattr(station, name) for name in ("password_hash", "offered_password_until", "profile_passwords")}
    is_same = [
        stations.c[name].is_(None) if value is None else stations.c[name] == value for name, value in read.items()
    ]
    changed = update(stations).where(stations.c.id == station.id, *is_same).values(**values)
    work.execute_once(changed, expect=1 if must else None)


def remove(work: Work, station_id: str) -> None:
    for statement in _REMOVE:
        work.execute(statement, {"id_": station_id})


def set_connected(
    work: Work, station_id: str, *, connection_id: str, version: str, address: str, profile: int, at: datetime
) -> None:
    params = {"id_": station_id, "now_": at, "connection": connection_id, "from_": address, "speaks": version}
    work.execute(_CONNECTED, params | {"used": profile}, expect=1)


def set_disconnected(work: Work, station_id: str, connection_id: str, at: datetime) -> None:
    """Set the station offline, unless another connection has taken over."""
    work.execute(_DISCONNECTED, {"id_": station_id, "connection": connection_id, "now_": at})


def set_seen(database: Database, station_id: str, at: datetime, skew_s: float | None) -> None:
    database.write_behind(_SEEN, [{"id_": station_id, "now_": at, "skew": skew_s}])


def set_told(work: Work, station_id: str, values: Mapping[str, Any]) -> None:
    """Store what a station says of itself; what it leaves out stays as it was known."""
    work.execute(_TOLD, {"id_": station_id, **_storable(values)}, expect=1)


def set_booted(work: Work, station_id: str, values: Mapping[str, Any], reason: str | None, at: datetime) -> None:
    """Store the same of one that has started anew, and that it has."""
    started = {"now_": at, "reason": reason}
    work.execute(_BOOTED, {"id_": station_id, **_storable({**values, **started})}, expect=1)


def set_station_status(work: Work, station_id: str, whole: Connector) -> None:
    params = {"id_": station_id, "status_": whole.status, "at": whole.status_at, "error": whole.error_code}
    work.execute(_STATION_STATUS, params)


def _station(row: Row | None) -> Station | None:
    return None if row is None else msgspec.convert(row, Station)


def _storable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without what databases cannot hold: NUL and halves of surrogate pairs.

    Peers send such text, and one of them in a batch would undo the writes of all others in it.
    """
    for value in values.values():
        if isinstance(value, str) and ("\x00" in value or not value.isascii()):
            return {name: _cleaned(value) if isinstance(value, str) else value for name, value in values.items()}
    return dict(values)


def _cleaned(text: str) -> str:
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


# EVSEs and connectors

_EVSES = select(evses).where(evses.c.station_id == bindparam("id_")).order_by(evses.c.number)
_CONNECTORS = (
    select(connectors)
    .where(connectors.c.station_id == bindparam("id_"))
    .order_by(connectors.c.evse, connectors.c.number)
)
_ADD_EVSE = insert_or_ignore(evses)
_NEW_CONNECTOR = insert(connectors)
_KEY = ["station_id", "evse", "number"]
_SAVE_STATUS = _NEW_CONNECTOR.on_conflict_do_update(
    index_elements=_KEY, set_={name: _NEW_CONNECTOR.excluded[name] for name in _STATUS}
)
_SAVE_ENTERED = _NEW_CONNECTOR.on_conflict_do_update(
    index_elements=_KEY, set_={name: _NEW_CONNECTOR.excluded[name] for name in _ENTERED}
)
_SAME_STATUS = (
    update(connectors)
    .where(
        connectors.c.station_id == bindparam("id_"),
        connectors.c.evse == bindparam("evse_"),
        connectors.c.number == bindparam("number_"),
        connectors.c.status_received_at < bindparam("received_at"),
    )
    .values(status_at=bindparam("at"), status_received_at=bindparam("received_at"))
)
_OPERATIVE_STATION = (
    update(stations).where(stations.c.id == bindparam("id_")).values(is_operative=bindparam("operative"))
)
_OPERATIVE_EVSE = (
    update(evses)
    .where(evses.c.station_id == bindparam("id_"), evses.c.number == bindparam("evse_"))
    .values(is_operative=bindparam("operative"))
)
_OPERATIVE_CONNECTOR = (
    update(connectors)
    .where(
        connectors.c.station_id == bindparam("id_"),
        connectors.c.evse == bindparam("evse_"),
        connectors.c.number == bindparam("number_"),
    )
    .values(is_operative=bindparam("operative"))
)


async def evses_of(database: Database, station_id: str) -> list[Evse]:
    return msgspec.convert(await database.fetch_all(_EVSES, {"id_": station_id}), list[Evse])


async def connectors_of(database: Database, station_id: str) -> list[Connector]:
    return msgspec.convert(await database.fetch_all(_CONNECTORS, {"id_": station_id}), list[Connector])


def add_evse(work: Work, evse: Evse) -> None:
    """Add the EVSE unless it is there already."""
    work.execute(_ADD_EVSE, msgspec.structs.asdict(evse))


def save_status(work: Work, connector: Connector) -> None:
    """Store what the station says of the connector; what people entered stays."""
    work.execute(_SAVE_STATUS, _storable(msgspec.structs.asdict(connector)))


def save_entered(work: Work, connector: Connector) -> None:
    """Store what people enter about the connector; what the station says stays."""
    work.execute(_SAVE_ENTERED, msgspec.structs.asdict(connector))


def confirm_status(database: Database, connector: Connector) -> None:
    """Let the time of a report that changed nothing be written soon."""
    row = {"id_": connector.station_id, "evse_": connector.evse, "number_": connector.number}
    times = {"at": connector.status_at, "received_at": connector.status_received_at}
    database.write_behind(_SAME_STATUS, [row | times])


def set_operative(work: Work, station_id: str, evse: int | None, connector: int | None, *, is_operative: bool) -> None:
    params = {"id_": station_id, "operative": is_operative}
    if evse is None:
        work.execute(_OPERATIVE_STATION, params, expect=1)
    elif connector is None:
        work.execute(_OPERATIVE_EVSE, params | {"evse_": evse}, expect=1)
    else:
        work.execute(_OPERATIVE_CONNECTOR, params | {"evse_": evse, "number_": connector}, expect=1)


# Connection attempts

_SAVE_ATTEMPT = upsert(attempts, ["id"])
_CLOSE_ATTEMPT = (
    update(attempts)
    .where(attempts.c.id == bindparam("id_"), attempts.c.closed_at.is_(None))
    .values(closed_at=bindparam("now_"), close_code=bindparam("code"), close_reason=bindparam("reason"))
)
_PRUNE_ATTEMPTS = delete(attempts).where(
    attempts.c.id.in_(
        select(attempts.c.id).where(attempts.c.last_at < bindparam("before")).limit(PRUNED_AT_ONCE).scalar_subquery()
    )
)
_OLD_ATTEMPT = select(attempts.c.id).where(attempts.c.last_at < bindparam("before")).limit(1)


def save_attempts(database: Database, rows: Iterable[Attempt]) -> None:
    """Let these rows be written soon, new ones and grown ones by one statement, which keeps their order."""
    database.write_behind(_SAVE_ATTEMPT, [_attempt_row(attempt) for attempt in rows])


def close_attempt(work: Work, attempt_id: str, at: datetime, code: int | None, reason: str) -> None:
    work.execute(_CLOSE_ATTEMPT, {"id_": attempt_id, "now_": at, "code": code, "reason": reason})


def close_attempt_soon(database: Database, attempt_id: str, at: datetime, code: int | None, reason: str) -> None:
    database.write_behind(_CLOSE_ATTEMPT, [{"id_": attempt_id, "now_": at, "code": code, "reason": reason}])


def _attempt_row(attempt: Attempt) -> dict[str, Any]:
    return _storable(msgspec.structs.asdict(attempt)) | {"offered": list(attempt.offered)}


async def prune_attempts(database: Database, before: datetime) -> bool:
    """Delete a portion of the attempts from before; return whether there may be more."""
    async with database.work() as work:
        work.execute(_PRUNE_ATTEMPTS, {"before": before})
    return await database.fetch_one(_OLD_ATTEMPT, {"before": before}) is not None


# Quirks

_NEW_MEETING = insert(meetings)
_ADD_MEETING = _NEW_MEETING.on_conflict_do_update(
    index_elements=["station_id", "number"],
    set_={"count": meetings.c.count + _NEW_MEETING.excluded.count, "last_at": _NEW_MEETING.excluded.last_at},
)
_MEETINGS = select(meetings).where(meetings.c.station_id == bindparam("id_")).order_by(meetings.c.number)
_MEETING_TOTALS = select(
    meetings.c.number, func.count().label("stations"), func.sum(meetings.c.count).label("times")
).group_by(meetings.c.number)
_SAVE_LESSON = upsert(lessons, ["vendor", "model"])
_LESSONS = select(lessons)


def add_meetings(database: Database, rows: Iterable[Mapping[str, Any]]) -> None:
    """Let what was met since the last time be added soon to what was met before."""
    database.write_behind(_ADD_MEETING, [dict(row) for row in rows])


async def meetings_of(database: Database, station_id: str) -> list[Meeting]:
    return msgspec.convert(await database.fetch_all(_MEETINGS, {"id_": station_id}), list[Meeting])


async def meeting_totals(database: Database) -> dict[int, tuple[int, int]]:
    """Return by number: how many stations, how often."""
    rows = await database.fetch_all(_MEETING_TOTALS)
    return {row["number"]: (int(row["stations"]), int(row["times"])) for row in rows}


def save_lesson(database: Database, row: Mapping[str, Any]) -> None:
    database.write_behind(_SAVE_LESSON, [_storable(row)])


async def find_lessons(database: Database) -> list[Row]:
    return await database.fetch_all(_LESSONS)
