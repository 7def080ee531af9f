"""What drivers have subscribed to: of one of them since when, and all names that are in use."""

import msgspec
from sqlalchemy import select

from ingufu.authorization.model import DriverPlan
from ingufu.authorization.tables import driver_plans
from ingufu.infra.storage.database import Database
from ingufu.tariffs.situations import Target
from ingufu.tariffs.tables import assignments


async def list_plans(database: Database, driver_id: str) -> list[DriverPlan]:
    """Return what a driver has and had subscribed to, the newest first."""
    shown = [driver_plans.c[name] for name in DriverPlan.__struct_fields__]
    statement = (
        select(*shown)
        .where(driver_plans.c.driver_id == driver_id)
        .order_by(driver_plans.c.valid_from.desc(), driver_plans.c.id.desc())
    )
    return [msgspec.convert(row, DriverPlan) for row in await database.select(statement)]


async def names_in_use(database: Database, *, most: int) -> list[str]:
    """Return the names of plans that drivers have or that tariffs were given to, at most so many."""
    had = select(driver_plans.c.plan).where(driver_plans.c.valid_until.is_(None)).distinct()
    priced = select(assignments.c.target_id.label("plan")).where(assignments.c.target == Target.PLAN.value).distinct()
    rows = [row for names in (priced, had) for row in await database.select(names.limit(most))]
    return sorted({row["plan"] for row in rows})[:most]
