"""What calculators ask: a session as people type it, priced as the API prices it."""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from decimal import ROUND_CEILING, Decimal

from ingufu.core.errors import InvalidInput
from ingufu.web.api.pricing import SupposedUsage
from ingufu.web.console.price_words import Speech, text
from ingufu.web.console.tariffs_reading import number_of, span_of

_FINE = Decimal("1e-15")
FIELDS = ("kwh", "minutes", "idle", "start")


def usage_of(get: Callable[[str], str], speech: Speech, zone: tzinfo, zone_name: str) -> SupposedUsage:
    """Return the usage that was typed into `FIELDS`. Raises InvalidInput that names the field."""
    return SupposedUsage(
        energy_kwh=_number(get, "kwh", speech),
        charging_min=_minutes(get, "minutes", speech),
        idle_min=_minutes(get, "idle", speech),
        started_at=instant_of(get("start"), zone, speech, "start"),
        time_zone=zone_name,
    )


def instant_of(typed: str, zone: tzinfo, speech: Speech, field: str) -> datetime | None:
    """Return the instant of a wall clock time as a browser sends it; None if nothing was typed.

    Of a time that is there twice the first is meant. Raises InvalidInput for one that is not there at all.
    """
    if not typed:
        return None
    try:
        shown = datetime.fromisoformat(typed).replace(tzinfo=None)
        found = shown.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        said = text(speech, "Write it as date and time, as in 2026-12-31 18:30.")
        raise InvalidInput(said, field=field) from error
    if found.astimezone(zone).replace(tzinfo=None) != shown:
        raise InvalidInput(text(speech, "That time is not there: clocks go forward then."), field=field)
    return found


def _number(get: Callable[[str], str], field: str, speech: Speech) -> Decimal:
    try:
        found = number_of(get(field), speech) or Decimal(0)
    except ValueError as error:
        raise InvalidInput(str(error), field=field) from error
    if found < 0:
        raise InvalidInput(text(speech, "This must be at least %(least)s.", least=0), field=field)
    return found


def _minutes(get: Callable[[str], str], field: str, speech: Speech) -> Decimal:
    try:
        # Up, by less than a microsecond: minutes are cut to whole ones, and 50 s shall be 50 s.
        return (Decimal(span_of(get(field), speech) or 0) / 60).quantize(_FINE, ROUND_CEILING)
    except ValueError as error:
        raise InvalidInput(str(error), field=field) from error
