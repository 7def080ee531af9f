"""Energy verdicts, meter keys and signed readings."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import Exact, Instant, Json

revision: str = "0008"
down_revision: str | None = "0007"

ONLY_ADDED_TO = ("energy_verdicts", "signed_records", "signature_checks")


def upgrade() -> None:
    _verdicts()
    _signatures()
    _review()
    _keys()
    for table in ONLY_ADDED_TO:
        _forbid_changes(table)


def _verdicts() -> None:
    op.create_table(
        "energy_verdicts",
        sa.Column("transaction_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("standing", sa.Text, nullable=False),
        sa.Column("energy_wh", Exact, nullable=False),
        sa.Column("confidence", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("judged_at", Instant, nullable=False),
        sa.Column("decided_by", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("software", sa.Text, nullable=False),
    )
    op.create_index("energy_verdicts_by_time", "energy_verdicts", ["judged_at"])
    op.create_index("energy_verdicts_by_station", "energy_verdicts", ["station_id", "judged_at"])


def _signatures() -> None:
    op.create_table(
        "signed_records",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("transaction_id", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("method", sa.Text),
        sa.Column("encoding", sa.Text),
        sa.Column("public_key", sa.Text),
        sa.Column("kept_at", Instant, nullable=False),
    )
    op.create_table(
        "signature_checks",
        sa.Column("transaction_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("context", sa.Text, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("meter_serial", sa.Text),
        sa.Column("page", sa.Text),
        sa.Column("begin_wh", Exact),
        sa.Column("end_wh", Exact),
        sa.Column("key_fingerprint", sa.Text),
        sa.Column("delivered", sa.Text, nullable=False),
        sa.Column("delivered_fingerprint", sa.Text),
        sa.Column("software", sa.Text, nullable=False),
        sa.Column("checked_at", Instant, nullable=False),
    )


def _review() -> None:
    op.create_table(
        "review_items",
        sa.Column("transaction_id", sa.Text, primary_key=True),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("proposed_wh", Exact, nullable=False),
        sa.Column("doubts", sa.Text, nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("closed_at", Instant),
        sa.Column("closed_by", sa.Text),
    )
    is_open = sa.text("closed_at IS NULL")
    for name, column in (("review_items_open", "opened_at"), ("review_items_by_station", "station_id")):
        op.create_index(name, "review_items", [column], sqlite_where=is_open, postgresql_where=is_open)
    closed = sa.text("closed_at IS NOT NULL")
    op.create_index("review_items_closed", "review_items", ["opened_at"], sqlite_where=closed, postgresql_where=closed)
    op.create_table(
        "site_evidence",
        sa.Column("site_id", sa.Text, primary_key=True),
        sa.Column("demands_signatures", sa.Boolean, nullable=False),
        sa.Column("since", Instant),
    )


def _keys() -> None:
    op.create_table(
        "meter_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("evse", sa.Integer),
        sa.Column("connector", sa.Integer),
        sa.Column("meter_serial", sa.Text),
        sa.Column("der_hex", sa.Text, nullable=False),
        sa.Column("curve", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("valid_from", Instant),
        sa.Column("valid_until", Instant),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
    )
    op.create_index("meter_keys_by_station", "meter_keys", ["station_id"])
    op.create_index("meter_keys_by_fingerprint", "meter_keys", ["fingerprint"])


def _forbid_changes(table: str) -> None:
    """Have the database itself refuse to change or remove what is evidence."""
    message = f"{table} is only ever added to"
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_refuse()"
    )
