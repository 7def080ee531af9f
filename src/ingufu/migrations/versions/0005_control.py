"""Commands that a station carries out later, limits of transactions, streams."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import BigId, Exact, Instant, Json

revision: str = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    _remote_starts()
    _transaction_controls()
    _availability_wishes()
    _event_streams()
    _samplings()


def _remote_starts() -> None:
    op.create_table(
        "remote_starts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("evse", sa.Integer),
        sa.Column("token_value", sa.Text, nullable=False),
        sa.Column("token_digest", sa.Text, nullable=False),
        sa.Column("token_kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("reference", sa.Text),
        sa.Column("transaction_id", sa.Text),
        sa.Column("max_cost", Exact),
        sa.Column("max_energy_wh", Exact),
        sa.Column("max_time_s", sa.Integer),
        sa.Column("max_soc_percent", sa.Integer),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("asked_by", sa.Text),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("resolved_at", Instant),
    )
    op.create_index("remote_starts_by_station", "remote_starts", ["station_id", "asked_at"])
    op.create_index("remote_starts_by_transaction", "remote_starts", ["transaction_id"])
    waiting = sa.text("state IN ('asked', 'accepted')")
    op.create_index(
        "remote_starts_waiting", "remote_starts", ["expires_at"], sqlite_where=waiting, postgresql_where=waiting
    )


def _transaction_controls() -> None:
    op.create_table(
        "transaction_controls",
        sa.Column("transaction_id", sa.Text, primary_key=True),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("max_cost", Exact),
        sa.Column("max_energy_wh", Exact),
        sa.Column("max_time_s", sa.Integer),
        sa.Column("max_soc_percent", sa.Integer),
        sa.Column("limit_set_at", Instant),
        sa.Column("limit_set_by", sa.Text),
        sa.Column("limit_sent_at", Instant),
        sa.Column("limit_sent_in", sa.Text),
        sa.Column("limit_confirmed_at", Instant),
        sa.Column("reported_cost", Exact),
        sa.Column("reported_energy_wh", Exact),
        sa.Column("reported_time_s", sa.Integer),
        sa.Column("reported_soc_percent", sa.Integer),
        sa.Column("reported_at", Instant),
        sa.Column("reached", sa.Text),
        sa.Column("reached_at", Instant),
        sa.Column("reached_by_station", sa.Boolean, nullable=False),
        sa.Column("stop_asked_at", Instant),
        sa.Column("stop_attempts", sa.Integer, nullable=False),
        sa.Column("stop_answer", sa.Text),
        sa.Column("priority", sa.Integer),
        sa.Column("priority_sent_in", sa.Text),
        sa.Column("has_priority", sa.Boolean),
        sa.Column("has_priority_by", sa.Text),
        sa.Column("has_priority_at", Instant),
        sa.Column("message", sa.Text),
        sa.Column("message_format", sa.Text),
        sa.Column("message_language", sa.Text),
        sa.Column("message_set_at", Instant),
        sa.Column("message_sent_in", sa.Text),
        sa.Column("is_ongoing", sa.Boolean),
        sa.Column("has_messages", sa.Boolean),
        sa.Column("status_at", Instant),
    )
    op.create_index("controls_by_station", "transaction_controls", ["station_id"])


def _availability_wishes() -> None:
    op.create_table(
        "availability_wishes",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("evse", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("connector", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("is_operative", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("asked_by", sa.Text),
        sa.Column("told_at", Instant),
        sa.Column("kept_at", Instant),
        sa.Column("attempts", sa.Integer, nullable=False),
    )


def _event_streams() -> None:
    op.create_table(
        "event_streams",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("monitor", sa.BigInteger),
        sa.Column("component", sa.Text),
        sa.Column("variable", sa.Text),
        sa.Column("interval_s", sa.BigInteger),
        sa.Column("batch", sa.BigInteger),
        sa.Column("opened_at", Instant),
        sa.Column("closed_at", Instant),
        sa.Column("last_at", Instant),
        sa.Column("last_value", sa.Text),
        sa.Column("pending", sa.BigInteger, nullable=False),
        sa.Column("value_count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "event_stream_values",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("stream", sa.BigInteger, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_index("stream_values_by_stream", "event_stream_values", ["station_id", "stream", "at"])
    op.create_index("stream_values_by_time", "event_stream_values", ["at"])


def _samplings() -> None:
    op.create_table(
        "samplings",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("occasion", sa.Text, primary_key=True),
        sa.Column("measurands", Json),
        sa.Column("interval_s", sa.Integer),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("taken", Json, nullable=False),
        sa.Column("refused", Json, nullable=False),
        sa.Column("refused_firmware", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("asked_by", sa.Text),
        sa.Column("settled_at", Instant),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index("samplings_waiting", "samplings", ["station_id"], sqlite_where=waiting, postgresql_where=waiting)
