"""The prices of a feed as bars, from the beginning of today to the end of what is known of tomorrow. Pure."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta, tzinfo
from decimal import Decimal

import msgspec
from babel.dates import format_datetime

from ingufu.tariffs.model import FeedPrice
from ingufu.web.console import formats
from ingufu.web.console.price_words import PriceWords, text

_ROOM = 88.0  # per cent of the height that the bars take; the hours stand below
_MOST_BARS = 400


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A price in its time; all in per cent."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    words: str


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """The picture and the table that says the same."""

    bars: tuple[Bar, ...]
    hours: tuple[tuple[float, str], ...]
    zero: float
    label: str
    rows: tuple[tuple[str, str], ...]


def window(now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return from when to when a feed is drawn: today and tomorrow, by the clocks of the zone."""
    today = now.astimezone(zone).date()
    begins = datetime.combine(today, time(0), zone)
    return begins, datetime.combine(today + timedelta(days=2), time(0), zone)


def curve(
    prices: Sequence[FeedPrice], currency: str, words: PriceWords, *, now: datetime, zone: tzinfo
) -> Curve | None:
    """Return the picture of what a feed says; None if it says nothing of that time."""
    begins, ends = window(now, zone)
    known = [one for one in prices if one.from_at < ends][-_MOST_BARS:]
    if not known:
        return None
    low, high = min(Decimal(0), *(one.price for one in known)), max(Decimal(0), *(one.price for one in known))
    scale = _ROOM / float(high - low or 1)
    total_s = (ends - begins).total_seconds()
    zero = _ROOM + float(low) * scale

    def x(at: datetime) -> float:
        return round(max(0.0, min(100.0, (at - begins).total_seconds() / total_s * 100)), 3)

    bars: list[Bar] = []
    rows: list[tuple[str, str]] = []
    for place, one in enumerate(known):
        until = known[place + 1].from_at if place + 1 < len(known) else min(ends, one.from_at + timedelta(hours=1))
        height = abs(float(one.price)) * scale
        when = _when(max(one.from_at, begins), zone, words)
        amount = text(words.speech, "%(amount)s per kWh", amount=formats.price(one.price, currency, words.locale))
        rows.append((when, amount))
        if x(until) > x(one.from_at):
            bars.append(
                Bar(
                    x=x(one.from_at), y=round(zero - (height if one.price > 0 else 0), 3),
                    width=round(max(0.05, x(until) - x(one.from_at) - 0.15), 3), height=round(max(height, 0.4), 3),
                    kind="below" if one.price < 0 else "above", words=f"{when}: {amount}",
                )
            )  # fmt: skip
    if not bars:
        return None
    hours = tuple((round(part * 12.5, 3), _hour(begins + (ends - begins) * part / 8, zone)) for part in range(0, 8, 2))
    label = text(
        words.speech, "From %(low)s to %(high)s per kWh, %(begin)s to %(end)s, %(zone)s",
        low=formats.price(min(one.price for one in known), currency, words.locale),
        high=formats.price(max(one.price for one in known), currency, words.locale),
        begin=rows[0][0], end=rows[-1][0], zone=str(zone),
    )  # fmt: skip
    return Curve(bars=tuple(bars), hours=hours, zero=round(zero, 3), label=label, rows=tuple(rows))


def _when(at: datetime, zone: tzinfo, words: PriceWords) -> str:
    return format_datetime(at.astimezone(zone), "EEE d MMM HH:mm", locale=words.locale)


def _hour(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%H:%M")
