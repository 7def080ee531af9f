"""Every query of authorities."""

import msgspec
from sqlalchemy import bindparam, delete, select

from ingufu.certificates.model import Authority, Purpose
from ingufu.certificates.tables import authorities
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert

_ALL = [authorities.c[name] for name in Authority.__struct_fields__]
_EVERY = select(*_ALL).order_by(authorities.c.name, authorities.c.id)
_BY_ID = select(*_ALL).where(authorities.c.id == bindparam("id"))
_BY_FINGERPRINT = select(*_ALL).where(authorities.c.fingerprint == bindparam("fingerprint"))
_INSERT = insert(authorities)
_DELETE = delete(authorities).where(authorities.c.id == bindparam("key"))


async def find_all(database: Database) -> list[Authority]:
    return [_authority(row) for row in await database.fetch_all(_EVERY)]


async def find(database: Database, authority_id: str) -> Authority | None:
    row = await database.fetch_one(_BY_ID, {"id": authority_id})
    return _authority(row) if row else None


async def find_by_fingerprint(database: Database, fingerprint: str) -> Authority | None:
    row = await database.fetch_one(_BY_FINGERPRINT, {"fingerprint": fingerprint})
    return _authority(row) if row else None


def add(work: Work, authority: Authority) -> None:
    work.execute(_INSERT, msgspec.structs.asdict(authority))


def remove(work: Work, authority_id: str) -> None:
    work.execute(_DELETE, {"key": authority_id}, expect=1)


def _authority(row: Row) -> Authority:
    return Authority(**{**row, "purpose": Purpose(row["purpose"]), "is_root": bool(row["is_root"])})
