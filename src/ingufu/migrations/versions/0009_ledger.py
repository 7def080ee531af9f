"""The ledger, wallets, vouchers and payouts."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import Exact, Instant

revision: str = "0009"
down_revision: str | None = "0008"

_KEPT = ("ledger_entries", "ledger_postings")
_REFUSAL = "The ledger is append-only: book a reversal or an adjustment instead."


def upgrade() -> None:
    _accounts()
    _entries()
    _postings()
    _refuse_changes()


def _accounts() -> None:
    op.create_table(
        "ledger_accounts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("balance", Exact, nullable=False),
        sa.Column("ceiling", Exact),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.UniqueConstraint("organisation_id", "kind", "owner", "currency", name="ledger_accounts_once"),
        sa.UniqueConstraint("id", "organisation_id", "currency", name="ledger_accounts_currency"),
        sa.CheckConstraint("ceiling IS NULL OR balance <= ceiling", name="ledger_accounts_ceiling"),
    )
    op.create_table(
        "ledger_counters",
        sa.Column("organisation_id", sa.Text, primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
    )


def _entries() -> None:
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("provider_reference", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("entered_at", Instant, nullable=False),
        sa.Column("entered_by", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("reverses_id", sa.Text, sa.ForeignKey("ledger_entries.id"), unique=True),
        sa.UniqueConstraint("organisation_id", "number", name="ledger_entries_number"),
        sa.UniqueConstraint("organisation_id", "reference", name="ledger_entries_reference"),
        sa.UniqueConstraint("id", "organisation_id", "lines", name="ledger_entries_lines"),
        sa.CheckConstraint("lines >= 1", name="ledger_entries_some"),
    )
    op.create_index("ledger_entries_by_time", "ledger_entries", ["organisation_id", "at", "id"])
    op.create_index("ledger_entries_by_provider", "ledger_entries", ["organisation_id", "provider_reference"])


def _postings() -> None:
    op.create_table(
        "ledger_postings",
        sa.Column("entry_id", sa.Text, primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("debit_id", sa.Text, nullable=False),
        sa.Column("credit_id", sa.Text, nullable=False),
        sa.Column("amount", Exact, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id", "organisation_id", "lines"],
            ["ledger_entries.id", "ledger_entries.organisation_id", "ledger_entries.lines"],
            name="ledger_postings_entry",
        ),
        sa.ForeignKeyConstraint(
            ["debit_id", "organisation_id", "currency"],
            ["ledger_accounts.id", "ledger_accounts.organisation_id", "ledger_accounts.currency"],
            name="ledger_postings_debit",
        ),
        sa.ForeignKeyConstraint(
            ["credit_id", "organisation_id", "currency"],
            ["ledger_accounts.id", "ledger_accounts.organisation_id", "ledger_accounts.currency"],
            name="ledger_postings_credit",
        ),
        sa.CheckConstraint("amount > 0", name="ledger_postings_amount"),
        sa.CheckConstraint("debit_id <> credit_id", name="ledger_postings_two"),
        sa.CheckConstraint("line >= 1 AND line <= lines", name="ledger_postings_place"),
    )
    op.create_index("ledger_postings_by_debit", "ledger_postings", ["debit_id", "entry_id"])
    op.create_index("ledger_postings_by_credit", "ledger_postings", ["credit_id", "entry_id"])


def _refuse_changes() -> None:
    """Let nothing that was booked be changed or deleted, and no account become another."""
    if op.get_bind().dialect.name == "sqlite":
        _refuse_on_sqlite()
    else:
        _refuse_on_postgresql()


def _refuse_on_sqlite() -> None:
    for table in _KEPT:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
            )
    # INSERT OR REPLACE deletes what stands in its way without asking the triggers of DELETE
    op.execute(
        "CREATE TRIGGER ledger_entries_no_replace BEFORE INSERT ON ledger_entries "  # noqa: S608 - our own words
        "WHEN EXISTS (SELECT 1 FROM ledger_entries WHERE id = NEW.id) "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    )
    op.execute(
        "CREATE TRIGGER ledger_postings_no_replace BEFORE INSERT ON ledger_postings "  # noqa: S608 - our own words
        "WHEN EXISTS (SELECT 1 FROM ledger_postings WHERE entry_id = NEW.entry_id AND line = NEW.line) "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    )
    op.execute(
        "CREATE TRIGGER ledger_accounts_stay BEFORE UPDATE OF id, organisation_id, kind, owner, currency "
        f"ON ledger_accounts BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    )


def _refuse_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    for table in _KEPT:
        op.execute(
            f"CREATE TRIGGER {table}_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()"
        )
    op.execute(
        "CREATE TRIGGER ledger_accounts_stay BEFORE UPDATE OF id, organisation_id, kind, owner, currency "
        "ON ledger_accounts FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()"
    )
