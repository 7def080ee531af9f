"""Every query of saved views."""

from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, or_, select, update

from ingufu.desk.model import Arrangement, SavedView
from ingufu.desk.tables import arrangements, saved_views
from ingufu.infra.storage.database import Database, Work
from ingufu.infra.storage.statements import insert, upsert

_ALL = [saved_views.c[name] for name in SavedView.__struct_fields__]
_IS_MINE = or_(
    saved_views.c.user_id == bindparam("user_id"),
    saved_views.c.is_shared.is_(True) & (saved_views.c.organisation_id == bindparam("organisation_id")),
)
_SEEN = select(*_ALL).where(_IS_MINE).order_by(saved_views.c.page, saved_views.c.name_key)
_SEEN_ON = select(*_ALL).where(_IS_MINE, saved_views.c.page == bindparam("page")).order_by(saved_views.c.name_key)
_ONE = select(*_ALL).where(_IS_MINE, saved_views.c.id == bindparam("id"))
_COUNT = select(func.count().label("number")).where(
    saved_views.c.owner == bindparam("owner"), saved_views.c.page == bindparam("page")
)
_INSERT = insert(saved_views)
_CHANGED = ("owner", "query", "name", "name_key", "is_shared", "updated_at")
_UPDATE = (
    update(saved_views).where(saved_views.c.id == bindparam("key")).values({name: bindparam(name) for name in _CHANGED})
)
_DELETE = delete(saved_views).where(saved_views.c.id == bindparam("id"))
_ARRANGEMENT = select(*arrangements.columns).where(
    arrangements.c.user_id == bindparam("user_id"), arrangements.c.page == bindparam("page")
)
_ARRANGE = upsert(arrangements, ("user_id", "page"))


async def seen(database: Database, user_id: str, organisation_id: str | None, page: str | None) -> list[SavedView]:
    """Return the person's own views and those shared with the organisation."""
    who = {"user_id": user_id, "organisation_id": organisation_id or ""}
    rows = await (
        database.fetch_all(_SEEN, who) if page is None else database.fetch_all(_SEEN_ON, {**who, "page": page})
    )
    return [SavedView(**row) for row in rows]


async def find(database: Database, view_id: str, user_id: str, organisation_id: str | None) -> SavedView | None:
    who = {"id": view_id, "user_id": user_id, "organisation_id": organisation_id or ""}
    row = await database.fetch_one(_ONE, who)
    return SavedView(**row) if row else None


async def count(database: Database, owner: str, page: str) -> int:
    row = await database.fetch_one(_COUNT, {"owner": owner, "page": page})
    return int(row["number"]) if row else 0


def add(work: Work, view: SavedView) -> None:
    work.execute(_INSERT, msgspec.structs.asdict(view) | _keys(view))


def change(work: Work, view: SavedView) -> None:
    row = msgspec.structs.asdict(view) | _keys(view)
    work.execute(_UPDATE, {name: row[name] for name in _CHANGED} | {"key": view.id}, expect=1)


def remove(work: Work, view_id: str) -> None:
    work.execute(_DELETE, {"id": view_id}, expect=1)


async def arrangement(database: Database, user_id: str, page: str) -> Arrangement:
    row = await database.fetch_one(_ARRANGEMENT, {"user_id": user_id, "page": page})
    return msgspec.convert(row, Arrangement) if row else Arrangement(user_id=user_id, page=page)


def arrange(work: Work, wanted: Arrangement) -> None:
    work.execute(_ARRANGE, msgspec.structs.asdict(wanted) | {"order": list(wanted.order)})


def owner_of(view: SavedView) -> str:
    """Return among whose views the name of this one is the only one of its kind."""
    return f"organisation {view.organisation_id}" if view.is_shared else f"user {view.user_id}"


def _keys(view: SavedView) -> dict[str, Any]:
    return {"owner": owner_of(view), "name_key": view.name.casefold()}
