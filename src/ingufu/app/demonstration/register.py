"""A planned network as its operator would enter it: the content of an import file."""

from datetime import datetime, timedelta
from typing import Any

from ingufu.simulator.plan import Driver, Plan, PlannedStation, Standing
from ingufu.simulator.vendors import SUBPROTOCOLS

EXPIRED_BEFORE = timedelta(days=200)  # cards that stand as expired have long been so


def entered(network: Plan, now: datetime) -> dict[str, list[dict[str, Any]]]:
    """Return sites, groups, drivers, stations and tokens, as `ingufu admin import` takes them."""
    known = [driver for driver in network.drivers if driver.standing is not Standing.UNKNOWN]
    return {
        "sites": [
            {
                "name": site.name,
                "city": site.city,
                "country": site.country,
                "latitude": site.latitude,
                "longitude": site.longitude,
                "time_zone": site.time_zone,
            }
            for site in network.sites
        ],
        "groups": [{"value": name, "name": name} for name in sorted({one.group for one in known if one.group})],
        "drivers": [{"name": driver.name, "email": driver.email} for driver in known],
        "stations": [_station(planned) for planned in network.stations],
        "tokens": [_token(driver, now) for driver in known],
    }


def _station(planned: PlannedStation) -> dict[str, Any]:
    spec = planned.spec
    row: dict[str, Any] = {"identity": spec.identity, "name": spec.identity, "site": planned.site.name}
    if spec.password is None:
        row["security_profile"] = 0
    else:
        row["password"] = spec.password
    if not spec.subprotocols():
        row["assumed_version"] = SUBPROTOCOLS[spec.version]
    return row


def _token(driver: Driver, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {"value": driver.token, "driver": driver.email, "group": driver.group}
    if driver.standing is Standing.BLOCKED:
        row |= {"is_blocked": True, "block_reason": "reported as lost"}
    if driver.standing is Standing.EXPIRED:
        row["expires_at"] = (now - EXPIRED_BEFORE).replace(microsecond=0).isoformat()
    return row
