"""Authorization, charging, and events on their way out."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import BigId, Exact, Instant, Json

revision: str = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    _authorization_decisions()
    _drivers()
    _driver_plans()
    _token_groups()
    _id_tokens()
    _anomalies()
    _meter_readings()
    _sequences()
    _transaction_events()
    _transactions()
    _events()
    _journal()


def _authorization_decisions() -> None:
    op.create_table(
        "authorization_decisions",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("at", Instant, nullable=False),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("evse", sa.Integer),
        sa.Column("token_id", sa.Text),
        sa.Column("token_value", sa.Text, nullable=False),
        sa.Column("token_kind", sa.Text, nullable=False),
        sa.Column("occasion", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("transaction_id", sa.Text),
    )
    op.create_index("decisions_by_station", "authorization_decisions", ["station_id", "at"])
    is_refused = sa.text("status <> 'Accepted'")
    op.create_index(
        "decisions_refused", "authorization_decisions", ["at"], sqlite_where=is_refused, postgresql_where=is_refused
    )
    op.create_index("decisions_by_time", "authorization_decisions", ["at"])
    op.create_index("decisions_by_token", "authorization_decisions", ["token_id", "at"])


def _drivers() -> None:
    op.create_table(
        "drivers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("email", sa.Text),
        sa.Column("email_key", sa.Text, unique=True),
        sa.Column("phone", sa.Text),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("blocked_at", Instant),
        sa.Column("block_reason", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_index("drivers_by_name", "drivers", ["name_key", "id"])


def _driver_plans() -> None:
    op.create_table(
        "driver_plans",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("driver_id", sa.Text, sa.ForeignKey("drivers.id"), nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("valid_from", Instant, nullable=False),
        sa.Column("valid_until", Instant),
    )
    op.create_index("driver_plans_by_driver", "driver_plans", ["driver_id", "valid_from"])
    goes_on = sa.text("valid_until IS NULL")
    op.create_index(
        "driver_plans_one_open", "driver_plans", ["driver_id"], unique=True, sqlite_where=goes_on,
        postgresql_where=goes_on,
    )  # fmt: skip


def _token_groups() -> None:
    op.create_table(
        "token_groups",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("value_key", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("is_master_pass", sa.Boolean, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )


def _id_tokens() -> None:
    op.create_table(
        "id_tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("value_key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("group_id", sa.Text, sa.ForeignKey("token_groups.id")),
        sa.Column("driver_id", sa.Text, sa.ForeignKey("drivers.id")),
        sa.Column("blocked_at", Instant),
        sa.Column("block_reason", sa.Text, nullable=False),
        sa.Column("valid_from", Instant),
        sa.Column("expires_at", Instant),
        sa.Column("concurrent_limit", sa.Integer),
        sa.Column("language", sa.Text),
        sa.Column("second_language", sa.Text),
        sa.Column("charging_priority", sa.Integer),
        sa.Column("message", sa.Text),
        sa.Column("has_credit", sa.Boolean, nullable=False),
        sa.Column("limits", Json),
        sa.Column("start_turn", sa.Integer, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("last_used_at", Instant),
        sa.Column("last_station_id", sa.Text),
        sa.Column("created_at", Instant, nullable=False),
        sa.UniqueConstraint("value_key", "kind", name="id_tokens_once"),
    )
    op.create_index("id_tokens_by_driver", "id_tokens", ["driver_id"])
    op.create_index("id_tokens_by_creation", "id_tokens", ["created_at"])
    op.create_index("id_tokens_by_group", "id_tokens", ["group_id"])
    noted = sa.text("note <> ''")
    op.create_index("id_tokens_noted", "id_tokens", ["note"], sqlite_where=noted, postgresql_where=noted)


def _anomalies() -> None:
    op.create_table(
        "anomalies",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("at", Instant, nullable=False),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("evse", sa.Integer),
        sa.Column("transaction_id", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
    )
    op.create_index("anomalies_by_station", "anomalies", ["station_id", "at"])
    op.create_index("anomalies_by_time", "anomalies", ["at"])
    op.create_index("anomalies_by_transaction", "anomalies", ["transaction_id"])


def _meter_readings() -> None:
    op.create_table(
        "meter_readings",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("evse", sa.Integer),
        sa.Column("transaction_id", sa.Text),
        sa.Column("at", Instant, nullable=False),
        sa.Column("at_station", sa.Text),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("context", sa.Text, nullable=False),
        sa.Column("energy_wh", Exact),
        sa.Column("power_w", sa.Float),
        sa.Column("current_a", sa.Float),
        sa.Column("voltage_v", sa.Float),
        sa.Column("soc_percent", sa.Float),
        sa.Column("temperature_c", sa.Float),
        sa.Column("samples", sa.Text, nullable=False),
    )
    outside = sa.text("transaction_id IS NULL")
    op.create_index(
        "readings_by_station",
        "meter_readings",
        ["station_id", "at"],
        sqlite_where=outside,
        postgresql_where=outside,
    )
    op.create_index("readings_by_time", "meter_readings", ["at"])
    op.create_index("readings_by_transaction", "meter_readings", ["transaction_id", "at"])


def _sequences() -> None:
    op.create_table(
        "sequences",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("next", sa.Integer, nullable=False),
    )


def _transaction_events() -> None:
    op.create_table(
        "transaction_events",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("transaction_id", sa.Text, nullable=False),
        sa.Column("event_key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger),
        sa.Column("at", Instant, nullable=False),
        sa.Column("at_station", sa.Text),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("trigger", sa.Text),
        sa.Column("state", sa.Text),
        sa.Column("is_offline", sa.Boolean, nullable=False),
        sa.Column("details", Json, nullable=False),
        sa.UniqueConstraint("transaction_id", "event_key", name="transaction_events_once"),
    )


def _transactions() -> None:
    op.create_table(
        "transactions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, unique=True),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("start_key", sa.Text, unique=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("evse", sa.Integer),
        sa.Column("connector", sa.Integer),
        sa.Column("token_id", sa.Text),
        sa.Column("token_value", sa.Text),
        sa.Column("token_kind", sa.Text),
        sa.Column("group_id", sa.Text),
        sa.Column("driver_id", sa.Text),
        sa.Column("verdict", sa.Text),
        sa.Column("verdict_reason", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("started_at_station", sa.Text),
        sa.Column("start_received_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("ended_at_station", sa.Text),
        sa.Column("end_received_at", Instant),
        sa.Column("start_wh", Exact),
        sa.Column("end_wh", Exact),
        sa.Column("energy_wh", Exact, nullable=False),
        sa.Column("energy_source", sa.Text, nullable=False),
        sa.Column("last_reading_at", Instant),
        sa.Column("last_wh", Exact),
        sa.Column("power_w", sa.Float),
        sa.Column("soc_percent", sa.Float),
        sa.Column("stop_reason", sa.Text),
        sa.Column("stop_token_value", sa.Text),
        sa.Column("is_offline_start", sa.Boolean, nullable=False),
        sa.Column("is_estimated", sa.Boolean, nullable=False),
        sa.Column("remote_start_id", sa.BigInteger),
        sa.Column("reservation_id", sa.BigInteger),
        sa.Column("last_seq", sa.BigInteger),
        sa.Column("seq_count", sa.BigInteger, nullable=False),
        sa.Column("anomaly_count", sa.Integer, nullable=False),
        sa.Column("heard_at", Instant),
        sa.Column("updated_at", Instant, nullable=False),
        sa.UniqueConstraint("station_id", "reference", name="transactions_once"),
    )
    op.create_index("transactions_by_start", "transactions", ["started_at"])
    op.create_index("transactions_by_station", "transactions", ["station_id", "started_at"])
    op.create_index("transactions_by_driver", "transactions", ["driver_id", "started_at"])
    op.create_index("transactions_by_token", "transactions", ["token_id", "started_at"])
    is_odd = sa.text("anomaly_count > 0")
    op.create_index("transactions_odd", "transactions", ["started_at"], sqlite_where=is_odd, postgresql_where=is_odd)
    for name, column in (("transactions_open", "station_id"), ("transactions_open_by_start", "started_at")):
        op.create_index(
            name,
            "transactions",
            [column],
            sqlite_where=sa.text("is_open IS 1"),
            postgresql_where=sa.text("is_open IS true"),
        )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("occurred_at", Instant, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("station_id", sa.Text),
        sa.Column("transaction_id", sa.Text),
        sa.Column("details", Json, nullable=False),
    )
    op.create_index("events_by_station", "events", ["station_id", "id"])
    op.create_index("events_by_kind", "events", ["kind", "id"])
    op.create_index("events_by_time", "events", ["occurred_at"])
    op.create_index("events_by_transaction", "events", ["transaction_id", "id"])


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("entry", sa.LargeBinary, nullable=False),
    )
