"""What stations are set to and should be set to."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import BigId, Instant, Json

revision: str = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    _variables()
    _variable_changes()
    _monitors()
    _reports()
    _templates()
    _template_stations()
    _wishes()
    _wanted_values()
    _configuration_states()
    _network_profiles()
    _resets()


def _variables() -> None:
    op.create_table(
        "variables",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("attribute", sa.Text, primary_key=True),
        sa.Column("name", Json, nullable=False),
        sa.Column("component_key", sa.Text, nullable=False),
        sa.Column("evse", sa.BigInteger),
        sa.Column("native_key", sa.Text),
        sa.Column("value", sa.Text),
        sa.Column("mutability", sa.Text),
        sa.Column("is_persistent", sa.Boolean),
        sa.Column("is_constant", sa.Boolean),
        sa.Column("data_type", sa.Text),
        sa.Column("unit", sa.Text),
        sa.Column("min_limit", sa.Float),
        sa.Column("max_limit", sa.Float),
        sa.Column("max_elements", sa.BigInteger),
        sa.Column("values_list", sa.Text),
        sa.Column("supports_monitoring", sa.Boolean),
        sa.Column("told_at", Instant, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("actor", sa.Text),
    )


def _variable_changes() -> None:
    op.create_table(
        "variable_changes",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("attribute", sa.Text, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("value", sa.Text),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("actor", sa.Text),
    )
    op.create_index("variable_changes_of", "variable_changes", ["station_id", "key", "id"])
    op.create_index("variable_changes_by_time", "variable_changes", ["at"])


def _monitors() -> None:
    op.create_table(
        "monitors",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", Json, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("severity", sa.BigInteger, nullable=False),
        sa.Column("is_transaction_only", sa.Boolean, nullable=False),
        sa.Column("notification", sa.Text),
        sa.Column("told_at", Instant, nullable=False),
    )


def _reports() -> None:
    op.create_table(
        "reports",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("request_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("base", sa.Text),
        sa.Column("is_automatic", sa.Boolean, nullable=False),
        sa.Column("actor", sa.Text),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("last_part_at", Instant),
        sa.Column("ended_at", Instant),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("parts", Json, nullable=False),
        sa.Column("last_part", sa.BigInteger),
        sa.Column("items", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.UniqueConstraint("station_id", "request_id", name="reports_once"),
    )
    op.create_index("reports_by_station", "reports", ["station_id", "asked_at"])
    op.create_index("reports_by_state", "reports", ["state", "station_id"])
    op.create_index("reports_by_time", "reports", ["asked_at"])


def _templates() -> None:
    op.create_table(
        "templates",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("reach", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("site_id", sa.Text),
        sa.Column("vendor", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("firmware", sa.Text),
        sa.Column("version", sa.Text),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.UniqueConstraint("name_key"),
    )


def _template_stations() -> None:
    op.create_table(
        "template_stations",
        sa.Column("template_id", sa.Text, primary_key=True),
        sa.Column("station_id", sa.Text, primary_key=True),
    )
    op.create_index("template_stations_by_station", "template_stations", ["station_id"])


def _wishes() -> None:
    op.create_table(
        "wishes",
        sa.Column("owner_kind", sa.Text, primary_key=True),
        sa.Column("owner_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("name", Json, nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("sealed", sa.Text),
        sa.Column("is_secret", sa.Boolean, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
    )


def _wanted_values() -> None:
    op.create_table(
        "wanted_values",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("name", Json, nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("sealed", sa.Text),
        sa.Column("is_secret", sa.Boolean, nullable=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.Column("source_kind", sa.Text, nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("source_name", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reported", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("asked_at", Instant),
        sa.Column("next_at", Instant),
        sa.Column("changed_at", Instant, nullable=False),
    )
    op.create_index("wanted_by_state", "wanted_values", ["state", "station_id"])
    op.create_index("wanted_by_source", "wanted_values", ["source_id", "state", "station_id"])


def _configuration_states() -> None:
    op.create_table(
        "configuration_states",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("is_stale", sa.Boolean, nullable=False),
        sa.Column("due_at", Instant),
        sa.Column("inventory_at", Instant),
        sa.Column("inventory_firmware", sa.Text),
        sa.Column("inventory_tries", sa.Integer, nullable=False),
        sa.Column("inventory_note", sa.Text, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failure", sa.Text, nullable=False),
        sa.Column("looked_at", Instant),
        sa.Column("reboot_needed_since", Instant),
        sa.Column("reboot_reason", sa.Text, nullable=False),
        sa.Column("drift", sa.Integer, nullable=False),
        sa.Column("wishes", sa.Integer, nullable=False),
    )
    op.create_index("configuration_due", "configuration_states", ["due_at"])
    op.create_index("configuration_stale", "configuration_states", ["is_stale", "station_id"])
    op.create_index("configuration_drift", "configuration_states", ["drift", "station_id"])


def _network_profiles() -> None:
    op.create_table(
        "network_profiles",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("slot", sa.BigInteger, primary_key=True),
        sa.Column("profile", Json, nullable=False),
        sa.Column("sealed", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("sent_at", Instant, nullable=False),
        sa.Column("sent_by", sa.Text, nullable=False),
    )


def _resets() -> None:
    op.create_table(
        "resets",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("evse", sa.BigInteger),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("resets_by_station", "resets", ["station_id", "asked_at"])
    op.create_index("resets_by_state", "resets", ["state", "station_id"])
    op.create_index("resets_by_time", "resets", ["asked_at"])
