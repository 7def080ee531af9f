"""Every query of admission rules and of the local lists of stations."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, update

from ingufu.authorization.model import AdmissionRule, ListMode, ListState, LocalList, RuleScope
from ingufu.authorization.tables import admission_rules, local_lists, token_groups
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert_or_ignore, upsert

NAMED_AT_MOST = 200  # stations, by one statement

_RULE = [admission_rules.c[name] for name in AdmissionRule.__struct_fields__]
_LIST = [local_lists.c[name] for name in LocalList.__struct_fields__]
_RULES = select(*_RULE)
_RULES_OF = select(*_RULE).where(
    (admission_rules.c.scope == RuleScope.NETWORK.value)
    | ((admission_rules.c.scope == RuleScope.SITE.value) & (admission_rules.c.scope_id == bindparam("site_id")))
    | ((admission_rules.c.scope == RuleScope.STATION.value) & (admission_rules.c.scope_id == bindparam("station_id")))
)
_GROUP = select(token_groups.c.id).where(token_groups.c.id == bindparam("id"))
_LIST_OF = select(*_LIST).where(local_lists.c.station_id == bindparam("station_id"))
_SENT = select(local_lists.c.station_id).where(local_lists.c.version > 0)

_SAVE_RULE = upsert(admission_rules, ["scope", "scope_id"])
_FIRST = insert_or_ignore(local_lists)
_TAKE = (
    update(local_lists)
    .where(
        local_lists.c.station_id == bindparam("key"),
        local_lists.c.lease.is_(None) | (local_lists.c.lease_until < bindparam("now")),
    )
    .values(lease=bindparam("lease"), lease_until=bindparam("lease_until"))
)
_KEPT = tuple(name for name in LocalList.__struct_fields__ if name not in ("station_id", "lease", "lease_until"))
_SAVE = (
    update(local_lists)
    .where(local_lists.c.station_id == bindparam("key"), local_lists.c.lease == bindparam("held"))
    .values({name: bindparam(name) for name in _KEPT})
)
_RELEASE = (
    update(local_lists)
    .where(local_lists.c.station_id == bindparam("key"), local_lists.c.lease == bindparam("held"))
    .values(lease=None, lease_until=None)
)
_NEEDS_FULL = (
    update(local_lists)
    .where(local_lists.c.station_id == bindparam("key"))
    .values(needs_full=True, state=ListState.WAITING.value, detail=bindparam("detail"))
)


async def find_rules(database: Database) -> list[AdmissionRule]:
    return [_rule(row) for row in await database.fetch_all(_RULES)]


async def find_rules_of(database: Database, station_id: str, site_id: str | None) -> list[AdmissionRule]:
    """Return the rules that may hold at a station."""
    params = {"station_id": station_id, "site_id": site_id or ""}
    return [_rule(row) for row in await database.fetch_all(_RULES_OF, params)]


async def has_group(database: Database, group_id: str) -> bool:
    return await database.fetch_one(_GROUP, {"id": group_id}) is not None


def save_rule(work: Work, rule: AdmissionRule) -> None:
    work.execute(_SAVE_RULE, msgspec.structs.asdict(rule))


async def find_list(database: Database, station_id: str) -> LocalList | None:
    row = await database.fetch_one(_LIST_OF, {"station_id": station_id})
    return _list(row) if row else None


async def find_stations_with_list(database: Database, among: Collection[str] | None = None) -> set[str]:
    """Return the stations that once took a list from us; with `among`, at least those of them that did."""
    if among is None or len(among) > NAMED_AT_MOST:
        return {row["station_id"] for row in await database.fetch_all(_SENT)}
    rows = await database.select(_SENT.where(local_lists.c.station_id.in_(sorted(among))))
    return {row["station_id"] for row in rows}


def add_list(work: Work, station_id: str) -> None:
    """Make the row of a station that has none."""
    work.execute(_FIRST, msgspec.structs.asdict(LocalList(station_id=station_id)))


def take(work: Work, station_id: str, lease: str, now: datetime, until: datetime) -> None:
    """Be the only one who sends to the station until then; Conflict at the commit if somebody else is."""
    work.execute(_TAKE, {"key": station_id, "lease": lease, "lease_until": until, "now": now}, expect=1)


def save_list(work: Work, after: LocalList, lease: str) -> None:
    """Store the list while the lease is held; Conflict at the commit otherwise."""
    values: dict[str, Any] = {name: getattr(after, name) for name in _KEPT}
    work.execute(_SAVE, values | {"key": after.station_id, "held": lease}, expect=1)


def release(work: Work, station_id: str, lease: str) -> None:
    work.execute(_RELEASE, {"key": station_id, "held": lease})


def demand_full(work: Work, station_id: str, detail: str) -> None:
    """Have the whole list be sent next, whatever the versions say."""
    work.execute(_NEEDS_FULL, {"key": station_id, "detail": detail})


def _rule(row: Row) -> AdmissionRule:
    mode = row["list_mode"]
    return AdmissionRule(
        scope=RuleScope(row["scope"]),
        scope_id=row["scope_id"],
        allows_free=None if row["allows_free"] is None else bool(row["allows_free"]),
        list_mode=None if mode is None else ListMode(mode),
        list_groups=tuple(row["list_groups"]),
    )


def _list(row: Row) -> LocalList:
    flag = bool(row["needs_full"])
    return LocalList(**{**row, "state": ListState(row["state"]), "needs_full": flag})
