"""Every query of variables, monitors, reports, templates, wishes, network profiles and resets."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import msgspec
from sqlalchemy import BindParameter, Integer, Select, Table, Update, bindparam, delete, exists, or_, select, update

from ingufu.configuration.model import (
    OPEN_RESETS,
    OPEN_STATES,
    AtBoot,
    Change,
    KeptProfile,
    Monitor,
    Report,
    ResetRecord,
    StationState,
    Template,
    Variable,
    Wanted,
    Wish,
)
from ingufu.configuration.tables import (
    changes,
    members,
    monitors,
    profiles,
    reports,
    resets,
    states,
    templates,
    variables,
    wanted,
    wishes,
)
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert, insert_or_ignore, upsert

StructT = TypeVar("StructT", bound=msgspec.Struct)


def _columns(table: Table, kind: type[msgspec.Struct]) -> Select[Any]:
    return select(*(table.c[name] for name in kind.__struct_fields__ if name in table.c))


# Variables

_VARIABLES = _columns(variables, Variable).where(variables.c.station_id == bindparam("station"))
_VARIABLE = _VARIABLES.where(variables.c.key == bindparam("of"))
_SAVE_VARIABLE = upsert(variables, ("station_id", "key", "attribute"))
_FORGET_OLDER = delete(variables).where(
    variables.c.station_id == bindparam("station"), variables.c.told_at < bindparam("before")
)
_CHANGE = insert(changes)
_SAVE_MONITOR = upsert(monitors, ("station_id", "number"))
_MONITORS = _columns(monitors, Monitor).where(monitors.c.station_id == bindparam("station")).order_by(monitors.c.number)
_FORGET_MONITORS = delete(monitors).where(
    monitors.c.station_id == bindparam("station"), monitors.c.told_at < bindparam("before")
)


async def variables_of(database: Database, station_id: str) -> list[Variable]:
    return _read(await database.fetch_all(_VARIABLES, {"station": station_id}), Variable)


async def variable_of(database: Database, station_id: str, key: str) -> list[Variable]:
    """Return every attribute of one variable."""
    return _read(await database.fetch_all(_VARIABLE, {"station": station_id, "of": key}), Variable)


def save_variable(work: Work, variable: Variable) -> None:
    row = _row(variable) | {"component_key": variable.name.component.casefold(), "evse": variable.name.evse}
    work.execute(_SAVE_VARIABLE, row)


def forget_variables_older(work: Work, station_id: str, before: datetime) -> None:
    work.execute(_FORGET_OLDER, {"station": station_id, "before": before})


def add_change(work: Work, change: Change) -> None:
    row = _row(change)
    del row["id"]
    work.append(_CHANGE, row)


async def monitors_of(database: Database, station_id: str) -> list[Monitor]:
    return _read(await database.fetch_all(_MONITORS, {"station": station_id}), Monitor)


def save_monitor(work: Work, monitor: Monitor) -> None:
    work.execute(_SAVE_MONITOR, _row(monitor))


def forget_monitors_older(work: Work, station_id: str, before: datetime) -> None:
    work.execute(_FORGET_MONITORS, {"station": station_id, "before": before})


# Reports

_OPEN_STATES = sorted(state.value for state in OPEN_STATES)
_REPORTS = _columns(reports, Report)
_REPORT = _REPORTS.where(reports.c.station_id == bindparam("station"), reports.c.request_id == bindparam("request"))
_OPEN_REPORTS = _REPORTS.where(reports.c.state.in_(_OPEN_STATES), reports.c.station_id == bindparam("station"))
_ALL_OPEN_REPORTS = _REPORTS.where(reports.c.state.in_(_OPEN_STATES)).order_by(reports.c.asked_at).limit(500)
_ADD_REPORT = insert(reports)
_CHANGED = (
    "last_part_at", "ended_at", "state", "parts", "last_part", "items", "detail",
)  # fmt: skip
_CHANGE_REPORT = (
    update(reports)
    .where(reports.c.id == bindparam("of"), reports.c.parts == bindparam("were"), reports.c.state == bindparam("was"))
    .values({name: bindparam(f"{name}_") for name in _CHANGED})
)


async def report_of(database: Database, station_id: str, request_id: int) -> Report | None:
    return _one(await database.fetch_one(_REPORT, {"station": station_id, "request": request_id}), Report)


async def open_reports(database: Database, station_id: str | None = None) -> list[Report]:
    """Return the reports of a station, or of all, that are not at their end."""
    if station_id is None:
        return _read(await database.fetch_all(_ALL_OPEN_REPORTS), Report)
    return _read(await database.fetch_all(_OPEN_REPORTS, {"station": station_id}), Report)


def add_report(work: Work, report: Report) -> None:
    work.execute(_ADD_REPORT, _row(report))


def change_report(work: Work, before: Report, after: Report) -> None:
    """Write how far it is; undone with Conflict if someone else wrote it meanwhile."""
    row = _row(after)
    named = {f"{name}_": row[name] for name in _CHANGED}
    work.execute(
        _CHANGE_REPORT, named | {"of": before.id, "were": list(before.parts), "was": before.state.value}, expect=1
    )


# Templates and wishes

_TEMPLATES = _columns(templates, Template)
_ALL_TEMPLATES = _TEMPLATES.order_by(templates.c.name_key)
_TEMPLATE = _TEMPLATES.where(templates.c.id == bindparam("of"))
_SAVE_TEMPLATE = upsert(templates, ("id",))
_ADD_MEMBER = insert_or_ignore(members)
_REMOVE_MEMBER = delete(members).where(
    members.c.template_id == bindparam("template"), members.c.station_id == bindparam("station")
)
_MEMBERS = select(members.c.station_id).where(members.c.template_id == bindparam("template"))
_CHOSEN = select(members.c.template_id).where(members.c.station_id == bindparam("station"))
_WISHES = _columns(wishes, Wish)
_WISHES_OF = _WISHES.where(wishes.c.owner_kind == bindparam("kind"), wishes.c.owner_id == bindparam("owner")).order_by(
    wishes.c.key
)
_WISHES_FOR = _WISHES.where(or_(wishes.c.owner_kind == "template", wishes.c.owner_id == bindparam("owner")))
_WISH = _WISHES_OF.where(wishes.c.key == bindparam("of"))
_SAVE_WISH = upsert(wishes, ("owner_kind", "owner_id", "key"))
_REMOVE_WISH = delete(wishes).where(
    wishes.c.owner_kind == bindparam("kind"), wishes.c.owner_id == bindparam("owner"), wishes.c.key == bindparam("of")
)
_REMOVE_TEMPLATE = (
    delete(templates).where(templates.c.id == bindparam("of")),
    delete(members).where(members.c.template_id == bindparam("of")),
    delete(wishes).where(wishes.c.owner_kind == "template", wishes.c.owner_id == bindparam("of")),
)


async def all_templates(database: Database) -> list[Template]:
    return _read(await database.fetch_all(_ALL_TEMPLATES), Template)


async def template(database: Database, template_id: str) -> Template | None:
    return _one(await database.fetch_one(_TEMPLATE, {"of": template_id}), Template)


def save_template(work: Work, saved: Template) -> None:
    """Add or replace it; undone with Conflict if its name is another one's."""
    work.execute(_SAVE_TEMPLATE, _row(saved) | {"name_key": saved.name.casefold()})


