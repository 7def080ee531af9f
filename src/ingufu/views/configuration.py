"""Configuration as lists and pages show it: a station's variables with what is desired of them, and its reports."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, and_, func, or_, select

from ingufu.configuration import standard
from ingufu.configuration.model import (
    SETTLED,
    DataType,
    Mutability,
    Origin,
    OwnerKind,
    Report,
    ReportKind,
    ReportState,
    WishState,
)
from ingufu.configuration.tables import (
    changes,
    monitors,
    reports,
    variables,
    wanted,
)
from ingufu.core.variables import Attribute, VariableName
from ingufu.infra.storage.database import Database
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit, contains

OPEN = tuple(state.value for state in WishState if state not in SETTLED)


class VariableQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which variables of a station."""

    q: Annotated[str, Meta(max_length=200, description="Part of the name, of the 1.6 key, or of the value.")] = ""
    component: Annotated[str, Meta(max_length=100, description="Of this component.")] | None = None
    evse: Annotated[int, Meta(ge=0, lt=2**31, description="Of this EVSE.")] | None = None
    is_writable: Annotated[bool | None, Meta(description="Whether the station lets it be set.")] = None
    has_wish: Annotated[bool | None, Meta(description="Whether a value is desired.")] = None
    is_drifted: Annotated[bool | None, Meta(description="Whether it is not as desired.")] = None
    limit: Limit = 100
    cursor: Cursor | None = None


class WishView(msgspec.Struct, frozen=True, kw_only=True):
    """The desired value that counts for a variable, where it comes from, and where it stands."""

    variable: str
    meaning: str = ""
    value: str | None = None  # null: a secret
    is_secret: bool = False
    state: WishState
    reported: str | None = None
    status: str = ""  # the station's word when it was last asked
    reason: str = ""
    source_kind: OwnerKind
    source_id: str
    source_name: str = ""
    why: str
    tries: int = 0
    asked_at: datetime | None = None
    next_at: datetime | None = None


class VariableRow(msgspec.Struct, frozen=True, kw_only=True):
    """A variable of a station, as it last told, with what is desired of it."""

    variable: str  # Component[instance]@EVSE:connector.Variable[instance]
    name: VariableName
    attribute: Attribute
    native_key: str | None = None  # the key of a 1.6 station
    meaning: str = ""
    value: str | None = None
    is_secret: bool = False
    mutability: Mutability | None = None
    is_persistent: bool | None = None
    is_constant: bool | None = None
    data_type: DataType | None = None
    unit: str | None = None
    min_limit: float | None = None
    max_limit: float | None = None
    max_elements: int | None = None
    values_list: str | None = None
    supports_monitoring: bool | None = None
    told_at: datetime
    changed_at: datetime
    origin: Origin
    actor: str | None = None
    monitors: int = 0
    wish: WishView | None = None


class ChangeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A value that changed, or an attempt to change it."""

    id: int
    at: datetime
    variable: str
    attribute: Attribute
    before: str | None = None
    value: str | None = None
    origin: Origin
    status: str
    actor: str | None = None


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """A report, and how far it is."""

    id: str
    station_id: str
    request_id: int
    kind: ReportKind
    base: str | None = None
    is_automatic: bool
    actor: str | None = None
    asked_at: datetime
    last_part_at: datetime | None = None
    ended_at: datetime | None = None
    state: ReportState
    parts: int
    missing: tuple[int, ...] = ()
    items: int
    detail: str = ""


async def list_variables(database: Database, station_id: str, query: VariableQuery) -> Page[VariableRow]:
    """Return one page of a station's variables, by name."""
    order = Order(variables.c.key, str, variables.c.attribute, name="key")
    wish = _joined()
    statement = (
        select(
            *(variables.c[name] for name in _VARIABLE),
            *(wanted.c[name].label(f"wish_{name}") for name in WISH_COLUMNS),
        )
        .select_from(wish)
        .where(variables.c.station_id == station_id, *_variable_conditions(query))
    )
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    count = select(func.count().label("total")).select_from(wish)
    counted = await database.select(count.where(variables.c.station_id == station_id, *_variable_conditions(query)))
    rows, cursor = cut(rows, order, query.limit)
    watched = await _monitors(database, station_id)
    return Page(
        items=tuple(_variable(row, watched.get(row["key"], 0)) for row in rows),
        next=cursor,
        total=counted[0]["total"],
    )


async def components_of(database: Database, station_id: str) -> list[str]:
    """Return the components that a station has told of."""
    statement = select(variables.c.name).where(variables.c.station_id == station_id)
    found = {msgspec.convert(row["name"], VariableName).component for row in await database.select(statement)}
    return sorted(found, key=str.casefold)


