"""What the ledger holds: accounts, entries and their postings."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class AccountKind(StrEnum):
    """What an account is, and with it on which side it grows. An `owner` makes one account out of a kind."""

    # What others owe us, and what is ours: grows by debit (positive)
    RECEIVABLE = "receivable"  # owner: driver or customer
    CLEARING = "clearing"  # owner: payment provider
    BANK = "bank"
    PROVIDER_FEES = "provider-fees"  # owner: payment provider
    HOST_SHARE = "host-share"  # what hosts are due of the revenue, as a cost
    PROMOTION = "promotion"  # vouchers given away
    WRITE_OFF = "write-off"
    ROUNDING = "rounding"
    # What we owe, and what we earn: grows by credit (negative)
    WALLET = "wallet"  # owner: driver
    HOLD = "hold"  # owner: driver; set aside for a running session
    VOUCHER = "voucher"  # owner: voucher
    TAX = "tax"  # owner: name and rate
    REVENUE = "revenue"  # owner: energy, time, parking, flat, reservation, adjustment, fee
    PAYABLE = "payable"  # owner: site host
    BREAKAGE = "breakage"  # what expired unused


class EntryKind(StrEnum):
    """Why an entry was made."""

    CHARGE = "charge"  # a charge record
    CREDIT = "credit"  # a credit to one
    PAYMENT = "payment"
    TOP_UP = "top-up"
    HOLD = "hold"
    RELEASE = "release"
    REFUND = "refund"
    FEE = "fee"
    VOUCHER_ISSUED = "voucher-issued"
    VOUCHER_USED = "voucher-used"
    EXPIRY = "expiry"
    SHARE = "share"  # a host's share of a charge record
    PAYOUT = "payout"
    WRITE_OFF = "write-off"
    REVERSAL = "reversal"
    ADJUSTMENT = "adjustment"


class Posting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An amount on an account: positive is a debit, negative a credit. In whole smallest units of the currency."""

    account: AccountKind
    owner: str = ""
    amount: Decimal
    currency: str


class NewEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry to be made. Its postings sum to zero in each currency."""

    organisation_id: str
    kind: EntryKind
    reference: str  # unique: what it is of, for instance "charge-record:<id>"; a second one of it is not made
    at: datetime
    text: str = ""
    postings: tuple[Posting, ...]
    reverses_id: str | None = None


class Entry(NewEntry, frozen=True, kw_only=True):
    """An entry as it stands for ever."""

    id: str
    number: int  # of the organisation, from 1 without gaps
    entered_at: datetime
    entered_by: str = ""
