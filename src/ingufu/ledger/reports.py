"""Reports of payment providers: read from CSV, whatever its columns are called, and compared with what is booked."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from ingufu.core.errors import InvalidInput
from ingufu.core.money import minor_units
from ingufu.ledger.decide import LONGEST_NAME, MAX_AMOUNT
from ingufu.ledger.model import MatchState, Reported, ReportedKind, ReportRow

MAX_BYTES = 1_000_000
MAX_ROWS = 10_000  # they are kept in one commit, for which stations wait
MAX_COLUMNS = 100
MAX_FIELD = 2000
_AMOUNT = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,6})?", re.ASCII)
_YEARS = range(2000, 2100)
_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%d/%m/%Y", "%d.%m.%Y", "%d/%m/%Y %H:%M:%S")
_KINDS = {
    "payment": ReportedKind.PAYMENT,
    "charge": ReportedKind.PAYMENT,
    "collection": ReportedKind.PAYMENT,
    "top-up": ReportedKind.PAYMENT,
    "refund": ReportedKind.REFUND,
    "chargeback": ReportedKind.REFUND,
    "payout": ReportedKind.PAYOUT,
    "settlement": ReportedKind.PAYOUT,
    "disbursement": ReportedKind.PAYOUT,
}


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the columns of a report are called; those named empty are not read."""

    reference: str = "reference"
    date: str = "date"
    amount: str = "amount"
    fee: str = "fee"
    currency: str = "currency"
    kind: str = "kind"


Key = tuple[str, str, bool]  # reference, currency, and whether it goes out


class Booking(NamedTuple):
    """What is booked on the provider's clearing account under one of its references.

    What takes an entry back bears the reference of that one, whose time is `reversed_at`.
    """

    reference: str
    currency: str
    amount: Decimal
    at: datetime
    entry_id: str
    entered_at: datetime
    reverses_id: str | None = None
    reversed_at: datetime | None = None


class Known(NamedTuple):
    """A line of an earlier report."""

    key: Key
    at: datetime
    reported_at: datetime | None  # when that report was taken in; None: the provider did not report this
    entry_id: str | None  # what it is compared with
    correction_id: str | None  # the entry by which it was resolved


def read(data: bytes, columns: Columns, *, currency: str = "") -> tuple[Reported, ...]:
    """Return the lines of a report. `currency` is that of lines which do not say theirs.

    Raises InvalidInput with the number of the line for what cannot be read, and for more than is taken at once.
    """
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"A report has at most {MAX_BYTES // 1_000_000} MB; cut it by time.", field="report")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput("The report is not UTF-8 text.", field="report") from error
    if "\0" in text:
        raise InvalidInput("The report is not text.", field="report")
    head, _, _ = text.partition("\n")
    delimiter = max(",;\t", key=head.count)
    found: list[Reported] = []
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        places = _places(next(rows, []), columns)
        for row in rows:
            if not any(field.strip() for field in row):
                continue
            if len(found) >= MAX_ROWS:
                raise InvalidInput(f"A report has at most {MAX_ROWS:,} lines; cut it by time.", field="report")
            found.append(_line(rows.line_num, row, places, currency))
    except csv.Error as error:
        raise InvalidInput(f"The report is no CSV: {error}.", field="report") from error
    if not found:
        raise InvalidInput("The report has no lines.", field="report")
    return tuple(found)


