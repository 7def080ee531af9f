"""Charge records."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import Exact, Instant

revision: str = "0010"
down_revision: str | None = "0009"


def upgrade() -> None:
    _records()
    _forbid_changes()
    _sums()
    _ratings()


def _records() -> None:
    op.create_table(
        "charge_records",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("corrects_id", sa.Text),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("transaction_id", sa.Text),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("legal_entity_id", sa.Text),
        sa.Column("site_id", sa.Text),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("driver_id", sa.Text),
        sa.Column("token_id", sa.Text),
        sa.Column("group_id", sa.Text),
        sa.Column("tariff_id", sa.Text),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("ended_at", Instant, nullable=False),
        sa.Column("energy_wh", Exact, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("net", Exact, nullable=False),
        sa.Column("tax", Exact, nullable=False),
        sa.Column("gross", Exact, nullable=False),
        sa.Column("confidence", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("issued_at", Instant, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("subject", "revision", "kind", name="charge_records_once"),
        sa.UniqueConstraint("corrects_id", "kind", name="charge_records_corrected_once"),
    )
    op.create_index("charge_records_by_issue", "charge_records", ["issued_at", "id"])
    is_credit = sa.text("kind <> 'charge'")
    op.create_index(
        "charge_records_credits",
        "charge_records",
        ["issued_at", "id"],
        sqlite_where=is_credit,
        postgresql_where=is_credit,
    )
    op.create_index("charge_records_by_start", "charge_records", ["started_at", "id"])
    op.create_index("charge_records_by_transaction", "charge_records", ["transaction_id"])
    op.create_index("charge_records_by_station", "charge_records", ["station_id", "issued_at"])
    op.create_index("charge_records_by_site", "charge_records", ["site_id", "issued_at"])
    op.create_index("charge_records_by_driver", "charge_records", ["driver_id", "issued_at"])


def _forbid_changes() -> None:
    """Have the database refuse to change or delete a charge record, whoever asks."""
    words = "a charge record is never changed or deleted: correct it by a credit and a new one"
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER charge_records_no_{what.lower()} BEFORE {what} ON charge_records "
                f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
            )
        op.execute(  # INSERT OR REPLACE deletes without a word to the trigger above
            "CREATE TRIGGER charge_records_no_replacement BEFORE INSERT ON charge_records "  # noqa: S608 - our own words
            "WHEN EXISTS (SELECT 1 FROM charge_records WHERE id = NEW.id) "
            f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION charge_records_are_final() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{words}' USING ERRCODE = 'check_violation'; END $$"
    )
    op.execute(
        "CREATE TRIGGER charge_records_no_change BEFORE UPDATE OR DELETE ON charge_records "
        "FOR EACH ROW EXECUTE FUNCTION charge_records_are_final()"
    )
    op.execute(
        "CREATE TRIGGER charge_records_no_truncate BEFORE TRUNCATE ON charge_records "
        "FOR EACH STATEMENT EXECUTE FUNCTION charge_records_are_final()"
    )


def _sums() -> None:
    """Have the database keep what the records come to by day, in the very unit that issues one."""
    op.create_table(
        "charge_record_sums",
        sa.Column("place", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("currency", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("energy_wh", Exact, nullable=False),
        sa.Column("net", Exact, nullable=False),
        sa.Column("tax", Exact, nullable=False),
        sa.Column("gross", Exact, nullable=False),
    )
    summed = ("energy_wh", "net", "tax", "gross")
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    day = (
        "strftime('%Y-%m-%d', NEW.issued_at / 1000000, 'unixepoch')"
        if is_sqlite
        else "to_char(NEW.issued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
    )
    values = ", ".join((day, "NEW.kind", "NEW.currency", "1", *(f"NEW.{name}" for name in summed)))
    grown = ", ".join(f"{name} = charge_record_sums.{name} + excluded.{name}" for name in ("number", *summed))
    add = (
        f"INSERT INTO charge_record_sums VALUES ('*', {values}), (coalesce(NEW.site_id, ''), {values}) "  # noqa: S608
        f"ON CONFLICT (place, day, kind, currency) DO UPDATE SET {grown};"
    )
    if is_sqlite:
        op.execute(f"CREATE TRIGGER charge_records_summed AFTER INSERT ON charge_records BEGIN {add} END")
        return
    op.execute(
        f"CREATE FUNCTION charge_records_sum() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {add} RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER charge_records_summed AFTER INSERT ON charge_records "
        "FOR EACH ROW EXECUTE FUNCTION charge_records_sum()"
    )


def _ratings() -> None:
    op.create_table(
        "ratings",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("transaction_id", sa.Text),
        sa.Column("reservation_id", sa.Integer),
        sa.Column("station_id", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("due_at", Instant),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("record_id", sa.Text),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("verdict_number", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
    )
    is_due = sa.text("due_at IS NOT NULL")
    op.create_index("ratings_due", "ratings", ["due_at"], sqlite_where=is_due, postgresql_where=is_due)
    op.create_index("ratings_by_state", "ratings", ["state", "updated_at", "subject"])
    op.create_table(
        "record_cursors",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "cost_refusals",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("firmware_version", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
    )
