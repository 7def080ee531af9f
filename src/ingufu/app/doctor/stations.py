"""The stations as they are entered: passwords, waivers, and those that are not heard of any more."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from ingufu.app.doctor.findings import Finding, ok, warning
from ingufu.stations.decide import MUTUAL_TLS, WAIVED
from ingufu.stations.model import Approval, Station

STALE = timedelta(days=7)
SHOWN = 5  # stations that are named


def check_stations(stations: Sequence[Station], now: datetime) -> Iterator[Finding]:
    """Look at what is entered about stations and when they were heard of."""
    approved = [station for station in stations if station.approval is Approval.APPROVED]
    waived = [one for one in approved if one.security_profile == WAIVED]
    keyless = [one for one in approved if WAIVED < one.security_profile < MUTUAL_TLS and one.password_hash is None]
    stale = [one for one in approved if one.last_seen_at is not None and now - one.last_seen_at > STALE]
    waiting = [one for one in stations if one.approval is Approval.WAITING]
    if waived:
        yield warning(
            "station passwords",
            f"{_count(waived)} may connect without any proof (security profile 0): {_named(waived)}.",
            "Set a password and security profile 1 or higher: anyone can call by that name.",
        )
    if keyless:
        yield warning(
            "station passwords",
            f"{_count(keyless)} have no password and cannot connect: {_named(keyless)}.",
            "Set one: ingufu admin station password <identity>, or in the console.",
        )
    if not waived and not keyless:
        yield ok("station passwords", f"{_count(approved)} prove themselves.")
    if stale:
        yield warning(
            "stale stations",
            f"{_count(stale)} were not heard of for a week: {_named(stale)}.",
            "Look at the page of each under Connections; delete those that are gone.",
        )
    else:
        yield ok("stale stations", "Every station that was ever connected was heard of within a week.")
    if waiting:
        yield warning(
            "waiting stations", f"{_count(waiting)} wait for approval: {_named(waiting)}.", "Approve or refuse them."
        )


def _count(stations: Sequence[Station]) -> str:
    return "1 station" if len(stations) == 1 else f"{len(stations)} stations"


def _named(stations: Sequence[Station]) -> str:
    more = f" and {len(stations) - SHOWN} more" if len(stations) > SHOWN else ""
    return ", ".join(station.identity for station in stations[:SHOWN]) + more
