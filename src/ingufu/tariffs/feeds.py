"""Prices that vary in time: what a feed is, and how its files are read. Pure.

CSV has a header with `from` (or `start`) and `price`, perhaps `end`; JSON is a list of objects with the same names.
Times are ISO 8601; one without an offset is of the feed's time zone. Numbers are exact.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ingufu.core.errors import InvalidInput
from ingufu.tariffs.model import FeedPrice, Terms

MAX_BYTES = 1_000_000
MAX_PRICES = 20_000  # half a year of quarters of an hour
MAX_ROWS_SHOWN = 40
PRICE_LIMIT = Decimal(1_000_000)  # per kWh
MAX_DIGITS = 30
_BEGINS = ("from", "start", "from_at", "time")
_ENDS = ("end", "until", "to")
_DELIMITERS = ",;\t"


class FeedUnit(StrEnum):
    """What the prices of a feed's files are for."""

    KWH = "kWh"
    MWH = "MWh"


class FeedSource(StrEnum):
    """Where the prices of a feed come from."""

    UPLOAD = "upload"
    HTTP = "http"  # fetched regularly


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """A price that varies in time, and how it went to learn it."""

    id: str
    organisation_id: str
    name: str
    currency: str
    unit: FeedUnit = FeedUnit.KWH
    source: FeedSource = FeedSource.UPLOAD
    shown_address: str = ""  # without what may be a key
    every_s: int = 3600
    time_zone: str = "UTC"  # of times without an offset
    created_at: datetime
    updated_at: datetime
    next_fetch_at: datetime | None = None
    fetched_at: datetime | None = None  # tried
    good_at: datetime | None = None  # with success
    failures: int = 0  # since then
    error: str = ""  # of the last try


class Row(msgspec.Struct, frozen=True):
    """A price of a file, as read."""

    place: str  # as people find it: "line 3"
    begins: str
    ends: str
    price: str


def feed_ids(terms: Terms) -> tuple[str, ...]:
    """Return the feeds that the terms name, each once."""
    named = [
        component.feed.feed_id
        for element in terms.elements
        for component in element.components
        if component.feed is not None
    ]
    return tuple(dict.fromkeys(named))


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone. Raises InvalidInput if there is none called so."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(f"“{name[:40]}” is no time zone, for instance Africa/Kigali.", field="time_zone") from error


def read(raw: bytes, *, unit: FeedUnit, time_zone: str) -> tuple[FeedPrice, ...]:
    """Return the prices of a file per kWh, the earliest first. Raises InvalidInput that says what is wrong where."""
    if len(raw) > MAX_BYTES:
        raise InvalidInput(f"A file has at most {MAX_BYTES} bytes.")
    try:
        text = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise InvalidInput("The file is not UTF-8 text.") from error
    rows = list(_json_rows(text) if text[:1] in ("[", "{") else _csv_rows(text))
    if not rows:
        raise InvalidInput("There is no price in it.")
    if len(rows) > MAX_PRICES:
        raise InvalidInput(f"A file has at most {MAX_PRICES} prices.")
    return _checked(rows, unit, zone_of(time_zone))


def span(prices: Sequence[FeedPrice], since: datetime, until: datetime | None) -> tuple[FeedPrice, ...]:
    """Return of rising prices those that hold from `since` to `until`: the one in force then, and those that follow."""
    first = next((i for i in range(len(prices) - 1, -1, -1) if prices[i].from_at <= since), 0)
    return tuple(one for one in prices[first:] if until is None or one.from_at < until or one.from_at <= since)


def merged(
    known: Sequence[FeedPrice], given: Sequence[FeedPrice], now: datetime
) -> tuple[tuple[FeedPrice, ...], tuple[datetime, ...]]:
    """Return which prices are written, and at which instants prices are removed. Both are rising.

    What began last is fixed with all before it: only later ones are taken. They replace what was known of the time
    that they cover; what is known beyond stays.
    """
    fixed = max((one.from_at for one in known if one.from_at <= now), default=None)
    taken = [one for one in given if fixed is None or one.from_at > fixed]
    if not taken:
        return (), ()
    held = {one.from_at: one.price for one in known}
    wanted = {one.from_at for one in taken}
    removed = tuple(
        one.from_at
        for one in known
        if taken[0].from_at <= one.from_at <= taken[-1].from_at
        and one.from_at not in wanted
        and (fixed is None or one.from_at > fixed)
    )
    return tuple(one for one in taken if held.get(one.from_at) != one.price), removed


