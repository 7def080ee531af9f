"""Which passwords open for a station: its own, for a while the one before, and those that it was sent.

The answer to a new password may be lost, and then nobody knows which one the station holds. What it was sent opens
beside its own until it comes with it, takes it by an answer, or refuses it.
"""

from datetime import datetime, timedelta
from typing import Any, TypeAlias

from ingufu.core.ids import RandomBytes
from ingufu.infra import secrets
from ingufu.stations.model import Station

OFFERED_FOR = timedelta(days=90)  # a station may be without power for a season; each offer begins it anew
MOST_OFFERED = 4  # without an answer; the one offered first goes

Columns: TypeAlias = dict[str, Any]

NO_OFFER: Columns = {"offered_password_hashes": None, "offered_password_until": None}
NONE: Columns = NO_OFFER | {"password_hash": None, "previous_password_hash": None, "previous_password_until": None}


def right_one(station: Station, presented: bytes, at: datetime) -> str | None:
    """Return the hash for which a password is right, the station's own before others; None: for none.

    All are compared, so that the time it takes does not tell which one it was.
    """
    found = None
    for stored in (*offered(station, at), _previous(station, at), station.password_hash):
        if secrets.station_password_matches(stored, presented):
            found = stored
    return found


def offered(station: Station, at: datetime) -> list[str]:
    """Return the hashes of passwords that the station was sent and that it may have taken, in their order."""
    until = station.offered_password_until
    return list(station.offered_password_hashes or ()) if until is not None and at < until else []


def hash_offered(station: Station, password: str, at: datetime) -> str | None:
    """Return the hash under which a password was offered; None: it was not."""
    presented = password.encode()
    return next((one for one in offered(station, at) if secrets.station_password_matches(one, presented)), None)


def offer(station: Station, password: str, at: datetime, random_bytes: RandomBytes) -> Columns:
    """Return the columns in which a password is the last one offered."""
    stored = hash_offered(station, password, at) or secrets.hash_station_password(password, random_bytes)
    others = [one for one in offered(station, at) if one != stored]
    return _columns([*others, stored][-MOST_OFFERED:], at + OFFERED_FOR)


def withdraw(station: Station, stored: str, at: datetime) -> Columns:
    """Return the columns without an offer that the station has refused."""
    return _columns([one for one in offered(station, at) if one != stored], station.offered_password_until)


def settle(station: Station, stored: str | None, at: datetime) -> Columns:
    """Return the columns once the station is known to hold a password: what was offered before it is over.

    What was offered after it may still be on its way.
    """
    left = offered(station, at)
    return _columns(left[left.index(stored) + 1 :] if stored in left else [], station.offered_password_until)


def _columns(hashes: list[str], until: datetime | None) -> Columns:
    return {"offered_password_hashes": hashes, "offered_password_until": until} if hashes else NO_OFFER


def _previous(station: Station, at: datetime) -> str | None:
    until = station.previous_password_until
    return station.previous_password_hash if until is not None and at < until else None
