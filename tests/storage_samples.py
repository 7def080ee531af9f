"""Tables with every kind of column, for tests of storage alone."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    select,
    update,
)

from ingufu.infra.storage.columns import BigId, Exact, Instant, Json
from ingufu.infra.storage.statements import insert, insert_or_ignore, upsert

metadata = MetaData()

samples = Table(
    "samples",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", Integer),
    Column("big", BigInteger),
    Column("text", Text),
    Column("flag", Boolean),
    Column("real", Float),
    Column("exact", Exact),
    Column("at", Instant),
    Column("json", Json),
    Column("parent", Text, ForeignKey("samples.id")),
)

series = Table(
    "series",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("unit", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("key", Text, unique=True),
)

INSERT = insert(samples)
IGNORE = insert_or_ignore(samples)
UPSERT = upsert(samples, ["id"])
SELECT = select(samples).where(samples.c.id == bindparam("wanted"))
ALL = select(samples).order_by(samples.c.id)
SET_NUMBER = (
    update(samples)
    .where(samples.c.id == bindparam("wanted"), samples.c.number == bindparam("seen"))
    .values(number=bindparam("new"))
)
APPEND = insert(series)
SERIES = select(series.c.unit, series.c.step).order_by(series.c.id)


def sample(name: str, **values: Any) -> dict[str, Any]:
    return {"id": name, **values}


def step(unit: str, number: int, key: str | None = None) -> dict[str, Any]:
    return {"unit": unit, "step": number, "key": key}