def _csv_rows(text: str) -> Iterator[Row]:
    lines = text.splitlines()
    head = lines[0] if lines else ""
    delimiter = max(_DELIMITERS, key=head.count)
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InvalidInput(f"The CSV cannot be read: {error}.") from error
    names = [name.strip().casefold() for name in rows[0]] if rows else []
    begin, end, price = _column(names, _BEGINS), _column(names, _ENDS), _column(names, ("price",))
    if begin is None or price is None:
        raise InvalidInput("The first line must name the columns: from,price or start,end,price.")
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= max(begin, price):
            raise InvalidInput(f"Line {number}: too few columns.")
        amount = row[price].strip()
        if delimiter != "," and "." not in amount:
            amount = amount.replace(",", ".")  # as written where the comma is the decimal sign
        ends = row[end].strip() if end is not None and end < len(row) else ""
        yield Row(f"Line {number}", row[begin].strip(), ends, amount)


def _column(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _json_rows(text: str) -> Iterator[Row]:
    try:
        found: Any = msgspec.json.Decoder(float_hook=str).decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidInput("The JSON cannot be read.") from error
    if isinstance(found, dict):
        found = found.get("prices")
    if not isinstance(found, list):
        raise InvalidInput('The JSON must be a list of objects with "from" and "price".')
    for number, item in enumerate(found, start=1):
        place = f"Price {number}"
        if not isinstance(item, dict):
            raise InvalidInput(f"{place}: it is no object.")
        begins, price = _of(item, _BEGINS), item.get("price")
        if not begins or isinstance(price, bool) or not isinstance(price, int | str):
            raise InvalidInput(f'{place}: "from" and "price" are needed.')
        yield Row(place, begins, _of(item, _ENDS), str(price))


def _of(item: Mapping[str, Any], names: Sequence[str]) -> str:
    found = next((item[name] for name in names if name in item), "")
    return found.strip() if isinstance(found, str) else ""


def _checked(rows: Sequence[Row], unit: FeedUnit, zone: ZoneInfo) -> tuple[FeedPrice, ...]:
    timed: list[tuple[datetime, datetime | None, Decimal, str]] = []
    last: datetime | None = None
    for row in rows:
        begins = _instant(row.begins, zone, row.place, after=last)
        ends = _instant(row.ends, zone, row.place, after=begins) if row.ends else None
        if ends is not None and ends <= begins:
            raise InvalidInput(f"{row.place}: it ends before it begins.")
        timed.append((begins, ends, _price(row, unit), row.place))
        last = begins
    timed.sort(key=lambda one: one[0])
    found: list[FeedPrice] = [FeedPrice(from_at=timed[0][0], price=timed[0][2])]
    for (begins, ends, price, _), (following, _, following_price, place) in pairwise(timed):
        if following == begins:
            if following_price != price:
                raise InvalidInput(f"{place}: there are two prices for {_said(begins)}.")
            continue
        if ends is not None and ends != following:
            word = "overlap" if ends > following else "leave a gap"
            raise InvalidInput(f"{place}: the prices {word} at {_said(min(ends, following))}.")
        found.append(FeedPrice(from_at=following, price=following_price))
    return tuple(found)


def _instant(text: str, zone: ZoneInfo, place: str, *, after: datetime | None) -> datetime:
    """Return the instant. An hour that the clock goes through twice is the second one where times rise only so."""
    utc = ZoneInfo("UTC")
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found.astimezone(utc)
        first, second = (found.replace(tzinfo=zone, fold=fold).astimezone(utc) for fold in (0, 1))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{place}: “{text[:40]}” is no time; write it as 2026-03-01T00:00+02:00.") from error
    if first.astimezone(zone).replace(tzinfo=None) != found:
        raise InvalidInput(f"{place}: {text[:40]} does not exist there: the clock goes forward.")
    return second if after is not None and first <= after < second else first


def _price(row: Row, unit: FeedUnit) -> Decimal:
    try:
        price = Decimal(row.price)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or len(row.price) > MAX_DIGITS:
        raise InvalidInput(f"{row.place}: “{row.price[:40]}” is no price.")
    price = price.scaleb(-3) if unit is FeedUnit.MWH else price
    if abs(price) > PRICE_LIMIT:
        raise InvalidInput(f"{row.place}: the price is too high to be true.")
    return price


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def waiting(every_s: int, failures: int) -> timedelta:
    """Return after how long a feed is fetched again: sooner after a failure, then at longer and longer intervals."""
    usual = timedelta(seconds=every_s)
    if not failures:
        return usual
    return min(usual, timedelta(seconds=60 * 2 ** min(failures - 1, 10)))
