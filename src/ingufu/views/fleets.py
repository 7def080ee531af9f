"""What fleets see: what is of their drivers or cards, wherever it was."""

from typing import Any

from sqlalchemy import ColumnElement, or_, select

from ingufu.authorization.tables import drivers, tokens


def of_fleet(fleet_id: str, driver_id: ColumnElement[Any], token_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a session, or what came of it, is of a driver or a card of the fleet."""
    return or_(
        driver_id.in_(select(drivers.c.id).where(drivers.c.organisation_id == fleet_id)),
        token_id.in_(select(tokens.c.id).where(tokens.c.organisation_id == fleet_id)),
    )
