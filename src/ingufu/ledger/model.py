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
    PAYABLE = "payable"  # owner: a host at a site (`sharing.payable_of`)
    BREAKAGE = "breakage"  # what expired unused


GROWS_BY_DEBIT = frozenset(
    {
        AccountKind.RECEIVABLE,
        AccountKind.CLEARING,
        AccountKind.BANK,
        AccountKind.PROVIDER_FEES,
        AccountKind.HOST_SHARE,
        AccountKind.PROMOTION,
        AccountKind.WRITE_OFF,
        AccountKind.ROUNDING,
    }
)
NEVER_OWED = frozenset({AccountKind.WALLET, AccountKind.HOLD, AccountKind.VOUCHER})  # never below nothing, unless said


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
    provider_reference: str = ""  # what the payment provider or the bank calls it: reports are compared by it


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """What came of posting: an entry made by this unit of work, or the one that stands under this reference already."""

    entry_id: str
    is_new: bool


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One account of an organisation, with what all postings on it come to."""

    id: str
    organisation_id: str
    kind: AccountKind
    owner: str
    currency: str
    balance: Decimal  # debit is positive
    ceiling: Decimal | None = None  # the balance never rises above it: 0 lets a wallet not be overdrawn
    version: int = 0  # counts the entries on it
    opened_at: datetime

    @property
    def shown(self) -> Decimal:
        """The balance on the side on which the account grows: what is in a wallet, what revenue came to."""
        return self.balance if self.kind in GROWS_BY_DEBIT else -self.balance


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it must be. `what` names the account, the entry or the currency."""

    rule: str
    what: str
    expected: str
    found: str


class Entry(NewEntry, frozen=True, kw_only=True):
    """An entry as it stands for ever."""

    id: str
    number: int  # of the organisation, from 1 without gaps
    entered_at: datetime
    entered_by: str = ""


class HoldStatus(StrEnum):
    HELD = "held"
    CAPTURED = "captured"  # some of it, or all; the rest went back
    RELEASED = "released"
    EXPIRED = "expired"


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Money set aside of a wallet for something that runs."""

    id: str
    organisation_id: str
    driver_id: str
    currency: str
    amount: Decimal
    captured: Decimal = Decimal(0)
    status: HoldStatus = HoldStatus.HELD
    reference: str  # what it is for, for instance "transaction:<id>"
    created_at: datetime
    expires_at: datetime | None = None
    ended_at: datetime | None = None


class Voucher(msgspec.Struct, frozen=True, kw_only=True):
    """A promise of an amount to whoever knows the code, which is not kept: only its hash is."""

    id: str
    organisation_id: str
    code_hash: str
    hint: str  # the last characters of the code, so that it can be told from its neighbours
    amount: Decimal  # of each use
    currency: str
    uses: int  # how often it can be used, each time by another driver
    used: int = 0
    text: str = ""
    provider: str = ""  # through whom it was sold; empty: it was given away
    issued_at: datetime
    issued_by: str = ""
    expires_at: datetime
    ended_at: datetime | None = None  # what was not used has expired or was withdrawn


class VoucherUse(msgspec.Struct, frozen=True, kw_only=True):
    """One use of a voucher."""

    voucher_id: str
    number: int
    driver_id: str
    reference: str
    amount: Decimal
    at: datetime
    entry_id: str


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money given back of what an entry had taken in."""

    id: str  # of its own entry
    entry_id: str  # that it gives back of
    amount: Decimal
    currency: str
    reason: str
    at: datetime
    by: str = ""