def remove_template(work: Work, template_id: str) -> None:
    for statement in _REMOVE_TEMPLATE:
        work.execute(statement, {"of": template_id})


def add_member(work: Work, template_id: str, station_id: str) -> None:
    work.execute(_ADD_MEMBER, {"template_id": template_id, "station_id": station_id})


def remove_member(work: Work, template_id: str, station_id: str) -> None:
    work.execute(_REMOVE_MEMBER, {"template": template_id, "station": station_id})


async def members_of(database: Database, template_id: str) -> list[str]:
    return [row["station_id"] for row in await database.fetch_all(_MEMBERS, {"template": template_id})]


async def chosen_for(database: Database, station_id: str) -> frozenset[str]:
    """Return the templates that were given to a station by hand."""
    return frozenset(row["template_id"] for row in await database.fetch_all(_CHOSEN, {"station": station_id}))


async def wishes_of(database: Database, kind: str, owner_id: str) -> list[Wish]:
    return _read(await database.fetch_all(_WISHES_OF, {"kind": kind, "owner": owner_id}), Wish)


async def wish_of(database: Database, kind: str, owner_id: str, key: str) -> Wish | None:
    return _one(await database.fetch_one(_WISH, {"kind": kind, "owner": owner_id, "of": key}), Wish)


async def wishes_for(database: Database, station_id: str) -> list[Wish]:
    """Return the wishes of the station and those of every template."""
    return _read(await database.fetch_all(_WISHES_FOR, {"owner": station_id}), Wish)


