"""The ledger, wallets, vouchers and payouts."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import Exact, Instant, Json

revision: str = "0009"
down_revision: str | None = "0008"

IS_HELD = sa.text("status = 'held'")
IS_OPEN = sa.text("ended_at IS NULL")
_KEPT = ("ledger_entries", "ledger_postings", "ledger_refunds", "ledger_shares", "ledger_voucher_uses")
_REFUSAL = "The ledger is append-only: book a reversal or an adjustment instead."


def upgrade() -> None:
    _accounts()
    _entries()
    _postings()
    _holds()
    _vouchers()
    _voucher_uses()
    _refundables()
    _refunds()
    _agreements()
    _shares()
    _payouts()
    _reports()
    _report_rows()
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
    op.create_index("ledger_accounts_by_opening", "ledger_accounts", ["organisation_id", "opened_at", "id"])
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


def _holds() -> None:
    op.create_table(
        "ledger_holds",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("driver_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount", Exact, nullable=False),
        sa.Column("captured", Exact, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant),
        sa.Column("ended_at", Instant),
        sa.UniqueConstraint("organisation_id", "reference", name="ledger_holds_reference"),
        sa.CheckConstraint("amount > 0", name="ledger_holds_amount"),
        sa.CheckConstraint("captured >= 0 AND captured <= amount", name="ledger_holds_captured"),
    )
    op.create_index("ledger_holds_by_driver", "ledger_holds", ["driver_id", "id"])
    op.create_index("ledger_holds_due", "ledger_holds", ["expires_at"], sqlite_where=IS_HELD, postgresql_where=IS_HELD)


def _vouchers() -> None:
    op.create_table(
        "ledger_vouchers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("code_hash", sa.Text, nullable=False, unique=True),
        sa.Column("hint", sa.Text, nullable=False),
        sa.Column("amount", Exact, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("uses", sa.Integer, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("issued_at", Instant, nullable=False),
        sa.Column("issued_by", sa.Text, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.CheckConstraint("amount > 0", name="ledger_vouchers_amount"),
        sa.CheckConstraint("used >= 0 AND used <= uses", name="ledger_vouchers_used"),
    )
    op.create_index("ledger_vouchers_by_books", "ledger_vouchers", ["organisation_id", "id"])
    op.create_index(
        "ledger_vouchers_due", "ledger_vouchers", ["expires_at"], sqlite_where=IS_OPEN, postgresql_where=IS_OPEN
    )


def _voucher_uses() -> None:
    op.create_table(
        "ledger_voucher_uses",
        sa.Column("voucher_id", sa.Text, sa.ForeignKey("ledger_vouchers.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("driver_id", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("amount", Exact, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("entry_id", sa.Text, sa.ForeignKey("ledger_entries.id"), nullable=False),
        sa.UniqueConstraint("voucher_id", "driver_id", name="ledger_voucher_uses_once"),
    )


def _refundables() -> None:
    op.create_table(
        "ledger_refundables",
        sa.Column("entry_id", sa.Text, sa.ForeignKey("ledger_entries.id"), primary_key=True),
        sa.Column("amount", Exact, nullable=False),
        sa.Column("refunded", Exact, nullable=False),
        sa.CheckConstraint("refunded >= 0 AND refunded <= amount", name="ledger_refundables_most"),
    )


def _refunds() -> None:
    op.create_table(
        "ledger_refunds",
        sa.Column("id", sa.Text, sa.ForeignKey("ledger_entries.id"), primary_key=True),
        sa.Column("entry_id", sa.Text, sa.ForeignKey("ledger_entries.id"), nullable=False),
        sa.Column("amount", Exact, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    op.create_index("ledger_refunds_by_entry", "ledger_refunds", ["entry_id", "at"])


def _agreements() -> None:
    op.create_table(
        "ledger_agreements",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("site_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("host_id", sa.Text),
        sa.Column("host_name", sa.Text, nullable=False),
        sa.Column("bank_account", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("percent", Exact, nullable=False),
        sa.Column("base", sa.Text, nullable=False),
        sa.Column("per_kwh", Exact, nullable=False),
        sa.Column("per_session", Exact, nullable=False),
        sa.Column("bears_fees", sa.Boolean, nullable=False),
        sa.Column("valid_from", Instant, nullable=False),
        sa.Column("valid_until", Instant),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.UniqueConstraint("site_id", "number", name="ledger_agreements_number"),
    )


def _shares() -> None:
    op.create_table(
        "ledger_shares",
        sa.Column("entry_id", sa.Text, sa.ForeignKey("ledger_entries.id"), primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("record_id", sa.Text, nullable=False),
        sa.Column("agreement_id", sa.Text, sa.ForeignKey("ledger_agreements.id"), nullable=False),
        sa.Column("site_id", sa.Text, nullable=False),
        sa.Column("host_id", sa.Text),
        sa.Column("at", Instant, nullable=False),
        sa.Column("energy_wh", Exact, nullable=False),
        sa.Column("based_on", Exact, nullable=False),
        sa.Column("amount", Exact, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("parts", Json, nullable=False),
        sa.UniqueConstraint("organisation_id", "record_id", name="ledger_shares_once"),
    )
    op.create_index("ledger_shares_by_site", "ledger_shares", ["site_id", "at", "entry_id"])
    op.create_index("ledger_shares_by_host", "ledger_shares", ["host_id", "at", "entry_id"])


def _payouts() -> None:
    op.create_table(
        "ledger_payouts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("site_id", sa.Text, nullable=False),
        sa.Column("host_id", sa.Text),
        sa.Column("host_name", sa.Text, nullable=False),
        sa.Column("bank_account", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount", Exact, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("bank_reference", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("ended_by", sa.Text, nullable=False),
        sa.Column("made_entry_id", sa.Text, sa.ForeignKey("ledger_entries.id"), nullable=False),
        sa.Column("ended_entry_id", sa.Text, sa.ForeignKey("ledger_entries.id")),
        sa.CheckConstraint("amount > 0", name="ledger_payouts_amount"),
    )
    op.create_index("ledger_payouts_by_site", "ledger_payouts", ["site_id", "id"])
    op.create_index("ledger_payouts_by_host", "ledger_payouts", ["host_id", "id"])
    op.create_index("ledger_payouts_by_books", "ledger_payouts", ["organisation_id", "id"])


def _reports() -> None:
    op.create_table(
        "ledger_reports",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("first_at", Instant, nullable=False),
        sa.Column("last_at", Instant, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("imported_at", Instant, nullable=False),
        sa.Column("imported_by", sa.Text, nullable=False),
        sa.UniqueConstraint("organisation_id", "provider", "digest", name="ledger_reports_once"),
    )
    op.create_index("ledger_reports_by_books", "ledger_reports", ["organisation_id", "id"])


def _report_rows() -> None:
    op.create_table(
        "ledger_report_rows",
        sa.Column("report_id", sa.Text, sa.ForeignKey("ledger_reports.id"), primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("amount", Exact),
        sa.Column("fee", Exact, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("booked", Exact),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("entry_id", sa.Text, sa.ForeignKey("ledger_entries.id")),
        sa.Column("resolution", sa.Text, nullable=False),
        sa.Column("resolved_at", Instant),
        sa.Column("resolved_by", sa.Text, nullable=False),
        sa.Column("resolved_entry_id", sa.Text, sa.ForeignKey("ledger_entries.id")),
    )
    op.create_index("ledger_report_rows_by_reference", "ledger_report_rows", ["provider", "reference"])
    op.create_index("ledger_report_rows_by_state", "ledger_report_rows", ["report_id", "state"])


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
