"""What becomes of a session on its way to a charge record, and how a record is taken back. Pure."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from ingufu.authorization.decide import MASK, is_secret
from ingufu.billing.evidence.model import EnergyVerdict, Standing
from ingufu.billing.records.model import ChargeRecord, RatingReason, RatingState, RecordKind, RecordRules
from ingufu.charging.model import Transaction
from ingufu.tariffs.model import AppliedTariff
from ingufu.tariffs.priced import Price, RoundingRule
from ingufu.tariffs.usage import Usage

ENGINE = "ingufu-1"  # the rules by which a price is worked out; a change of them that changes a bill counts it up
LONGEST_WAIT_S = 3600.0


class Refused(NamedTuple):
    """Why there is no charge record (yet)."""

    state: RatingState
    reason: RatingReason
    detail: str = ""


def refuse(transaction: Transaction, verdict: EnergyVerdict, rules: RecordRules) -> Refused | None:
    """Return why the session is not billed by this verdict; None: it is."""
    if verdict.standing is Standing.REVIEW:
        codes = ", ".join(reason.code for reason in verdict.reasons if reason.is_doubt)
        return Refused(RatingState.REVIEW, RatingReason.IN_REVIEW, codes)
    if verdict.standing is Standing.NOT_BILLABLE:
        return Refused(RatingState.NOT_BILLED, RatingReason.NOT_BILLABLE, verdict.note)
    if is_too_short(transaction, verdict.energy_wh, rules):
        return Refused(RatingState.NOT_BILLED, RatingReason.TOO_SHORT)
    return None


def is_too_short(transaction: Transaction, energy_wh: Decimal, rules: RecordRules) -> bool:
    """Return whether somebody plugged in and took nothing: no session to ask money for."""
    if energy_wh > 0 or transaction.ended_at is None:
        return False
    return (transaction.ended_at - transaction.started_at).total_seconds() < rules.shortest_s


def is_same_bill(record: ChargeRecord, price: Price, usage: Usage) -> bool:
    """Return whether a price says what the record says: nobody would be told anything new."""
    before, after = record.price, price
    if record.currency != price.currency or before.billed != after.billed:
        return False
    if before.energy_kwh != after.energy_kwh or len(before.lines) != len(after.lines):
        return False
    if any(
        (one.dimension, one.quantity, one.unit_price) != (two.dimension, two.quantity, two.unit_price)
        for one, two in zip(before.lines, after.lines, strict=True)
    ):
        return False
    return _bounds(record.usage) == _bounds(usage)


def rounding_of(record: ChargeRecord) -> RoundingRule:
    """Return by which rule the amounts of a record were rounded."""
    billed = record.price.billed
    return RoundingRule(policy=billed.policy, rounding=billed.rounding)


def credit_of(record: ChargeRecord, *, id_: str, reason: str, at: datetime) -> ChargeRecord:
    """Return what takes a record back: all the same, with its amounts negated (OCPI credit CDR)."""
    return msgspec.structs.replace(
        record,
        id=id_,
        kind=RecordKind.CREDIT,
        corrects_id=record.id,
        reason=reason,
        net=-record.net,
        tax=-record.tax,
        gross=-record.gross,
        issued_at=at,
    )


def standing_of(records: Iterable[ChargeRecord]) -> ChargeRecord | None:
    """Return which of a session's records stands: the last that no credit among them takes back."""
    known = list(records)
    taken_back = {record.corrects_id for record in known if record.kind is RecordKind.CREDIT}
    standing = [record for record in known if record.kind is RecordKind.CHARGE and record.id not in taken_back]
    return standing[-1] if standing else None


def auth_method(transaction: Transaction) -> str:
    """Return how it was authorised (OCPI AuthMethod)."""
    if transaction.remote_start_id is not None:
        return "COMMAND"
    return "WHITELIST" if transaction.is_offline_start else "AUTH_REQUEST"


def shown_token(value: str | None, kind: str | None) -> str | None:
    """Return a token's value as it may be kept for ever."""
    return MASK if value and is_secret(kind) else value


def wait_s(attempts: int) -> float:
    """Return how long to wait after so many failures."""
    return min(30.0 * float(2 ** min(attempts, 20)), LONGEST_WAIT_S)


def needs_current(tariffs: tuple[AppliedTariff, ...]) -> bool:
    """Return whether a price depends on the current: only then it is worth looking for."""
    return any(
        element.restrictions.min_current_a is not None or element.restrictions.max_current_a is not None
        for tariff in tariffs
        for element in tariff.terms.elements
    )


def prices_reservations(tariffs: tuple[AppliedTariff, ...]) -> bool:
    return any(element.restrictions.reservation is not None for tariff in tariffs for element in tariff.terms.elements)


def _bounds(usage: Usage) -> tuple[datetime, datetime] | None:
    return (usage.stretches[0].started_at, usage.stretches[-1].ended_at) if usage.stretches else None
