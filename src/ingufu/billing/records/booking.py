"""How a charge record is booked: what its driver owes, what was earned by which dimension, and the taxes. Pure."""

from collections.abc import Iterable
from decimal import Decimal

from ingufu.billing.records.model import ChargeRecord, RecordKind
from ingufu.ledger.model import AccountKind, Earned, EntryKind, NewEntry, Posting
from ingufu.tariffs.model import Dimension
from ingufu.tariffs.priced import Line

ADJUSTMENT = "adjustment"
RESERVATION = "reservation"
_EARNED = {
    Dimension.ENERGY: "energy",
    Dimension.TIME: "time",
    Dimension.PARKING_TIME: "parking",
    Dimension.FLAT: "flat",
}


def entry_of(record: ChargeRecord) -> NewEntry | None:
    """Return the entry of a record; None if nothing is owed by it. A credit takes back what its record booked."""
    sign = -1 if record.kind is RecordKind.CREDIT else 1
    billed = record.price.billed
    amounts: dict[tuple[AccountKind, str], Decimal] = {}

    def add(account: AccountKind, owner: str, amount: Decimal) -> None:
        amounts[account, owner] = amounts.get((account, owner), Decimal(0)) + sign * amount

    add(AccountKind.RECEIVABLE, debtor(record), billed.gross)
    for line, net in zip(record.price.lines, billed.line_net, strict=False):
        add(AccountKind.REVENUE, earned_by(line), -net)
    add(AccountKind.REVENUE, ADJUSTMENT, sum(billed.line_net, Decimal(0)) - billed.net)  # of limits without a line
    for tax in billed.taxes:
        add(AccountKind.TAX, tax_owner(tax.name, tax.percent), -tax.amount)
    add(AccountKind.ROUNDING, "", -(billed.gross - billed.net - _sum(tax.amount for tax in billed.taxes)))
    postings = tuple(
        Posting(account=account, owner=owner, amount=amount, currency=record.currency)
        for (account, owner), amount in amounts.items()
        if amount
    )
    if not postings:
        return None
    return NewEntry(
        organisation_id=record.organisation_id,
        kind=EntryKind.CREDIT if record.kind is RecordKind.CREDIT else EntryKind.CHARGE,
        reference=f"charge-record:{record.id}",
        at=record.issued_at,
        text=record.reason,
        postings=postings,
    )


def earned_of(record: ChargeRecord) -> Earned | None:
    """Return what the host of the record's site may have a share in; None if it was at no site."""
    if record.snapshot.site_id is None:
        return None
    is_credit = record.kind is RecordKind.CREDIT
    lines = zip(record.price.lines, record.price.billed.line_net, strict=False)
    energy = _sum(net for line, net in lines if line.reservation is None and line.dimension is Dimension.ENERGY)
    return Earned(
        organisation_id=record.organisation_id,
        record_id=record.id,
        site_id=record.snapshot.site_id,
        at=record.issued_at,
        started_at=record.started_at,
        currency=record.currency,
        energy_net=-energy if is_credit else energy,
        net=record.net,
        gross=record.gross,
        energy_wh=-record.energy_wh if is_credit else record.energy_wh,
        sessions=-1 if is_credit else 1,
        credits_id=record.corrects_id if is_credit else None,
    )


def debtor(record: ChargeRecord) -> str:
    """Return who owes it: its driver, or a guest who is known by the session alone."""
    subject = record.transaction_id or f"reservation-{record.reservation_id}"
    return record.snapshot.driver_id or f"transaction:{subject}"


def earned_by(line: Line) -> str:
    """Return the revenue account that a line belongs to."""
    return RESERVATION if line.reservation is not None else _EARNED[line.dimension]


def tax_owner(name: str, percent: Decimal) -> str:
    """Return the tax account of a tax: its name and rate."""
    return f"{name} {percent:f}"


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