def save_wish(work: Work, wish: Wish) -> None:
    work.execute(_SAVE_WISH, _row(wish))


def remove_wish(work: Work, kind: str, owner_id: str, key: str) -> None:
    work.execute(_REMOVE_WISH, {"kind": kind, "owner": owner_id, "of": key})


# What counts for a station

_WANTED = _columns(wanted, Wanted).where(wanted.c.station_id == bindparam("station")).order_by(wanted.c.key)
_SAVE_WANTED = upsert(wanted, ("station_id", "key"))
_REMOVE_WANTED = delete(wanted).where(wanted.c.station_id == bindparam("station"), wanted.c.key == bindparam("of"))
_STATE = _columns(states, StationState).where(states.c.station_id == bindparam("station"))
_ADD_STATE = insert_or_ignore(states)
_DUE = (
    select(states.c.station_id)
    .where(states.c.due_at <= bindparam("until", type_=states.c.due_at.type))
    .order_by(states.c.due_at)
    .limit(200)
)
_STALE = select(states.c.station_id).where(states.c.is_stale).limit(100)


async def wanted_of(database: Database, station_id: str) -> list[Wanted]:
    return _read(await database.fetch_all(_WANTED, {"station": station_id}), Wanted)


def save_wanted(work: Work, one: Wanted) -> None:
    work.execute(_SAVE_WANTED, _row(one))


def remove_wanted(work: Work, station_id: str, key: str) -> None:
    work.execute(_REMOVE_WANTED, {"station": station_id, "of": key})


async def state_of(database: Database, station_id: str) -> StationState:
    """Return what is known of a station's configuration; for one that nobody looked at yet, what that means."""
    found = _one(await database.fetch_one(_STATE, {"station": station_id}), StationState)
    return found or StationState(station_id=station_id)


def change_state(work: Work, station_id: str, **values: Any) -> None:
    """Write these columns only, so that changes of different things both stand; the row is made if there is none."""
    work.execute(_ADD_STATE, _row(StationState(station_id=station_id)))
    work.execute(_change(tuple(sorted(values))), {"of_station": station_id, **values})


@cache
def _change(names: tuple[str, ...]) -> Update:
    """Return the statement that writes these columns: there are few combinations, and each is compiled once."""
    values: dict[str, BindParameter[Any]] = {name: bindparam(name) for name in names}
    return update(states).where(states.c.station_id == bindparam("of_station")).values(values)


async def due(database: Database, until: datetime) -> list[str]:
    """Return stations that are to be looked after, those that wait longest first."""
    return [row["station_id"] for row in await database.fetch_all(_DUE, {"until": until})]


async def stale(database: Database) -> list[str]:
    """Return some of the stations for which it has to be worked out anew what is desired."""
    return [row["station_id"] for row in await database.fetch_all(_STALE)]


# Network profiles and resets

_PROFILES = _columns(profiles, KeptProfile).where(profiles.c.station_id == bindparam("station"))
_ALL_PROFILES = _PROFILES.order_by(profiles.c.slot)
_SAVE_PROFILE = upsert(profiles, ("station_id", "slot"))
_OPEN_RESETS = sorted(state.value for state in OPEN_RESETS)
_RESETS = _columns(resets, ResetRecord).where(resets.c.station_id == bindparam("station"))
_LAST_RESETS = _RESETS.order_by(resets.c.asked_at.desc(), resets.c.id.desc()).limit(bindparam("most", type_=Integer))
_STATION_OPEN_RESETS = _RESETS.where(resets.c.state.in_(_OPEN_RESETS))
_ALL_OPEN_RESETS = _columns(resets, ResetRecord).where(resets.c.state.in_(_OPEN_RESETS)).limit(500)
_SAVE_RESET = upsert(resets, ("id",))


