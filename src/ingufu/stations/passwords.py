"""Which passwords open for a station: its own, for a while the one before, and those that it was sent.

The answer to a new password may be lost, and then nobody knows which one the station holds. What it was sent opens
beside its own until it comes with it, takes it by an answer, or refuses it.

A network profile of OCPP 2.1 has a password of its own, and the station goes from one profile to another as
connections fail. Each of them opens, for a season after it was sent or last used, and no refusal or change of another
ends it.
"""

from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec

from ingufu.core.ids import RandomBytes
from ingufu.infra import secrets
from ingufu.stations.model import ProfilePassword, Station

OFFERED_FOR = timedelta(days=90)  # a station may be without power for a season; each offer begins it anew
MOST_OFFERED = 4  # without an answer; the one offered first goes
MOST_OF_PROFILES = 8  # more than stations have slots; the one sent or used longest ago goes

Columns: TypeAlias = dict[str, Any]

NO_PREVIOUS: Columns = {"previous_password_hash": None, "previous_password_until": None}
NO_OFFER: Columns = {"offered_password_hashes": None, "offered_password_until": None, "profile_passwords": None}
NONE: Columns = NO_OFFER | NO_PREVIOUS | {"password_hash": None}


def right_one(station: Station, presented: bytes, at: datetime) -> str | None:
    """Return the hash for which a password is right, the station's own before others; None: for none.

    All are compared, so that the time it takes does not tell which one it was.
    """
    found = None
    of_profiles = (one.password_hash for one in _of_profiles(station, at))
    for stored in (*of_profiles, *offered(station, at), _previous(station, at), station.password_hash):
        if secrets.station_password_matches(stored, presented):
            found = stored
    return found


# Its own, and the one before


def previous(stored: str | None, until: datetime) -> Columns:
    """Return the columns in which this password is the one before."""
    return NO_PREVIOUS if stored is None else {"previous_password_hash": stored, "previous_password_until": until}


def in_use(station: Station, at: datetime, granted: datetime) -> str | None:
    """Return the hash of the password that the station uses: the one before, while it has to be reset for its own."""
    return _previous(station, at) if _waits(station, at, granted) else station.password_hash


def end_waiting(station: Station, at: datetime, granted: datetime) -> Columns:
    """Return the columns once the station has come with its own password; none if the one before is over anyway.

    That one opens no longer than the settings grant.
    """
    if not _waits(station, at, granted):
        return {}
    return previous(station.previous_password_hash if granted > at else None, granted)


def _waits(station: Station, at: datetime, granted: datetime) -> bool:
    """Return whether the one before opens for longer than the settings grant: until the station has been reset."""
    until = station.previous_password_until
    return _previous(station, at) is not None and until is not None and until > granted


def _previous(station: Station, at: datetime) -> str | None:
    until = station.previous_password_until
    return station.previous_password_hash if until is not None and at < until else None


# Sent to be its own


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
    until = until if hashes else None
    return {"offered_password_hashes": hashes or None, "offered_password_until": until}


# Sent in network profiles


def find_of_profile(station: Station, slot: str, password: str, at: datetime) -> ProfilePassword | None:
    """Return what is known of this password in the profile of a slot; None: nothing."""
    presented = password.encode()
    for one in _of_profiles(station, at):
        if one.slot == slot and secrets.station_password_matches(one.password_hash, presented):
            return one
    return None


def offer_of_profile(station: Station, slot: str, password: str, at: datetime, random_bytes: RandomBytes) -> Columns:
    """Return the columns in which a password is the last one sent to a slot."""
    one = _sent(station, slot, password, at, random_bytes)
    others = [other for other in _of_profiles(station, at) if other.password_hash != one.password_hash]
    return _profile_columns([*others, one])


def take_of_profile(station: Station, slot: str, password: str, at: datetime, random_bytes: RandomBytes) -> Columns:
    """Return the columns once the station keeps a password in a slot, in which no other one stands then."""
    one = _sent(station, slot, password, at, random_bytes)
    return _profile_columns([*(other for other in _of_profiles(station, at) if other.slot != slot), one])


def refuse_of_profile(station: Station, slot: str, password: str, at: datetime) -> Columns:
    """Return the columns without a password that the station did not put into a slot."""
    refused = find_of_profile(station, slot, password, at)
    return _profile_columns([one for one in _of_profiles(station, at) if one != refused])


def come_by_profile(station: Station, stored: str, at: datetime) -> Columns:
    """Return the columns once the station has come with the password of a profile; none if it is that of no profile.

    The one that it used before opens on, for it may be that of another profile, to which the station falls back.
    """
    known = {one.password_hash: one for one in _of_profiles(station, at)}
    used = known.pop(stored, None)
    if used is None:
        return {}
    until = at + OFFERED_FOR
    replace = msgspec.structs.replace
    before, before_until = _previous(station, at), station.previous_password_until
    if before is not None and before_until is not None:
        known[before] = ProfilePassword(slot=None, password_hash=before, until=min(before_until, until))
    own = station.password_hash
    if own is not None:
        last = known.pop(own, None) or ProfilePassword(slot=None, password_hash=own, until=until)
        known[own] = replace(last, until=until)
    columns = _profile_columns([*known.values(), replace(used, until=until)])
    return columns | NO_PREVIOUS | {"password_hash": stored}


def drop_own_of_profiles(station: Station, at: datetime) -> Columns:
    """Return the columns without the station's own password: a new one takes its place in the profile in use, too."""
    return _profile_columns([one for one in _of_profiles(station, at) if one.password_hash != station.password_hash])


def _of_profiles(station: Station, at: datetime) -> list[ProfilePassword]:
    return [one for one in station.profile_passwords or () if at < one.until]


def _sent(station: Station, slot: str, password: str, at: datetime, random_bytes: RandomBytes) -> ProfilePassword:
    known = find_of_profile(station, slot, password, at)
    stored = secrets.hash_station_password(password, random_bytes) if known is None else known.password_hash
    return ProfilePassword(slot=slot, password_hash=stored, until=at + OFFERED_FOR)


def _profile_columns(left: list[ProfilePassword]) -> Columns:
    return {"profile_passwords": left[-MOST_OF_PROFILES:] or None}
