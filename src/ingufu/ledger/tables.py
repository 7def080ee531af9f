"""Tables of the ledger, and what the database itself holds to be true of them.

A row of `ledger_postings` is a pair: one account debited, another credited, by one amount greater than zero in one
currency. That entries sum to zero in each currency is therefore no rule that something must check: there is no way to
write down anything else. An entry says how many rows it has; each row repeats that number and has its place up to it,
so that nothing can be added to an entry once it is whole. Triggers (migration 0009) refuse every UPDATE and DELETE.
"""

from sqlalchemy import (
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
)

from ingufu.infra.storage.columns import Exact, Instant

metadata = MetaData()

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
