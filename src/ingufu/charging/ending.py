"""Whether an operator may end a transaction whose station will never tell its end, and when it then ended. Pure."""

from datetime import UTC, datetime, timedelta

from ingufu.charging.fold import Known, sign_of_life
from ingufu.core.errors import Conflict, InvalidInput

REASON_MAX = 400  # characters of why
FRESH = timedelta(hours=1)  # what was heard of so lately, at a station that is connected, may still run


def check_silent(known: Known, now: datetime) -> None:
    """Raise Conflict for a transaction that may still run: its station is connected, so it can be told to stop."""
    heard_at = known.transaction.heard_at or known.transaction.updated_at
    if now - max(heard_at, sign_of_life(known)) < FRESH:
        raise Conflict("The station is connected and told of it within the hour: stop it there, or force its end.")


def end_of(known: Known, ended_at: datetime | None, now: datetime) -> datetime:
    """Return when it ended: as the operator says, else when the station last told of it. Raises InvalidInput."""
    last_at = sign_of_life(known)
    if ended_at is None:
        return last_at
    if ended_at > now:
        raise InvalidInput("It cannot have ended in the future.", field="ended_at")
    if ended_at < last_at.replace(microsecond=0):  # people say it by the second at best
        raise InvalidInput(f"It still ran at {last_at:%Y-%m-%dT%H:%M:%SZ}, as the station told.", field="ended_at")
    return max(ended_at.astimezone(UTC), last_at)
