"""Where the things that a search finds stand, who may see them, and what is told of each."""

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, func, select

from ingufu.accounts.tables import users
from ingufu.authorization.tables import drivers, token_groups, tokens
from ingufu.billing.invoices.tables import documents
from ingufu.billing.records.tables import records
from ingufu.charging.tables import transactions
from ingufu.core.money import decimals
from ingufu.sites.tables import sites
from ingufu.stations.tables import stations
from ingufu.tariffs.tables import tariffs
from ingufu.views import invoices
from ingufu.views.charge_records import seen_records
from ingufu.views.search_model import Fit, Hit, HitKind, Reach, fitting
from ingufu.views.stations import seen
from ingufu.views.tariffs import visible
from ingufu.views.transactions import seen_session


class Source(msgspec.Struct, frozen=True, kw_only=True):
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


def _of_fleet(column: Any) -> Callable[[Reach], ColumnElement[bool]]:
    def is_seen(reach: Reach) -> ColumnElement[bool]:
        mine: ColumnElement[bool] = column.is_not(None) if reach.fleet_id is None else column == reach.fleet_id
        return mine

    return is_seen


def sites_seen(reach: Reach) -> ColumnElement[bool]:
    return sites.c.id.is_not(None) if reach.site_ids is None else sites.c.id.in_(sorted(reach.site_ids))


def sessions_seen(reach: Reach) -> ColumnElement[bool]:
    return seen_session(reach.site_ids)


def records_seen(reach: Reach) -> ColumnElement[bool]:
    return seen_records(reach.site_ids)


def users_seen(reach: Reach) -> ColumnElement[bool]:
    is_all = reach.site_ids is None and reach.fleet_id is None
    return users.c.id.is_not(None) if is_all else users.c.organisation_id == (reach.organisation_id or "")


STATIONS = Source(
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
SITES = Source(
    kind=HitKind.SITE,
    rows=select(sites.c.id, sites.c.name, sites.c.city),
    key=sites.c.id,
    is_seen=sites_seen,
    title="name",
    details=("city",),
    names=("name", "id"),
)
DRIVERS = Source(
    kind=HitKind.DRIVER,
    rows=select(drivers.c.id, drivers.c.name, drivers.c.email, drivers.c.phone),
    key=drivers.c.id,
    is_seen=_of_fleet(drivers.c.organisation_id),
    title="name",
    details=("email", "phone"),
    names=("name", "email", "phone", "id"),
)
CARDS = Source(
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
GROUPS = Source(
    kind=HitKind.GROUP,
    rows=select(token_groups.c.id, token_groups.c.name, token_groups.c.value),
    key=token_groups.c.id,
    is_seen=_of_fleet(token_groups.c.organisation_id),
    title="name",
    details=("value",),
    names=("name", "value", "id"),
)
SESSIONS = Source(
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
    is_seen=sessions_seen,
    title="reference",
    details=("station", "driver", "day"),
    names=("reference", "id"),
)
RECORDS = Source(
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
    is_seen=records_seen,
    title="id",
    details=("station", "site", "amount"),
    names=("id",),
)
INVOICES = Source(
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
TARIFFS = Source(
    kind=HitKind.TARIFF,
    rows=select(tariffs.c.id, tariffs.c.name, tariffs.c.kind),
    key=tariffs.c.id,
    is_seen=lambda reach: visible(reach.site_ids),
    title="name",
    names=("name", "id"),
)
USERS = Source(
    kind=HitKind.USER,
    rows=select(users.c.id, users.c.name, users.c.email),
    key=users.c.id,
    is_seen=users_seen,
    title="name",
    details=("email",),
    names=("name", "email", "id"),
)
SOURCES = {
    source.kind: source
    for source in (
        STATIONS, SITES, DRIVERS, CARDS, GROUPS, SESSIONS, RECORDS, INVOICES, TARIFFS, USERS,
    )
}  # fmt: skip


def _dressed(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the row with what is told of it in words: the day in its site's zone, and the amount."""
    if "time_zone" in row:
        return {**row, "day": row["started_at"].astimezone(ZoneInfo(row["time_zone"] or "UTC")).date().isoformat()}
    if "currency" in row:
        amount = row["gross"] if "gross" in row else row["payable"]
        places = decimals(row["currency"])
        return {**row, "amount": f"{amount:.{places}f} {row['currency']}"}
    return row