def compare(
    report_id: str,
    provider: str,
    reported: Sequence[Reported],
    booked: Iterable[Booking],
    known: Sequence[Known],
) -> tuple[ReportRow, ...]:
    """Return each line beside what is booked, then what is booked in the report's time and not reported.

    `known` are the lines that earlier reports had of these references.
    """
    came = {key_of(one.reference, one.currency, one.amount) for one in reported}
    by_key = _Filing(came, known).by_key(booked)
    seen = {one.key for one in known if one.reported_at is not None}
    rows: list[ReportRow] = []
    for one in reported:
        key = key_of(one.reference, one.currency, one.amount)
        rows.append(_row(report_id, provider, one, by_key.get(key, []), is_again=key in seen))
        seen.add(key)
    first, last = period(reported)
    line = max((one.line for one in reported), default=0)
    currencies = {one.currency for one in reported}  # providers report currencies apart
    for key, bookings in by_key.items():
        due = [one for one in bookings if first <= one.at < last]
        amount = sum((one.amount for one in due), Decimal(0))
        if key in seen or not amount or key[1] not in currencies:
            continue
        line += 1
        rows.append(
            ReportRow(
                report_id=report_id,
                line=line,
                provider=provider,
                reference=key[0],
                at=due[0].at,
                kind=ReportedKind.PAYMENT if amount > 0 else ReportedKind.REFUND,
                currency=key[1],
                booked=amount,
                state=MatchState.MISSING_THERE,
                entry_id=due[0].entry_id,
            )
        )
    return tuple(rows)


class _Filing:
    """Says which line each booking is compared with; most with that of their own reference and direction.

    A correction by which an earlier line was resolved belongs to that line, whichever way it goes. What was taken back
    before the provider reported it belongs to what it takes back, since the provider may never have had it; what was
    taken back afterwards is a refund, which the provider has to report as one.
    """

    def __init__(self, came: set[Key], known: Sequence[Known]) -> None:
        self._resolved = {one.correction_id: one for one in known if one.correction_id is not None}
        self._corrected = {one.key for one in self._resolved.values()}
        self._told: dict[Key, datetime] = {}
        for one in known:
            if one.reported_at is not None:
                self._told[one.key] = min(one.reported_at, self._told.get(one.key, one.reported_at))
        self._reported = came | self._told.keys()

    def by_key(self, booked: Iterable[Booking]) -> dict[Key, list[Booking]]:
        """Return the bookings by the key of their line, each with the time of what it belongs to."""
        found: dict[Key, list[Booking]] = {}
        filed: dict[str, Key] = {}
        for one in sorted(booked, key=lambda one: (one.entered_at, one.entry_id)):
            key, at = self._place(one, filed)
            filed.setdefault(one.entry_id, key)
            found.setdefault(key, []).append(one._replace(at=at))
        return found

    def _place(self, one: Booking, filed: Mapping[str, Key]) -> tuple[Key, datetime]:
        line = self._resolved.get(one.reverses_id or one.entry_id)
        if line is not None:
            return line.key if line.reported_at is not None else filed.get(line.entry_id or "", line.key), line.at
        own = key_of(one.reference, one.currency, one.amount)
        if one.reversed_at is None or self._is_refund(one, own):
            return own, one.at
        return key_of(one.reference, one.currency, -one.amount), one.reversed_at

    def _is_refund(self, one: Booking, own: Key) -> bool:
        original = key_of(one.reference, one.currency, -one.amount)
        told_at = self._told.get(original)
        if told_at is not None and one.entered_at >= told_at:
            return True
        return own in self._reported and not (told_at is not None and original in self._corrected)


def key_of(reference: str, currency: str, amount: Decimal) -> Key:
    """Return what lines and bookings are compared by: what comes in and what goes out under one reference are two."""
    return reference, currency, amount < 0


def period(reported: Iterable[Reported]) -> tuple[datetime, datetime]:
    """Return the days that a report is of: the begin of the first, and the end of the last."""
    instants = [one.at for one in reported]
    first, last = min(instants), max(instants)
    begin = first.replace(hour=0, minute=0, second=0, microsecond=0)
    return begin, last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _row(report_id: str, provider: str, one: Reported, bookings: Sequence[Booking], *, is_again: bool) -> ReportRow:
    booked = sum((booking.amount for booking in bookings), Decimal(0)) if bookings else None
    if is_again:
        state = MatchState.DUPLICATE
    elif booked is None:
        state = MatchState.MISSING_HERE
    else:
        state = MatchState.MATCHED if booked == one.amount else MatchState.AMOUNT_DIFFERS
    return ReportRow(
        report_id=report_id,
        line=one.line,
        provider=provider,
        reference=one.reference,
        at=one.at,
        kind=one.kind,
        amount=one.amount,
        fee=one.fee,
        currency=one.currency,
        booked=booked,
        state=state,
        entry_id=bookings[0].entry_id if bookings else None,
    )


