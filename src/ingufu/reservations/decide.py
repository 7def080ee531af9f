"""The rules of reservations: what may be kept, whom a place is kept for, and what a start means for it. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from ingufu.core.errors import Conflict, InvalidInput
from ingufu.reservations.model import Place, Reservation, ReservationStatus, Use, Wanted

LONGEST = timedelta(days=31)
SHORTEST = timedelta(seconds=30)  # shorter than any driver needs; a station would give it up on arrival


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a start means: which reservation it uses, and which it took the place of."""

    used: Reservation | None = None
    overtaken: Reservation | None = None


def check(wanted: Wanted, now: datetime, places: Sequence[Place]) -> None:
    """Raise InvalidInput, naming the field, if this cannot be kept at any station with these places."""
    if not wanted.token_value.strip():
        raise InvalidInput("Say for which token.", field="token")
    if wanted.expires_at.tzinfo is None:
        raise InvalidInput("A time needs its zone.", field="expires_at")
    if wanted.expires_at < now + SHORTEST:
        raise InvalidInput("A reservation ends in the future.", field="expires_at")
    if wanted.expires_at > now + LONGEST:
        raise InvalidInput(f"A reservation lasts at most {LONGEST.days} days.", field="expires_at")
    if wanted.evse is not None and wanted.plug is not None:
        raise InvalidInput("Name an EVSE or a kind of plug, not both.", field="plug")
    if wanted.evse is not None and places and all(place.evse != wanted.evse for place in places):
        raise InvalidInput(f"The station has no EVSE {wanted.evse}.", field="evse")
    known = {plug for place in places for plug in place.plugs}
    if wanted.plug is not None and known and wanted.plug not in known:
        raise InvalidInput(f"The station has no {wanted.plug}.", field="plug")


def check_room(wanted: Wanted, live: Iterable[Reservation], places: Sequence[Place]) -> None:
    """Raise Conflict, saying why, if what is kept already leaves no place for this."""
    held = list(live)
    if wanted.evse is not None:
        rival = next((one for one in held if one.evse == wanted.evse), None)
        if rival is not None:
            raise Conflict(
                f"EVSE {wanted.evse} is reserved already, until {_clock(rival.expires_at)} (no. {rival.id})."
            )
    if not places:
        return
    fitting = [place for place in places if _fits(place, wanted.evse, wanted.plug)]
    taken = {one.evse for one in held if one.evse is not None}
    free = [place for place in fitting if place.evse not in taken]
    floating = [one for one in held if one.evse is None and any(_fits(place, None, one.plug) for place in fitting)]
    if wanted.evse is None and len(floating) >= len(free):
        raise Conflict("Every place of this kind at the station is reserved already.")
    every_free = [place for place in places if place.evse not in taken]
    loose = [one for one in held if one.evse is None]
    if wanted.evse is not None and len(loose) >= len(every_free):
        raise Conflict("Every free place of the station is reserved already, without naming one.")


def find_use(use: Use, live: Iterable[Reservation]) -> Outcome:
    """Return what a start means for the reservations of its station.

    What the start names counts; else a place that was kept, when it began, for this token or its group (1.6 5.13;
    2.x H03). A start by somebody else on a place that is kept overtakes it. A clock that is off must not take a place
    from whoever came for it: one time at which the start may have been is enough.
    """
    held = list(live)
    named = next((one for one in held if one.id == use.reservation_id), None)
    if named is not None:
        return Outcome(used=named)
    times = use.times or (use.at,)
    current = [one for one in held if one.is_live and any(_is_kept(one, at) for at in times)]
    here = next((one for one in current if one.evse is not None and one.evse == use.evse), None)
    if here is not None:
        if matches(here, use):
            return Outcome(used=here)
        return Outcome(overtaken=here) if use.token_key is not None else Outcome()
    return Outcome(used=next((one for one in current if one.evse is None and matches(one, use)), None))


def matches(reservation: Reservation, use: Use) -> bool:
    """Return whether the place is kept for whoever starts: the same token, or one of the same group."""
    if use.token_key is not None and use.token_key == reservation.token_key:
        return True
    group = reservation.group_value
    return group is not None and use.group_value is not None and group.casefold() == use.group_value.casefold()


def end_of(before: ReservationStatus, told: ReservationStatus) -> ReservationStatus | None:
    """Return what a reservation becomes when its station says how it ended; None if that is no news."""
    if told is ReservationStatus.NO_TRANSACTION:
        return told if before in (ReservationStatus.USED, ReservationStatus.KEPT) else None
    if before is ReservationStatus.CANCELLING:
        return ReservationStatus.CANCELLED if told is ReservationStatus.REMOVED else told
    return told if before in (ReservationStatus.ASKED, ReservationStatus.KEPT) else None


def _is_kept(reservation: Reservation, at: datetime) -> bool:
    return (reservation.kept_at or reservation.created_at) <= at <= reservation.expires_at


def _fits(place: Place, evse: int | None, plug: str | None) -> bool:
    if evse is not None:
        return place.evse == evse
    return plug is None or not place.plugs or plug in place.plugs


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
