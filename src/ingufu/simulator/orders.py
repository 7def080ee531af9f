"""What a CSMS may order of a station, in no version's words; each order returns the status word to answer with."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from ingufu.simulator import flow, limits
from ingufu.simulator.access import Token
from ingufu.simulator.evse import Evse, Part, Reason, Reservation, Trigger
from ingufu.simulator.limits import Profile
from ingufu.simulator.peer import Payload
from ingufu.simulator.station import Station


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The status word, and what happens once it is said."""

    status: str
    after: Callable[[], None] | None = None
    evse: Evse | None = None


def free_evse(station: Station, number: int | None, token: Token, group: str | None) -> Evse | None:
    """Return the EVSE asked for, or the first that fits, if the token may start there."""
    for evse in station.evses:
        if number is not None and evse.number != number:
            continue
        kept = evse.reservation
        is_kept = kept is not None and kept.token.key != token.key and (group is None or kept.group != group)
        if evse.token is None and evse.is_operative and evse.fault is None and not is_kept:
            return evse
    return None


def start(
    station: Station,
    number: int | None,
    token: Token,
    *,
    group: str | None = None,
    remote_start_id: int | None = None,
    profile: Payload | None = None,
) -> Order:
    """Accept a remote start if an EVSE is free for it; the start follows the answer."""
    evse = free_evse(station, number, token, group)
    if evse is None or not station.is_accepted or not station.is_operative:
        return Order(status="Rejected", evse=evse)

    def begin() -> None:
        if profile is not None:
            parsed = limits.parsed(profile, evse.number, station.now())
            if parsed is not None:
                station.profiles.install(parsed)
        flow.remote_start(station, evse, token, remote_start_id)

    return Order(status="Accepted", after=begin, evse=evse)


def stop(station: Station, name: str) -> Order:
    """Accept a remote stop of a transaction that runs here."""
    for evse in station.evses:
        if evse.transaction is not None and evse.transaction.name == name and station.is_accepted:
            return Order(
                status="Accepted",
                after=lambda evse=evse: flow.stop(station, evse, Reason.REMOTE, Trigger.REMOTE_STOP),  # type: ignore[misc]
                evse=evse,
            )
    return Order(status="Rejected")


def unlock(station: Station, evse: Evse) -> Order:
    """Release the cable; what runs ends first."""

    def release() -> None:
        if evse.token is not None or evse.transaction is not None:
            flow.stop(station, evse, Reason.UNLOCK, Trigger.UNLOCK, forces_end=True)

    return Order(status="UnlockFailed" if evse.fault == "ConnectorLockFailure" else "Unlocked", after=release)


def change_availability(station: Station, number: int | None, *, is_operative: bool, part: Part = Part.EVSE) -> Order:
    """Take one EVSE or its connector, or all, in or out of service; running transactions end first (Scheduled)."""
    chosen = [evse for evse in station.evses if number is None or evse.number == number]
    if not chosen:
        return Order(status="Rejected")
    is_scheduled = not is_operative and any(evse.transaction is not None for evse in chosen)

    def change() -> None:
        for evse in chosen:
            flow.set_operative(station, evse, part, is_operative=is_operative)

    return Order(status="Scheduled" if is_scheduled else "Accepted", after=change)


def change_station_availability(station: Station, *, is_operative: bool) -> Order:
    """Take the station as a whole in or out of service, and its EVSEs with it as long as it is out."""
    is_scheduled = not is_operative and any(evse.transaction is not None for evse in station.evses)
    return Order(
        status="Scheduled" if is_scheduled else "Accepted",
        after=lambda: flow.set_station_operative(station, is_operative=is_operative),
    )


def reserve(
    station: Station, number: int | None, reservation_id: int, token: Token, group: str | None, until: datetime
) -> Order:
    """Keep an EVSE for a token until then; the same id replaces."""
    if not station.spec.manner.has_reservations:
        return Order(status="Rejected")
    _forget(station, reservation_id)
    chosen = [evse for evse in station.evses if number is None or evse.number == number]
    free = [evse for evse in chosen if station.is_operative and evse.is_free and evse.reservation is None]
    if not free:
        return Order(status=_why_not(chosen))
    evse = free[0]
    reservation = Reservation(reservation_id=reservation_id, token=token, group=group, expires_at=until)

    def keep() -> None:
        evse.reservation = reservation
        evse.cancel("reservation_timer")
        wait_s = (until - station.now()).total_seconds()
        evse.reservation_timer = station.later(wait_s, lambda: _expired(station, evse, reservation))
        station.dialect.report_status(evse)

    return Order(status="Accepted", after=keep, evse=evse)


def cancel_reservation(station: Station, reservation_id: int) -> Order:
    """Free what was kept under that id."""
    known = any(evse.reservation and evse.reservation.reservation_id == reservation_id for evse in station.evses)
    return Order(
        status="Accepted" if known else "Rejected",
        after=(lambda: _forget(station, reservation_id, reports=True)) if known else None,
    )


def reset(station: Station, *, hard: bool, waits_for_idle: bool, reason: Reason) -> Order:
    """Reboot now, or once nothing charges."""
    if waits_for_idle and any(evse.transaction is not None for evse in station.evses):
        station.reset_when_idle = True
        return Order(status="Scheduled")
    return Order(status="Accepted", after=lambda: flow.reset(station, hard=hard, reason=reason))


def install_profile(station: Station, wire: Payload, number: int) -> Profile | None:
    """Install a charging profile and follow it; None if it cannot be followed."""
    profile = limits.parsed(wire, number, station.now())
    if profile is None or (number and station.evse(number) is None):
        return None
    if profile.purpose == limits.TX:
        evse = station.evse(number)
        running = None if evse is None else evse.transaction
        if running is None or profile.transaction not in (None, running.name):
            return None
    station.profiles.install(profile)
    return profile


def _why_not(chosen: list[Evse]) -> str:
    if any(evse.is_plugged or evse.token is not None or evse.reservation is not None for evse in chosen):
        return "Occupied"
    if any(evse.fault is not None for evse in chosen):
        return "Faulted"
    return "Unavailable" if chosen else "Rejected"


def _forget(station: Station, reservation_id: int, *, reports: bool = False) -> None:
    for evse in station.evses:
        if evse.reservation is not None and evse.reservation.reservation_id == reservation_id:
            evse.reservation = None
            evse.cancel("reservation_timer")
            if reports:
                station.dialect.report_status(evse)


def _expired(station: Station, evse: Evse, reservation: Reservation) -> None:
    evse.reservation_timer = None
    if evse.reservation is reservation:
        evse.reservation = None
        station.dialect.reservation_expired(evse, reservation)
        station.dialect.report_status(evse)