class ShareBase(StrEnum):
    """Of what a host has its percentage."""

    ENERGY_NET = "energy-net"  # energy, before taxes
    NET = "net"  # everything, before taxes
    GROSS = "gross"  # everything, with taxes: the operator bears them


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """What the host of a site has of what is charged there. What replaces it is another agreement."""

    id: str
    organisation_id: str
    site_id: str
    number: int
    host_id: str | None = None  # its organisation: whose people see what comes of it; None: known by name alone
    host_name: str
    bank_account: str = ""
    currency: str  # records in other currencies have no share
    percent: Decimal = Decimal(0)
    base: ShareBase = ShareBase.ENERGY_NET
    per_kwh: Decimal = Decimal(0)
    per_session: Decimal = Decimal(0)
    bears_fees: bool = False  # the provider's fees come off first
    valid_from: datetime
    valid_until: datetime | None = None
    created_at: datetime
    created_by: str = ""


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """What one charge record came to, as far as a host has a share in it. A credit has negative figures."""

    organisation_id: str
    record_id: str
    site_id: str
    at: datetime  # when it is booked
    started_at: datetime  # the session: decides which agreement counts
    currency: str
    energy_net: Decimal
    net: Decimal
    gross: Decimal
    fees: Decimal = Decimal(0)  # of payment providers, if they are known
    energy_wh: Decimal
    sessions: int = 1  # -1 in a credit
    credits_id: str | None = None  # the record whose share a credit takes back


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What a host has of one charge record."""

    entry_id: str
    organisation_id: str
    record_id: str
    agreement_id: str
    site_id: str
    host_id: str | None = None  # of the agreement
    at: datetime
    energy_wh: Decimal
    based_on: Decimal  # what the percentage is of
    amount: Decimal
    currency: str
    parts: dict[str, str] = {}  # percent, kwh, session: whole smallest units that sum up to the amount


class PayoutStatus(StrEnum):
    MADE = "made"  # taken off what is due, and on its way to the bank
    PAID = "paid"  # the bank has paid it: booked, with its reference
    CANCELLED = "cancelled"  # due again


class Payout(msgspec.Struct, frozen=True, kw_only=True):
    """Money on its way to the host of a site."""

    id: str
    organisation_id: str
    site_id: str
    host_id: str | None = None
    host_name: str
    bank_account: str
    currency: str
    amount: Decimal
    status: PayoutStatus = PayoutStatus.MADE
    bank_reference: str = ""
    text: str = ""
    made_at: datetime
    made_by: str = ""
    ended_at: datetime | None = None
    ended_by: str = ""
    made_entry_id: str
    ended_entry_id: str | None = None


class ReportedKind(StrEnum):
    """What a line of a provider's report is of."""

    PAYMENT = "payment"
    REFUND = "refund"
    PAYOUT = "payout"  # what the provider pays to the bank


class MatchState(StrEnum):
    MATCHED = "matched"
    MISSING_HERE = "missing-here"  # the provider reports it, and nothing is booked
    MISSING_THERE = "missing-there"  # it is booked, and the provider does not report it
    AMOUNT_DIFFERS = "amount-differs"
    DUPLICATE = "duplicate"  # reported before, in this file or in another


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a provider's report."""

    line: int
    reference: str
    at: datetime
    kind: ReportedKind = ReportedKind.PAYMENT
    amount: Decimal  # what comes in is positive, what goes out negative
    fee: Decimal = Decimal(0)
    currency: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's report as it was taken in."""

    id: str
    organisation_id: str
    provider: str
    name: str
    digest: str
    first_at: datetime
    last_at: datetime
    rows: int
    imported_at: datetime
    imported_by: str = ""


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a report, beside what is booked."""

    report_id: str
    line: int
    provider: str
    reference: str
    at: datetime
    kind: ReportedKind
    amount: Decimal | None = None  # None: the provider does not report it
    fee: Decimal = Decimal(0)
    currency: str
    booked: Decimal | None = None  # None: nothing is booked
    state: MatchState
    entry_id: str | None = None
    resolution: str = ""
    resolved_at: datetime | None = None
    resolved_by: str = ""
    resolved_entry_id: str | None = None

    @property
    def difference(self) -> Decimal:
        """What the clearing account lacks to say what the provider says."""
        return (self.amount or Decimal(0)) - (self.booked or Decimal(0))
