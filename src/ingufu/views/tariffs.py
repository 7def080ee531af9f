"""Tariffs as lists and pages show them: with what they cost now and next, and where they apply."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true

from ingufu.authorization.tables import drivers, token_groups
from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites
from ingufu.stations.tables import stations
from ingufu.tariffs import decide
from ingufu.tariffs.model import TariffKind, TariffVersion, Terms
from ingufu.tariffs.situations import Target
from ingufu.tariffs.tables import assignments, tariffs, versions
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit, SiteIds, contains, seen

Id = Annotated[str, Meta(max_length=100)]


class TariffQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tariffs, by name."""

    q: Annotated[str, Meta(max_length=200, description="Part of the name.")] = ""
    is_retired: Annotated[bool | None, Meta(description="Retired ones, or those that are not; empty: both.")] = None
    kind: TariffKind | None = None
    target: Annotated[Target | None, Meta(description="Assigned to such a target.")] = None
    target_id: Annotated[Id | None, Meta(description="Assigned to this driver, group, plan, station or site.")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class VersionState(StrEnum):
    """A version in one word."""

    PAST = "past"
    CURRENT = "current"
    FUTURE = "future"
    WITHDRAWN = "withdrawn"


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a tariff costs in a time."""

    number: int
    state: VersionState
    valid_from: datetime
    valid_until: datetime | None = None
    terms: Terms
    created_at: datetime
    created_by: str = ""
    used_at: Annotated[datetime | None, Meta(description="When a session was first priced by it.")] = None
    withdrawn_at: datetime | None = None


class AssignmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """That a tariff applies somewhere or to somebody, for a time."""

    id: str
    tariff_id: str
    tariff: Annotated[str, Meta(description="The tariff's name.")]
    target: Target
    target_id: str = ""
    evse: int | None = None
    label: Annotated[str, Meta(description="What the target is called; empty for everyone, and if it is gone.")] = ""
    valid_from: datetime
    valid_until: datetime | None = None
    note: str = ""
    created_at: datetime
    created_by: str = ""


class TariffRow(msgspec.Struct, frozen=True, kw_only=True):
    """A tariff with what it costs now, what it will cost next, and where it applies or will."""

    id: str
    name: str
    kind: TariffKind | None = None
    texts: dict[str, str] = {}
    is_retired: bool = False
    created_at: datetime
    updated_at: datetime
    current: VersionRow | None = None
    next: VersionRow | None = None
    version_count: int = 0
    assignments: tuple[AssignmentRow, ...] = ()


async def list_tariffs(database: Database, query: TariffQuery, site_ids: SiteIds, now: datetime) -> Page[TariffRow]:
    """Return one page of the tariffs that one may see, by name."""
    conditions = [*_conditions(query), visible(site_ids)]
    order = Order(tariffs.c.name_key, str, tariffs.c.id, name="name")
    rows = await database.select(
        ordered(select(tariffs).where(*conditions), order, cursor=query.cursor, limit=query.limit)
    )
    rows, cursor = cut(rows, order, query.limit)
    counted = await database.select(select(func.count().label("total")).select_from(tariffs).where(*conditions))
    return Page(items=await _completed(database, rows, site_ids, now), next=cursor, total=counted[0]["total"])


async def check_seen(database: Database, tariff_id: str, site_ids: SiteIds) -> None:
    """Raise NotFound for a tariff that does not exist or is not one's to see."""
    if not await database.select(select(tariffs.c.id).where(tariffs.c.id == tariff_id, visible(site_ids))):
        raise NotFound("There is no such tariff.")


async def list_names(database: Database, site_ids: SiteIds, *, most: int) -> list[tuple[str, str]]:
    """Return the ids and names of the tariffs that one may see and that are not retired, by name."""
    statement = select(tariffs.c.id, tariffs.c.name).where(tariffs.c.is_retired.is_(False), visible(site_ids))
    rows = await database.select(statement.order_by(tariffs.c.name_key).limit(most))
    return [(row["id"], row["name"]) for row in rows]


async def get_tariff(database: Database, tariff_id: str, site_ids: SiteIds, now: datetime) -> TariffRow:
    """Return the tariff. Raises NotFound, also if it is not one's to see."""
    rows = await database.select(select(tariffs).where(tariffs.c.id == tariff_id, visible(site_ids)))
    if not rows:
        raise NotFound("There is no such tariff.")
    [row] = await _completed(database, rows, site_ids, now)
    return row


async def list_versions(database: Database, tariff_id: str, site_ids: SiteIds, now: datetime) -> tuple[VersionRow, ...]:
    """Return all versions of a tariff, the newest first. Raises NotFound, also if it is not one's to see."""
    await get_tariff(database, tariff_id, site_ids, now)
    found = await _versions_of(database, [tariff_id])
    return tuple(version_row(one, now) for one in reversed(found.get(tariff_id, [])))


async def list_assignments(database: Database, tariff_id: str, site_ids: SiteIds) -> tuple[AssignmentRow, ...]:
    """Return where a tariff applies, did and will, the first made first: as far as one may see it."""
    return (await _assignments_of(database, assignments.c.tariff_id == tariff_id, site_ids)).get(tariff_id, ())


async def get_assignment(database: Database, assignment_id: str, site_ids: SiteIds) -> AssignmentRow:
    """Return an assignment. Raises NotFound, also if it is not one's to see."""
    found = await _assignments_of(database, assignments.c.id == assignment_id, site_ids)
    for rows in found.values():
        return rows[0]
    raise NotFound("There is no such assignment of a tariff.")


async def list_assignments_to(
    database: Database, target: Target, target_id: str, site_ids: SiteIds
) -> tuple[AssignmentRow, ...]:
    """Return which tariffs are assigned to a target, of any time, the first made first."""
    where = and_(assignments.c.target == target.value, assignments.c.target_id == target_id)
    found = await _assignments_of(database, where, site_ids)
    return tuple(sorted((one for rows in found.values() for one in rows), key=lambda one: one.id))


def version_row(version: TariffVersion, now: datetime) -> VersionRow:
    """Return the version as it is shown at this time."""
    values = {name: getattr(version, name) for name in VersionRow.__struct_fields__ if name != "state"}
    return VersionRow(state=_state(version, now), **values)


def _state(version: TariffVersion, now: datetime) -> VersionState:
    if version.withdrawn_at is not None:
        return VersionState.WITHDRAWN
    if version.valid_from > now:
        return VersionState.FUTURE
    is_over = version.valid_until is not None and version.valid_until <= now
    return VersionState.PAST if is_over else VersionState.CURRENT


def _conditions(query: TariffQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.q:
        found.append(contains(tariffs.c.name, query.q))
    if query.is_retired is not None:
        found.append(tariffs.c.is_retired.is_(query.is_retired))
    if query.kind is not None:
        found.append(tariffs.c.kind == query.kind.value)
    if query.target is not None or query.target_id is not None:
        named = [assignments.c.tariff_id == tariffs.c.id]
        named += [assignments.c.target == query.target.value] if query.target is not None else []
        named += [assignments.c.target_id == query.target_id] if query.target_id is not None else []
        found.append(exists().where(*named))
    return found


def visible(site_ids: SiteIds) -> ColumnElement[bool]:
    """Return the condition that a tariff applies, did or will, at one of the sites; people are not looked at."""
    if site_ids is None:
        return true()
    return exists().where(assignments.c.tariff_id == tariffs.c.id, _of_sites(site_ids))


def _of_sites(site_ids: SiteIds) -> ColumnElement[bool]:
    """Return the condition that an assignment is to everyone, or to one of the sites or what stands there."""
    if site_ids is None:
        return true()
    own_stations = select(stations.c.id).where(seen(site_ids))
    return or_(
        assignments.c.target == Target.EVERYONE.value,
        and_(assignments.c.target == Target.SITE.value, assignments.c.target_id.in_(sorted(site_ids))),
        and_(
            assignments.c.target.in_([Target.STATION.value, Target.EVSE.value]),
            assignments.c.target_id.in_(own_stations),
        ),
    )


async def _completed(
    database: Database, rows: Sequence[Mapping[str, Any]], site_ids: SiteIds, now: datetime
) -> tuple[TariffRow, ...]:
    ids = [row["id"] for row in rows]
    if not ids:
        return ()
    known = await _versions_of(database, ids)
    places = await _assignments_of(database, assignments.c.tariff_id.in_(ids), site_ids)
    return tuple(_row(row, known.get(row["id"], []), places.get(row["id"], ()), now) for row in rows)


def _row(
    row: Mapping[str, Any], known: Sequence[TariffVersion], places: Iterable[AssignmentRow], now: datetime
) -> TariffRow:
    current = decide.version_at(known, now)
    coming = [one for one in known if one.withdrawn_at is None and one.valid_from > now]
    following = min(coming, key=lambda one: one.valid_from, default=None)
    own = {name: row[name] for name in TariffRow.__struct_fields__ if name in row}
    return msgspec.structs.replace(
        msgspec.convert(own, TariffRow),
        current=None if current is None else version_row(current, now),
        next=None if following is None else version_row(following, now),
        version_count=len(known),
        assignments=tuple(one for one in places if one.valid_until is None or one.valid_until > now),
    )


async def _versions_of(database: Database, tariff_ids: Sequence[str]) -> dict[str, list[TariffVersion]]:
    columns = [versions.c[name] for name in TariffVersion.__struct_fields__]
    statement = select(*columns).where(versions.c.tariff_id.in_(tariff_ids)).order_by(versions.c.number)
    found: dict[str, list[TariffVersion]] = {}
    for row in await database.select(statement):
        version = msgspec.convert(row, TariffVersion)
        found.setdefault(version.tariff_id, []).append(version)
    return found


async def _assignments_of(
    database: Database, condition: ColumnElement[bool], site_ids: SiteIds
) -> dict[str, tuple[AssignmentRow, ...]]:
    own = [assignments.c[name] for name in AssignmentRow.__struct_fields__ if name in assignments.columns]
    statement = (
        select(*own, tariffs.c.name.label("tariff"), *_labels())
        .select_from(_joined())
        .where(condition, _of_sites(site_ids))
        .order_by(assignments.c.id)
    )
    found: dict[str, tuple[AssignmentRow, ...]] = {}
    for row in await database.select(statement):
        label = _label(row)
        shown = {name: row[name] for name in AssignmentRow.__struct_fields__ if name in row}
        made = msgspec.convert(shown | {"label": label}, AssignmentRow)
        found[made.tariff_id] = (*found.get(made.tariff_id, ()), made)
    return found


def _joined() -> Any:
    is_station = assignments.c.target.in_([Target.STATION.value, Target.EVSE.value])
    return (
        assignments.join(tariffs, tariffs.c.id == assignments.c.tariff_id)
        .outerjoin(drivers, and_(assignments.c.target == Target.DRIVER.value, drivers.c.id == assignments.c.target_id))
        .outerjoin(
            token_groups,
            and_(assignments.c.target == Target.GROUP.value, token_groups.c.id == assignments.c.target_id),
        )
        .outerjoin(stations, and_(is_station, stations.c.id == assignments.c.target_id))
        .outerjoin(sites, and_(assignments.c.target == Target.SITE.value, sites.c.id == assignments.c.target_id))
    )


def _labels() -> list[Any]:
    return [
        drivers.c.name.label("driver_name"),
        token_groups.c.name.label("group_name"),
        token_groups.c.value.label("group_value"),
        stations.c.name.label("station_name"),
        stations.c.identity.label("station_identity"),
        sites.c.name.label("site_name"),
    ]


def _label(row: Mapping[str, Any]) -> str:
    target = Target(row["target"])
    if target is Target.PLAN:
        return str(row["target_id"])
    if target in (Target.STATION, Target.EVSE):
        station = row["station_name"] or row["station_identity"] or ""
        return f"{station}, EVSE {row['evse']}" if station and target is Target.EVSE else station
    names = {
        Target.DRIVER: row["driver_name"],
        Target.GROUP: row["group_name"] or row["group_value"],
        Target.SITE: row["site_name"],
    }
    return names.get(target) or ""