async def list_wishes(database: Database, station_id: str) -> tuple[WishView, ...]:
    """Return every value that is desired of a station."""
    statement = select(*(wanted.c[name] for name in WISH_COLUMNS)).where(wanted.c.station_id == station_id)
    rows = await database.select(statement.order_by(wanted.c.key))
    return tuple(wish_view(row) for row in rows)


async def list_changes(database: Database, station_id: str, key: str, limit: int = 50) -> tuple[ChangeRow, ...]:
    """Return the latest changes of one variable, the newest first."""
    statement = (
        select(*(changes.c[name] for name in _CHANGE))
        .where(changes.c.station_id == station_id, changes.c.key == key)
        .order_by(changes.c.id.desc())
        .limit(limit)
    )
    rows = await database.select(statement)
    return tuple(msgspec.convert({**row, "variable": row["key"]}, ChangeRow) for row in rows)


async def list_reports(database: Database, station_id: str, limit: int = 20) -> tuple[ReportRow, ...]:
    """Return the latest reports of a station, the newest first."""
    statement = select(*(reports.c[name] for name in Report.__struct_fields__)).where(
        reports.c.station_id == station_id
    )
    rows = await database.select(statement.order_by(reports.c.asked_at.desc(), reports.c.id.desc()).limit(limit))
    return tuple(report_row(msgspec.convert(row, Report)) for row in rows)


async def get_report(database: Database, station_id: str, report_id: str) -> ReportRow | None:
    """Return one report of a station."""
    statement = select(*(reports.c[name] for name in Report.__struct_fields__)).where(
        reports.c.station_id == station_id, reports.c.id == report_id
    )
    rows = await database.select(statement)
    return report_row(msgspec.convert(rows[0], Report)) if rows else None


def report_row(report: Report) -> ReportRow:
    """Return a report as it is shown."""
    plain = {name: getattr(report, name) for name in ReportRow.__struct_fields__ if name not in {"parts", "missing"}}
    return ReportRow(**plain, parts=len(report.parts), missing=report.missing[:100])


_VARIABLE = (
    "key",
    *(name for name in VariableRow.__struct_fields__ if name in variables.c and name not in {"wish", "is_secret"}),
)
WISH_COLUMNS = (
    "key", "name", "value", "is_secret", "state", "reported", "status", "reason", "source_kind", "source_id",
    "source_name", "why", "tries", "asked_at", "next_at",
)  # fmt: skip
_CHANGE = ("id", "at", "key", "attribute", "before", "value", "origin", "status", "actor")


def _joined() -> Any:  # Any: a join
    return variables.outerjoin(
        wanted,
        and_(
            wanted.c.station_id == variables.c.station_id,
            wanted.c.key == variables.c.key,
            variables.c.attribute == Attribute.ACTUAL.value,
        ),
    )


def _variable_conditions(query: VariableQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.q:
        texts = (variables.c.key, variables.c.native_key, variables.c.value)
        found.append(or_(*(contains(text, query.q) for text in texts)))
    if query.component:
        found.append(variables.c.component_key == query.component.casefold())
    if query.evse is not None:
        found.append(variables.c.evse == query.evse)
    if query.is_writable is not None:
        is_fixed = variables.c.mutability == Mutability.READ_ONLY.value
        found.append(or_(variables.c.mutability.is_(None), ~is_fixed) if query.is_writable else is_fixed)
    if query.has_wish is not None:
        found.append(wanted.c.key.is_not(None) if query.has_wish else wanted.c.key.is_(None))
    if query.is_drifted is not None:
        drifted = wanted.c.state.in_(OPEN)
        found.append(drifted if query.is_drifted else or_(wanted.c.key.is_(None), ~drifted))
    return found


async def _monitors(database: Database, station_id: str) -> dict[str, int]:
    statement = select(monitors.c.key, func.count().label("number")).where(monitors.c.station_id == station_id)
    return {row["key"]: row["number"] for row in await database.select(statement.group_by(monitors.c.key))}


def _variable(row: dict[str, Any], watched: int) -> VariableRow:
    name = msgspec.convert(row["name"], VariableName)
    wish = None
    if row["wish_key"] is not None:
        wish = wish_view({column: row[f"wish_{column}"] for column in WISH_COLUMNS})
    plain = {column: row[column] for column in _VARIABLE if column not in {"key", "name"}}
    return msgspec.convert(
        {
            **plain,
            "variable": name.text,
            "name": name,
            "meaning": standard.meaning(name),
            "is_secret": standard.is_secret(name),
            "monitors": watched,
            "wish": wish,
        },
        VariableRow,
        from_attributes=True,
    )


def wish_view(row: dict[str, Any]) -> WishView:
    name = msgspec.convert(row["name"], VariableName)
    plain = {column: row[column] for column in WISH_COLUMNS if column not in {"key", "name"}}
    return msgspec.convert({**plain, "variable": name.text, "meaning": standard.meaning(name)}, WishView)
