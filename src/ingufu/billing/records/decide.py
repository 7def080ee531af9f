"""What becomes of a session on its way to a charge record, and how a record is taken back. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from ingufu.authorization.decide import MASK, is_secret
from ingufu.authorization.model import PresentedToken
from ingufu.billing.evidence.model import EnergyVerdict, Standing
from ingufu.billing.records.model import ChargeRecord, RatingReason, RatingState, RecordKind, RecordRules, Snapshot
from ingufu.charging.model import Transaction
from ingufu.tariffs.model import AppliedTariff, FeedPrice
from ingufu.tariffs.priced import Price, RoundingRule
from ingufu.tariffs.usage import Usage

ENGINE = "ingufu-1"  # the rules by which a price is worked out; a change of them that changes a bill counts it up
LONGEST_WAIT_S = 3600.0

replace = msgspec.structs.replace


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


def is_same_bill(record: ChargeRecord, price: Price, usage: Usage, snapshot: Snapshot) -> bool:
    """Return whether a price and who pays it are what the record says: nobody would be told anything new."""
    before, after = record.price, price
    if _payer(record.snapshot) != _payer(snapshot):
        return False
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


def as_first_known(record: ChargeRecord, transaction: Transaction) -> Transaction:
    """Return the transaction with its payer as on the record, as long as the station names the same token.

    Whose the token is by now, if there still is such a one, is no matter of a session of the past.
    """
    before = record.snapshot
    if before.token_value is None or not _is_same_token(before, transaction):
        return transaction
    return replace(transaction, token_id=before.token_id, driver_id=before.driver_id, group_id=before.group_id)


def names_of(record: ChargeRecord | None) -> dict[str, str]:
    """Return what the driver was called when the session was first billed."""
    driver_id = record.snapshot.driver_id if record is not None else None
    return {driver_id: record.snapshot.driver_name} if record is not None and driver_id else {}


def is_chosen_alike(record: ChargeRecord, transaction: Transaction) -> bool:
    """Return whether the record's tariff was chosen for who, where and when the session began as it is known now."""
    is_same_place = record.snapshot.evse == transaction.evse and record.started_at == transaction.started_at
    return is_same_place and _payer(record.snapshot) == _payer(transaction)


def spans(record: ChargeRecord, transaction: Transaction) -> bool:
    """Return whether the record is of all the time of the session: prices of feeds are frozen in it for no more."""
    ended_at = transaction.ended_at or transaction.started_at
    return record.started_at <= transaction.started_at and ended_at <= record.ended_at


def with_frozen_prices(record: ChargeRecord, tariffs: Iterable[AppliedTariff]) -> tuple[AppliedTariff, ...]:
    """Return the tariffs with the feed prices of the record in the time that it is of: they were billed."""
    known = {(one.tariff_id, one.version, one.from_at): one for one in record.tariffs}
    found: list[AppliedTariff] = []
    for tariff in tariffs:
        frozen = known.get((tariff.tariff_id, tariff.version, tariff.from_at))
        if frozen is not None:
            feeds = {key: _joined(record, frozen.feeds.get(key, ()), prices) for key, prices in tariff.feeds.items()}
            tariff = replace(frozen, feeds=feeds)  # noqa: PLW2901 - the same, as it was billed
        found.append(tariff)
    return tuple(found)


def rounding_of(record: ChargeRecord) -> RoundingRule:
    """Return by which rule the amounts of a record were rounded."""
    billed = record.price.billed
    return RoundingRule(policy=billed.policy, rounding=billed.rounding)


def credit_of(record: ChargeRecord, *, id_: str, reason: str, at: datetime) -> ChargeRecord:
    """Return what takes a record back: all the same, with its amounts negated (OCPI credit CDR)."""
    return replace(
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


def _payer(said: Snapshot | Transaction) -> tuple[str | None, ...]:
    return said.token_id, said.driver_id, said.group_id


def _is_same_token(before: Snapshot, transaction: Transaction) -> bool:
    if before.token_id == transaction.token_id and before.token_id is not None:
        return True
    if before.token_id is None and transaction.token_id is not None:
        return False  # nobody knew it then
    shown = shown_token(transaction.token_value, transaction.token_kind)
    if shown == MASK and transaction.token_id is not None:
        return False  # another secret
    return PresentedToken(value=shown or "").key == PresentedToken(value=before.token_value or "").key


def _joined(record: ChargeRecord, frozen: Sequence[FeedPrice], found: Sequence[FeedPrice]) -> tuple[FeedPrice, ...]:
    since = frozen[0].from_at if frozen else record.started_at
    outside = {one.from_at: one for one in found if one.from_at < since or one.from_at >= record.ended_at}
    both = outside | {one.from_at: one for one in frozen}
    return tuple(both[at] for at in sorted(both))
