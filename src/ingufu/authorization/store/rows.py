"""Rows of tables as what they are."""

import msgspec
from sqlalchemy import select

from ingufu.authorization.model import Driver, Token, TokenLimits
from ingufu.authorization.tables import driver_plans, drivers
from ingufu.infra.storage.database import Row

PLAN = (  # of the driver in the same statement, that goes on
    select(driver_plans.c.plan)
    .where(driver_plans.c.driver_id == drivers.c.id, driver_plans.c.valid_until.is_(None))
    .correlate(drivers)
    .scalar_subquery()
    .label("plan")
)
DRIVER = [*(drivers.c[name] for name in Driver.__struct_fields__ if name in drivers.columns), PLAN]


def token_of(row: Row) -> Token:
    """Return the token that a row is."""
    limits = row["limits"]
    return Token(**{**row, "limits": None if limits is None else msgspec.convert(limits, TokenLimits)})