def _places(header: Sequence[str], columns: Columns) -> dict[str, int]:
    """Return where each column stands. Raises InvalidInput for one that is needed and not there."""
    if len(header) > MAX_COLUMNS:
        raise InvalidInput(f"A report has at most {MAX_COLUMNS} columns.", field="report")
    names = {name.strip().casefold(): place for place, name in reversed(list(enumerate(header)))}
    found: dict[str, int] = {}
    for field in Columns.__struct_fields__:
        named: str = getattr(columns, field)
        place = names.get(named.strip().casefold()) if named else None
        if place is not None:
            found[field] = place
        elif field in {"reference", "date", "amount"}:
            raise InvalidInput(f"The report has no column “{named[:60]}”.", field=field)
    return found


def _line(number: int, row: Sequence[str], places: Mapping[str, int], currency: str) -> Reported:
    values = {field: row[place].strip() if place < len(row) else "" for field, place in places.items()}
    if any(len(value) > MAX_FIELD for value in values.values()):
        raise InvalidInput(f"Line {number} is too long.", field="report")
    reference = values["reference"]
    if not reference or len(reference) > LONGEST_NAME or not reference.isprintable():
        raise InvalidInput(f"Line {number} has no reference of 1 to {LONGEST_NAME} characters.", field="report")
    named = (values.get("currency") or currency).upper()
    amount = _amount(values["amount"], named, number)
    kind = _kind(values.get("kind", ""), amount, number)
    return Reported(
        line=number,
        reference=reference,
        at=_instant(values["date"], number),
        kind=kind,
        amount=amount if kind is ReportedKind.PAYMENT else -abs(amount),
        fee=_amount(values["fee"], named, number) if values.get("fee") else Decimal(0),
        currency=named,
    )


def _amount(text: str, currency: str, number: int) -> Decimal:
    """Return an amount with a decimal point; grouping is not guessed at: 1,234 is too much in one place or another."""
    if _AMOUNT.fullmatch(text) is None:
        raise InvalidInput(f"Line {number}: “{text[:40]}” is no amount such as 1234.50.", field="report")
    amount = Decimal(text)
    if abs(amount) > MAX_AMOUNT:
        raise InvalidInput(f"Line {number}: the amount is too large.", field="report")
    try:
        minor_units(amount, currency)
    except ValueError as error:
        raise InvalidInput(f"Line {number}: {error}", field="report") from error
    except InvalidInput as error:
        raise InvalidInput(f"Line {number}: {error.message}", field="report") from error
    return amount


def _kind(text: str, amount: Decimal, number: int) -> ReportedKind:
    if not text:
        return ReportedKind.PAYMENT if amount >= 0 else ReportedKind.REFUND
    kind = _KINDS.get(text.casefold().replace("_", "-"))
    if kind is None:
        raise InvalidInput(f"Line {number}: “{text[:40]}” is no payment, refund or payout.", field="report")
    return ReportedKind.REFUND if kind is ReportedKind.PAYMENT and amount < 0 else kind


def _instant(text: str, number: int) -> datetime:
    """Return a date or an instant; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = _by_format(text, number)
    if found.year not in _YEARS:
        raise InvalidInput(f"Line {number}: the year {found.year} is none of ours.", field="report")
    return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _by_format(text: str, number: int) -> datetime:
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise InvalidInput(f"Line {number}: “{text[:40]}” is no date such as 2026-03-01.", field="report")
