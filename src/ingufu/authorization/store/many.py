"""Queries that find many drivers, groups and tokens at once, by what people call them."""

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import select

from ingufu.authorization.model import Driver, Token, TokenGroup
from ingufu.authorization.store.rows import DRIVER, token_of
from ingufu.authorization.tables import drivers, token_groups, tokens
from ingufu.infra.storage.database import Database

AT_ONCE = 500  # values of one statement

_GROUP = [token_groups.c[name] for name in TokenGroup.__struct_fields__]
_TOKEN = [tokens.c[name] for name in Token.__struct_fields__]


async def tokens_by_keys(database: Database, keys: Collection[str]) -> list[Token]:
    """Return the tokens of these keys, of every kind."""
    return [
        token_of(row)
        for some in _parts(keys)
        for row in await database.select(select(*_TOKEN).where(tokens.c.value_key.in_(some)))
    ]


async def tokens_by_ids(database: Database, ids: Collection[str]) -> list[Token]:
    """Return the tokens of these ids."""
    return [
        token_of(row)
        for some in _parts(ids)
        for row in await database.select(select(*_TOKEN).where(tokens.c.id.in_(some)))
    ]


async def groups_by_values(database: Database, keys: Collection[str]) -> list[TokenGroup]:
    """Return the groups that stations know by these values, folded."""
    return [
        TokenGroup(**row)
        for some in _parts(keys)
        for row in await database.select(select(*_GROUP).where(token_groups.c.value_key.in_(some)))
    ]


async def drivers_by_names(database: Database, keys: Collection[str]) -> list[Driver]:
    """Return the drivers with one of these as their address or name, folded."""
    found: dict[str, Driver] = {}
    for some in _parts(keys):
        for column in (drivers.c.email_key, drivers.c.name_key):
            for row in await database.select(select(*DRIVER).where(column.in_(some)).order_by(drivers.c.id)):
                found[row["id"]] = Driver(**row)
    return list(found.values())


def _parts(keys: Collection[str]) -> Iterator[Sequence[str]]:
    ordered = sorted(set(keys))
    for first in range(0, len(ordered), AT_ONCE):
        yield ordered[first : first + AT_ONCE]
