"""Queries of what drivers have subscribed to: a plan by its name, and since when."""

from datetime import datetime

from sqlalchemy import bindparam, or_, select, update

from ingufu.authorization.tables import driver_plans
from ingufu.infra.storage.database import Database, Work
from ingufu.infra.storage.statements import insert

_AT = (
    select(driver_plans.c.plan)
    .where(
        driver_plans.c.driver_id == bindparam("driver_id"),
        driver_plans.c.valid_from <= bindparam("at"),
        or_(driver_plans.c.valid_until.is_(None), driver_plans.c.valid_until > bindparam("at")),
    )
    .order_by(driver_plans.c.valid_from.desc())
    .limit(1)
)
_BEGIN = insert(driver_plans)
_END = (
    update(driver_plans)
    .where(
        driver_plans.c.driver_id == bindparam("of_driver"),
        driver_plans.c.plan == bindparam("seen"),
        driver_plans.c.valid_until.is_(None),
    )
    .values(valid_until=bindparam("ended_at"))
)


async def find_plan(database: Database, driver_id: str, at: datetime) -> str | None:
    """Return what the driver had subscribed to at an instant."""
    row = await database.fetch_one(_AT, {"driver_id": driver_id, "at": at})
    return str(row["plan"]) if row else None


def begin_plan(work: Work, entry_id: str, driver_id: str, plan: str, at: datetime) -> None:
    """Have the driver's plan begin. Raises Conflict on commit if another one goes on."""
    row = {"id": entry_id, "driver_id": driver_id, "plan": plan, "valid_from": at, "valid_until": None}
    work.execute(_BEGIN, row)


def end_plan(work: Work, driver_id: str, seen: str, at: datetime) -> None:
    """Have the plan that was seen end. Raises Conflict on commit if somebody else has ended it."""
    work.execute(_END, {"of_driver": driver_id, "seen": seen, "ended_at": at}, expect=1)
