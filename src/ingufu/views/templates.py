"""Templates of desired values, and where stations are not as desired, as lists and pages show them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select

from ingufu.configuration import standard
from ingufu.configuration.model import DataType, Template, WishState
from ingufu.configuration.tables import members, states, templates, wanted, wishes
from ingufu.core.variables import VariableName
from ingufu.infra.storage.database import Database
from ingufu.stations.tables import stations
from ingufu.views.configuration import OPEN, WISH_COLUMNS, WishView, wish_view
from ingufu.views.paging import Order, Page, cut, ordered, place_of
from ingufu.views.stations import Cursor, Limit, SiteIds, contains, seen


class DriftQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which differences between desired and reported."""

    state: WishState | None = None
    template: Annotated[str, Meta(max_length=36, description="Desired by this template.")] | None = None
    q: Annotated[str, Meta(max_length=200, description="Part of the station's identity or of the variable.")] = ""
    limit: Limit = 100
    cursor: Cursor | None = None


class DriftRow(WishView, frozen=True, kw_only=True):
    """A desired value that a station does not have."""

    station_id: str
    identity: str
    is_online: bool
    vendor: str | None = None
    model: str | None = None


class TemplateRow(Template, frozen=True, kw_only=True):
    """A template, with how many stations it counts for and how many are not in step with it."""

    values: int = 0
    chosen: int = 0  # stations that were given it by hand
    stations: int = 0  # for which one of its values counts
    drifted: int = 0  # of these


class TemplateValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a template desires."""

    variable: str
    meaning: str = ""
    value: str | None = None  # null: a secret
    is_secret: bool = False
    data_type: DataType | None = None
    unit: str | None = None
    changed_at: datetime
    changed_by: str = ""


class TemplateView(TemplateRow, frozen=True, kw_only=True):
    """All about a template."""

    desired: tuple[TemplateValue, ...] = ()
    station_ids: tuple[str, ...] = ()  # given it by hand


async def list_drift(database: Database, query: DriftQuery, site_ids: SiteIds) -> Page[DriftRow]:
    """Return one page of what stations do not have as desired, by station."""
    order = Order(stations.c.identity_key, str, wanted.c.key, name="identity")
    fits = and_(*_drift_conditions(query))
    columns = (stations.c.identity, stations.c.is_online, stations.c.vendor, stations.c.model, wanted.c.station_id)
    statement = (
        select(*columns, *(wanted.c[name] for name in WISH_COLUMNS))
        .select_from(wanted.join(stations, stations.c.id == wanted.c.station_id))
        .where(fits, stations.c.id.in_(_first_stations(query, order, fits, site_ids)))
    )
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    total = await _count_drift(database, query, fits, site_ids)
    return Page(items=tuple(_drifted(row) for row in rows), next=cursor, total=total)


def _first_stations(query: DriftQuery, order: Order, fits: ColumnElement[bool], site_ids: SiteIds) -> Select[Any]:
    """Return the stations, in order, that make up a page and one row more: each has at least one row in it."""
    chosen = select(stations.c.id).where(
        exists().where(wanted.c.station_id == stations.c.id, fits).correlate(stations), seen(site_ids)
    )
    if query.cursor is not None:  # the place is within a station: it is one of them
        chosen = chosen.where(stations.c.identity_key >= place_of(order, query.cursor))
    return chosen.order_by(stations.c.identity_key).limit(query.limit + 2)


async def _count_drift(database: Database, query: DriftQuery, fits: ColumnElement[bool], site_ids: SiteIds) -> int:
    statement = select(func.count().label("total")).select_from(wanted).where(fits)
    if query.q or site_ids is not None:
        joined = wanted.join(stations, stations.c.id == wanted.c.station_id)
        statement = select(func.count().label("total")).select_from(joined).where(fits, seen(site_ids))
    return int((await database.select(statement))[0]["total"])


async def count_drifted(database: Database, site_ids: SiteIds) -> int:
    """Return how many stations are not as desired."""
    statement = select(func.count().label("number")).select_from(states).where(states.c.drift > 0)
    if site_ids is not None:
        statement = statement.join(stations, stations.c.id == states.c.station_id).where(seen(site_ids))
    return int((await database.select(statement))[0]["number"])


async def list_templates(database: Database) -> tuple[TemplateRow, ...]:
    """Return every template, by name."""
    rows = await database.select(
        select(*(templates.c[name] for name in Template.__struct_fields__)).order_by(templates.c.name_key)
    )
    counts = await _counts(database, [row["id"] for row in rows])
    return tuple(msgspec.convert({**row, **counts[row["id"]]}, TemplateRow) for row in rows)


async def get_template(database: Database, template_id: str) -> TemplateView | None:
    """Return a template with its values and the stations that were given it by hand."""
    rows = await database.select(
        select(*(templates.c[name] for name in Template.__struct_fields__)).where(templates.c.id == template_id)
    )
    if not rows:
        return None
    counts = (await _counts(database, [template_id]))[template_id]
    values = await database.select(
        select(*(wishes.c[name] for name in ("name", "value", "is_secret", "changed_at", "changed_by")))
        .where(wishes.c.owner_kind == "template", wishes.c.owner_id == template_id)
        .order_by(wishes.c.key)
    )
    chosen = await database.select(select(members.c.station_id).where(members.c.template_id == template_id))
    plain = {
        **rows[0],
        **counts,
        "station_ids": sorted(row["station_id"] for row in chosen),
        "desired": [msgspec.structs.asdict(_value(row)) for row in values],
    }
    return msgspec.convert(plain, TemplateView)


def _drift_conditions(query: DriftQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        wanted.c.state == query.state.value if query.state is not None else wanted.c.state.in_(OPEN)
    ]
    if query.template is not None:
        found.append(wanted.c.source_id == query.template)
    if query.q:
        found.append(or_(contains(stations.c.identity_key, query.q), contains(wanted.c.key, query.q)))
    return found


async def _counts(database: Database, ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the numbers that go with each template."""
    found: dict[str, dict[str, int]] = {
        template_id: {"values": 0, "chosen": 0, "stations": 0, "drifted": 0} for template_id in ids
    }
    asked = (
        (
            "values",
            wishes.c.owner_id,
            select(wishes.c.owner_id, func.count().label("number")),
            (wishes.c.owner_kind == "template",),
        ),
        ("chosen", members.c.template_id, select(members.c.template_id, func.count().label("number")), ()),
        ("stations", wanted.c.source_id, _distinct(), ()),
        ("drifted", wanted.c.source_id, _distinct(), (wanted.c.state.in_(OPEN),)),
    )
    for what, column, statement, conditions in asked:
        rows = await database.select(statement.where(column.in_(ids), *conditions).group_by(column))
        for row in rows:
            found[row[column.name]][what] = row["number"]
    return found


def _distinct() -> Any:  # Any: a select
    return select(wanted.c.source_id, func.count(wanted.c.station_id.distinct()).label("number"))


def _drifted(row: dict[str, Any]) -> DriftRow:
    wish = msgspec.structs.asdict(wish_view(row))
    return DriftRow(
        **wish,
        station_id=row["station_id"],
        identity=row["identity"],
        is_online=row["is_online"],
        vendor=row["vendor"],
        model=row["model"],
    )


def _value(row: dict[str, Any]) -> TemplateValue:
    name = msgspec.convert(row["name"], VariableName)
    defined = standard.of(name)
    return TemplateValue(
        variable=name.text,
        meaning=standard.meaning(name),
        value=row["value"],
        is_secret=row["is_secret"],
        data_type=None if defined is None else defined.data_type,
        unit=None if defined is None else defined.unit,
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
    )
