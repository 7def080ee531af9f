"""Admission rules, local lists, trusted authorities, reservations."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import Instant, Json

revision: str = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    _admission_rules()
    _local_lists()
    _authorities()
    _reservations()


def _admission_rules() -> None:
    op.create_table(
        "admission_rules",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("scope_id", sa.Text, primary_key=True),
        sa.Column("allows_free", sa.Boolean),
        sa.Column("list_mode", sa.Text),
        sa.Column("list_groups", Json, nullable=False),
    )


def _local_lists() -> None:
    op.create_table(
        "local_lists",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("station_version", sa.Integer),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("entry_count", sa.Integer, nullable=False),
        sa.Column("left_out", sa.Integer, nullable=False),
        sa.Column("entries", Json, nullable=False),
        sa.Column("needs_full", sa.Boolean, nullable=False),
        sa.Column("sent_at", Instant),
        sa.Column("checked_at", Instant),
        sa.Column("lease", sa.Text),
        sa.Column("lease_until", Instant),
    )


def _authorities() -> None:
    op.create_table(
        "certificate_authorities",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("is_root", sa.Boolean, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("serial_number", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False, unique=True),
        sa.Column("valid_from", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("pem", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )


def _reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("evse", sa.Integer),
        sa.Column("plug", sa.Text),
        sa.Column("token_value", sa.Text, nullable=False),
        sa.Column("token_kind", sa.Text, nullable=False),
        sa.Column("token_id", sa.Text),
        sa.Column("group_value", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("kept_at", Instant),
        sa.Column("ended_at", Instant),
        sa.Column("transaction_id", sa.Text),
    )
    op.create_index("reservations_by_station", "reservations", ["station_id", "id"])
    is_live = sa.text("status IN ('asked', 'kept') AND evse IS NOT NULL")
    op.create_index(
        "reservations_one_per_evse",
        "reservations",
        ["station_id", "evse"],
        unique=True,
        sqlite_where=is_live,
        postgresql_where=is_live,
    )
    is_pending = sa.text("status IN ('asked', 'kept', 'cancelling')")
    op.create_index(
        "reservations_pending", "reservations", ["expires_at"], sqlite_where=is_pending, postgresql_where=is_pending
    )