async def profiles_of(database: Database, station_id: str) -> list[KeptProfile]:
    return _read(await database.fetch_all(_ALL_PROFILES, {"station": station_id}), KeptProfile)


def save_profile(work: Work, kept: KeptProfile) -> None:
    work.execute(_SAVE_PROFILE, _row(kept))


async def resets_of(database: Database, station_id: str, most: int) -> list[ResetRecord]:
    """Return the latest resets of a station, the newest first."""
    return _read(await database.fetch_all(_LAST_RESETS, {"station": station_id, "most": most}), ResetRecord)


async def open_resets(database: Database, station_id: str | None = None) -> list[ResetRecord]:
    if station_id is None:
        return _read(await database.fetch_all(_ALL_OPEN_RESETS), ResetRecord)
    return _read(await database.fetch_all(_STATION_OPEN_RESETS, {"station": station_id}), ResetRecord)


def save_reset(work: Work, record: ResetRecord) -> None:
    work.execute(_SAVE_RESET, _row(record))


# Stations that are deleted

_REMOVE_STATION_WISHES = delete(wishes).where(wishes.c.owner_kind == "station", wishes.c.owner_id == bindparam("owner"))
_OF_STATION = tuple(
    delete(table).where(table.c.station_id == bindparam("station"))
    for table in (variables, changes, monitors, reports, members, wanted, states, profiles, resets)
)


def remove_station(work: Work, station_id: str) -> None:
    """Forget everything about a station."""
    for statement in _OF_STATION:
        work.execute(statement, {"station": station_id})
    work.execute(_REMOVE_STATION_WISHES, {"owner": station_id})


def _row(struct: msgspec.Struct) -> Row:
    """Return a struct as a row: enums as their words, structs within it as JSON-able values, times as they are."""
    plain: Row = {}
    for name, value in msgspec.structs.asdict(struct).items():
        plain[name] = value if isinstance(value, datetime) else _plain(value)
    return plain


def _plain(value: Any) -> Any:  # Any: the value of a field
    return msgspec.to_builtins(value) if isinstance(value, msgspec.Struct | tuple | frozenset) else value


def _read(rows: Sequence[Mapping[str, Any]], kind: type[StructT]) -> list[StructT]:
    return [msgspec.convert(row, kind) for row in rows]


def _one(row: Mapping[str, Any] | None, kind: type[StructT]) -> StructT | None:
    return None if row is None else msgspec.convert(row, kind)


STALE_AT_ONCE = 500  # stations of one statement
_AT_BOOT = select(  # one look at three tables: a fleet that comes back boots all at once
    exists().where(resets.c.station_id == bindparam("station"), resets.c.state.in_(_OPEN_RESETS)).label("has_resets"),
    select(states.c.reboot_needed_since)
    .where(states.c.station_id == bindparam("station"))
    .scalar_subquery()
    .label("reboot_needed_since"),
    select(wanted.c.value)
    .where(wanted.c.station_id == bindparam("station"), wanted.c.key == bindparam("of"))
    .scalar_subquery()
    .label("wanted"),
)


def make_stale(work: Work, *station_ids: str) -> None:
    """Have it worked out anew what counts for stations."""
    for begin in range(0, len(station_ids), STALE_AT_ONCE):
        some = station_ids[begin : begin + STALE_AT_ONCE]
        work.execute_once(update(states).where(states.c.station_id.in_(some)).values(is_stale=True))
    for station_id in station_ids:  # rows that are there stay as they are
        work.append(_ADD_STATE, _row(StationState(station_id=station_id, is_stale=True)))


async def at_boot(database: Database, station_id: str, key: str) -> AtBoot:
    """Return what a boot has to do with; `key` names the variable whose desired value its answer carries."""
    return msgspec.convert(await database.fetch_one(_AT_BOOT, {"station": station_id, "of": key}), AtBoot)
