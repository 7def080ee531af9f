"""Tables of the ledger, and what the database itself holds to be true of them.

A row of `ledger_postings` is a pair: one account debited, another credited, by one amount greater than zero in one
currency. That entries sum to zero in each currency is therefore no rule that something must check: there is no way to
write down anything else. An entry says how many rows it has; each row repeats that number and has its place up to it,
so that nothing can be added to an entry once it is whole. Triggers (migration 0009) refuse every UPDATE and DELETE.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from ingufu.infra.storage.columns import Exact, Instant, Json

metadata = MetaData()

IS_HELD = text("status = 'held'")
IS_OPEN = text("ended_at IS NULL")

ledger_accounts = Table(
    "ledger_accounts",
    metadata,
    Column("id", Text, primary_key=True),  # made of the columns of `ledger_accounts_once`
    Column("organisation_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # AccountKind
    Column("owner", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("balance", Exact, nullable=False),  # debit is positive
    Column("ceiling", Exact),  # of the balance; NULL: none
    Column("version", Integer, nullable=False),
    Column("opened_at", Instant, nullable=False),
    UniqueConstraint("organisation_id", "kind", "owner", "currency", name="ledger_accounts_once"),
    UniqueConstraint("id", "organisation_id", "currency", name="ledger_accounts_currency"),
    CheckConstraint("ceiling IS NULL OR balance <= ceiling", name="ledger_accounts_ceiling"),
    Index("ledger_accounts_by_opening", "organisation_id", "opened_at", "id"),
)

ledger_counters = Table(
    "ledger_counters",
    metadata,
    Column("organisation_id", Text, primary_key=True),
    Column("last", Integer, nullable=False),  # the number of the latest entry
)

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),  # EntryKind
    Column("reference", Text, nullable=False),
    Column("provider_reference", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("entered_at", Instant, nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("reverses_id", Text, ForeignKey("ledger_entries.id"), unique=True),
    UniqueConstraint("organisation_id", "number", name="ledger_entries_number"),
    UniqueConstraint("organisation_id", "reference", name="ledger_entries_reference"),
    UniqueConstraint("id", "organisation_id", "lines", name="ledger_entries_lines"),
    CheckConstraint("lines >= 1", name="ledger_entries_some"),
    Index("ledger_entries_by_time", "organisation_id", "at", "id"),
    Index("ledger_entries_by_provider", "organisation_id", "provider_reference"),
)

ledger_postings = Table(
    "ledger_postings",
    metadata,
    Column("entry_id", Text, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("lines", Integer, nullable=False),  # how many the entry has
    Column("organisation_id", Text, nullable=False),
    Column("debit_id", Text, nullable=False),
    Column("credit_id", Text, nullable=False),
    Column("amount", Exact, nullable=False),
    Column("currency", Text, nullable=False),
    ForeignKeyConstraint(
        ["entry_id", "organisation_id", "lines"],
        ["ledger_entries.id", "ledger_entries.organisation_id", "ledger_entries.lines"],
        name="ledger_postings_entry",
    ),
    ForeignKeyConstraint(
        ["debit_id", "organisation_id", "currency"],
        ["ledger_accounts.id", "ledger_accounts.organisation_id", "ledger_accounts.currency"],
        name="ledger_postings_debit",
    ),
    ForeignKeyConstraint(
        ["credit_id", "organisation_id", "currency"],
        ["ledger_accounts.id", "ledger_accounts.organisation_id", "ledger_accounts.currency"],
        name="ledger_postings_credit",
    ),
    CheckConstraint("amount > 0", name="ledger_postings_amount"),
    CheckConstraint("debit_id <> credit_id", name="ledger_postings_two"),
    CheckConstraint("line >= 1 AND line <= lines", name="ledger_postings_place"),
    Index("ledger_postings_by_debit", "debit_id", "entry_id"),
    Index("ledger_postings_by_credit", "credit_id", "entry_id"),
)

ledger_holds = Table(
    "ledger_holds",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("driver_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", Exact, nullable=False),
    Column("captured", Exact, nullable=False),
    Column("status", Text, nullable=False),  # HoldStatus
    Column("reference", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("ended_at", Instant),
    UniqueConstraint("organisation_id", "reference", name="ledger_holds_reference"),
    CheckConstraint("amount > 0", name="ledger_holds_amount"),
    CheckConstraint("captured >= 0 AND captured <= amount", name="ledger_holds_captured"),
    Index("ledger_holds_by_driver", "driver_id", "id"),
    Index("ledger_holds_due", "expires_at", sqlite_where=IS_HELD, postgresql_where=IS_HELD),
)

ledger_vouchers = Table(
    "ledger_vouchers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("code_hash", Text, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    Column("amount", Exact, nullable=False),
    Column("currency", Text, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("used", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
    CheckConstraint("amount > 0", name="ledger_vouchers_amount"),
    CheckConstraint("used >= 0 AND used <= uses", name="ledger_vouchers_used"),
    Index("ledger_vouchers_by_books", "organisation_id", "id"),
    Index("ledger_vouchers_due", "expires_at", sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
)

ledger_voucher_uses = Table(
    "ledger_voucher_uses",
    metadata,
    Column("voucher_id", Text, ForeignKey("ledger_vouchers.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("driver_id", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("amount", Exact, nullable=False),
    Column("at", Instant, nullable=False),
    Column("entry_id", Text, ForeignKey("ledger_entries.id"), nullable=False),
    UniqueConstraint("voucher_id", "driver_id", name="ledger_voucher_uses_once"),
)

ledger_refundables = Table(  # how much of what an entry took in has been given back
    "ledger_refundables",
    metadata,
    Column("entry_id", Text, ForeignKey("ledger_entries.id"), primary_key=True),
    Column("amount", Exact, nullable=False),
    Column("refunded", Exact, nullable=False),
    CheckConstraint("refunded >= 0 AND refunded <= amount", name="ledger_refundables_most"),
)

ledger_refunds = Table(
    "ledger_refunds",
    metadata,
    Column("id", Text, ForeignKey("ledger_entries.id"), primary_key=True),
    Column("entry_id", Text, ForeignKey("ledger_entries.id"), nullable=False),
    Column("amount", Exact, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Index("ledger_refunds_by_entry", "entry_id", "at"),
)

ledger_agreements = Table(
    "ledger_agreements",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("site_id", Text, nullable=False),
    Column("number", Integer, nullable=False),  # of the site's, from 1
    Column("host_id", Text),  # the host's organisation, where it is entered
    Column("host_name", Text, nullable=False),
    Column("bank_account", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("percent", Exact, nullable=False),
    Column("base", Text, nullable=False),  # ShareBase
    Column("per_kwh", Exact, nullable=False),
    Column("per_session", Exact, nullable=False),
    Column("bears_fees", Boolean, nullable=False),
    Column("valid_from", Instant, nullable=False),
    Column("valid_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    UniqueConstraint("site_id", "number", name="ledger_agreements_number"),
)

ledger_shares = Table(
    "ledger_shares",
    metadata,
    Column("entry_id", Text, ForeignKey("ledger_entries.id"), primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("agreement_id", Text, ForeignKey("ledger_agreements.id"), nullable=False),
    Column("site_id", Text, nullable=False),
    Column("host_id", Text),  # of the agreement
    Column("at", Instant, nullable=False),
    Column("energy_wh", Exact, nullable=False),
    Column("based_on", Exact, nullable=False),
    Column("amount", Exact, nullable=False),
    Column("currency", Text, nullable=False),
    Column("parts", Json, nullable=False),  # by what of the agreement, in whole smallest units
    UniqueConstraint("organisation_id", "record_id", name="ledger_shares_once"),
    Index("ledger_shares_by_site", "site_id", "at", "entry_id"),
    Index("ledger_shares_by_host", "host_id", "at", "entry_id"),
)

ledger_payouts = Table(
    "ledger_payouts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("site_id", Text, nullable=False),
    Column("host_id", Text),
    Column("host_name", Text, nullable=False),
    Column("bank_account", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", Exact, nullable=False),
    Column("status", Text, nullable=False),  # PayoutStatus
    Column("bank_reference", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", Text, nullable=False),
    Column("made_entry_id", Text, ForeignKey("ledger_entries.id"), nullable=False),
    Column("ended_entry_id", Text, ForeignKey("ledger_entries.id")),
    CheckConstraint("amount > 0", name="ledger_payouts_amount"),
    Index("ledger_payouts_by_site", "site_id", "id"),
    Index("ledger_payouts_by_host", "host_id", "id"),
    Index("ledger_payouts_by_books", "organisation_id", "id"),
)

ledger_reports = Table(
    "ledger_reports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("imported_at", Instant, nullable=False),
    Column("imported_by", Text, nullable=False),
    UniqueConstraint("organisation_id", "provider", "digest", name="ledger_reports_once"),
    Index("ledger_reports_by_books", "organisation_id", "id"),
)

ledger_report_rows = Table(
    "ledger_report_rows",
    metadata,
    Column("report_id", Text, ForeignKey("ledger_reports.id"), primary_key=True),
    Column("line", Integer, primary_key=True),  # of the file; what the provider lacks follows after its last
    Column("provider", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", Text, nullable=False),  # ReportedKind
    Column("amount", Exact),  # reported; what comes in is positive
    Column("fee", Exact, nullable=False),
    Column("currency", Text, nullable=False),
    Column("booked", Exact),  # what the clearing account says
    Column("state", Text, nullable=False),  # MatchState
    Column("entry_id", Text, ForeignKey("ledger_entries.id")),
    Column("resolution", Text, nullable=False),
    Column("resolved_at", Instant),
    Column("resolved_by", Text, nullable=False),
    Column("resolved_entry_id", Text, ForeignKey("ledger_entries.id")),
    Index("ledger_report_rows_by_reference", "provider", "reference"),
    Index("ledger_report_rows_by_state", "report_id", "state"),
)
