"""Which transaction a 1.6 message means that names none: it carries -1 or 0, or an id we never gave. Pure."""

from collections.abc import Iterable
from datetime import datetime

from ingufu.authorization.decide import MASK
from ingufu.charging import decide
from ingufu.charging.fold import Known
from ingufu.charging.model import Transaction, TransactionReport


def is_numbered(version: str) -> bool:
    """Return whether the version knows transactions by numbers that we give."""
    return version.endswith("1.6")


def spare_reference(report: TransactionReport) -> str:
    """Return a reference for what the station has named nothing of ours: the same again for the same message."""
    named = (report.reference or "-")[:40]
    return f"{named}/{decide.start_key(report)}"


def parse_number(reference: str | None) -> int | None:
    """Return the number a 1.6 message names, None if that is no number of ours: absent, 0 or negative."""
    text = (reference or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    return int(text) or None


def name_of(version: str, reference: str | None) -> str | None:
    """Return what we call the transaction that a station calls so; None if it names none."""
    if not is_numbered(version):
        return reference
    number = parse_number(reference)
    return None if number is None else str(number)


def find_running_at(running: Iterable[Known], evse: int | None, at: datetime) -> Known | None:
    """Return the transaction that runs on an EVSE at that time."""
    if not evse:
        return None
    candidates = [
        known
        for known in running
        if known.transaction.evse == evse
        and known.transaction.is_open
        and known.transaction.started_at <= at + decide.SLACK
    ]
    return max(candidates, key=lambda known: known.transaction.started_at, default=None)


def fits_end(transaction: Transaction, report: TransactionReport) -> bool:
    """Return whether a stop can be that of this transaction, by its token, time and register."""
    if report.evse is not None and transaction.evse not in (None, report.evse):
        return False
    if transaction.started_at > report.at + decide.SLACK:
        return False
    register, start = report.register_wh, transaction.start_wh
    if register and start is not None and register < start:
        return False
    return report.token is None or not report.token.key or _has_token(transaction, report)


def pick_ended(running: Iterable[Transaction], report: TransactionReport) -> Transaction | None:
    """Return which of the open transactions a stop without a number ends: of those that fit the latest."""
    fitting = [transaction for transaction in running if fits_end(transaction, report)]
    return max(fitting, key=lambda transaction: transaction.started_at, default=None)


def may_repeat_end(transaction: Transaction, report: TransactionReport) -> bool:
    """Return whether a stop can be the one that ended this transaction, told again: by its time and its token.

    The station's own words for the time count: one that we mended is another each time the stop is told.
    """
    if transaction.is_open or transaction.is_estimated:
        return False
    said, says = transaction.ended_at_station, report.at_station
    is_then = transaction.ended_at == report.at if said is None and says is None else said == says
    key = report.token.key if report.token is not None else ""
    return is_then and (transaction.stop_token_value or "").strip().casefold() in (key, MASK)


def fits_start(orphan: Transaction, report: TransactionReport) -> bool:
    """Return whether a start is that of a transaction of which only the end was told so far."""
    if orphan.ended_at is None or orphan.ended_at <= report.at:
        return False
    if orphan.evse is not None and report.evse is not None and orphan.evse != report.evse:
        return False
    if report.register_wh is not None and orphan.end_wh is not None and orphan.end_wh < report.register_wh:
        return False
    named = orphan.stop_token_value or orphan.token_value
    return named is None or report.token is None or named.strip().casefold() == report.token.key


def _has_token(transaction: Transaction, report: TransactionReport) -> bool:
    if transaction.token_value is None or report.token is None:
        return True
    return transaction.token_value.strip().casefold() == report.token.key
