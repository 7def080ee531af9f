"""Where and when a limited token may start. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ingufu.authorization.model import Hours, Place, Token, TokenLimits, VerdictReason

DAY = timedelta(days=1)


def judge(token: Token, place: Place | None, evse: int | None, at: datetime) -> tuple[VerdictReason, tuple[int, ...]]:
    """Return the reason for which the token is refused here and now, or KNOWN_TOKEN, with the EVSEs it is tied to.

    `place` None: it is not known, and a token that is limited to places is refused. OCPP 2.x C01.FR.18 to 21.
    """
    limits = token.limits
    if limits is None:
        return _credit(token), ()
    allowed, reason = _places(limits, place)
    if reason is not None:
        return reason, ()
    fitting = _plugs(limits, place)
    if fitting is not None and not fitting:
        return VerdictReason.WRONG_PLUG, ()
    tied = _both(allowed, fitting)
    if evse is not None:
        if fitting is not None and evse not in fitting:
            return VerdictReason.WRONG_PLUG, ()
        if allowed is not None and evse not in allowed:
            return VerdictReason.NOT_AT_THIS_EVSE, tied
    if tied == () and (allowed is not None or fitting is not None):
        return VerdictReason.WRONG_PLUG, ()
    if limits.hours and _window(limits, place, at) is None:
        return VerdictReason.OUTSIDE_HOURS, ()
    has_all = place is not None and len(tied) == len(place.evses)
    return _credit(token), () if has_all else tied


def hours_end(token: Token, place: Place | None, at: datetime) -> datetime | None:
    """Return when the hours end in which the token may start now; None if it is not limited to hours."""
    if token.limits is None or not token.limits.hours:
        return None
    return _window(token.limits, place, at)


def _credit(token: Token) -> VerdictReason:
    return VerdictReason.KNOWN_TOKEN if token.has_credit else VerdictReason.NO_CREDIT


def _places(limits: TokenLimits, place: Place | None) -> tuple[frozenset[int] | None, VerdictReason | None]:
    """Return the EVSEs that are allowed (None: all), or why it is refused here."""
    if not limits.has_places:
        return None, None
    if place is None:
        return None, VerdictReason.NOT_AT_THIS_PLACE
    if place.station_id in limits.stations or (place.site_id is not None and place.site_id in limits.sites):
        return None, None
    evses = frozenset(one.evse for one in limits.evses if one.station_id == place.station_id)
    return (evses, None) if evses else (None, VerdictReason.NOT_AT_THIS_PLACE)


def _plugs(limits: TokenLimits, place: Place | None) -> frozenset[int] | None:
    """Return the EVSEs with a plug that is allowed, or of which no plug is known; None: plugs do not matter."""
    if not limits.plugs or place is None or not any(plugs for _, plugs in place.evses):
        return None
    return frozenset(number for number, plugs in place.evses if not plugs or plugs & set(limits.plugs))


def _both(allowed: frozenset[int] | None, fitting: frozenset[int] | None) -> tuple[int, ...]:
    if allowed is None or fitting is None:
        return tuple(sorted(allowed or fitting or ()))
    return tuple(sorted(allowed & fitting))


def _window(limits: TokenLimits, place: Place | None, at: datetime) -> datetime | None:
    """Return the end of the hours that `at` lies in, the latest if several do; None if it lies in none."""
    local = at.astimezone(ZoneInfo("UTC" if place is None else place.zone))
    ends = [end for hours in limits.hours for day in (0, 1) if (end := _end(hours, local, day)) is not None]
    return max(ends, default=None)


def _end(hours: Hours, local: datetime, days_ago: int) -> datetime | None:
    """Return when the hours that began that many days ago end, if they hold at `local`."""
    day = local.date() - days_ago * DAY
    if day.isoweekday() not in hours.days:
        return None
    last = day if hours.end > hours.start else day + DAY
    start = datetime.combine(day, hours.start, local.tzinfo)
    end = datetime.combine(last, hours.end, local.tzinfo)
    moment = local.timestamp()  # compared as instants: local times jump when the clocks change
    if start.timestamp() <= moment < end.timestamp():
        return datetime.fromtimestamp(end.timestamp(), UTC)
    return None
