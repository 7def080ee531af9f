"""Tables of variables, their history, monitors, reports, templates, wishes, network profiles and resets."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, Table, Text, UniqueConstraint

from ingufu.infra.storage.columns import BigId, Instant, Json

metadata = MetaData()


variables = Table(
    "variables",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # of the name, folded
    Column("attribute", Text, primary_key=True),  # Attribute
    Column("name", Json, nullable=False),  # VariableName
    Column("component_key", Text, nullable=False),
    Column("evse", BigInteger),
    Column("native_key", Text),
    Column("value", Text),
    Column("mutability", Text),
    Column("is_persistent", Boolean),
    Column("is_constant", Boolean),
    Column("data_type", Text),
    Column("unit", Text),
    Column("min_limit", Float),
    Column("max_limit", Float),
    Column("max_elements", BigInteger),
    Column("values_list", Text),
    Column("supports_monitoring", Boolean),
    Column("told_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("origin", Text, nullable=False),
    Column("actor", Text),
)

changes = Table(
    "variable_changes",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("station_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("key", Text, nullable=False),
    Column("attribute", Text, nullable=False),
    Column("before", Text),
    Column("value", Text),
    Column("origin", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("actor", Text),
    Index("variable_changes_of", "station_id", "key", "id"),
    Index("variable_changes_by_time", "at"),
)

monitors = Table(
    "monitors",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("key", Text, nullable=False),
    Column("name", Json, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("severity", BigInteger, nullable=False),
    Column("is_transaction_only", Boolean, nullable=False),
    Column("notification", Text),
    Column("told_at", Instant, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("request_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("base", Text),
    Column("is_automatic", Boolean, nullable=False),
    Column("actor", Text),
    Column("asked_at", Instant, nullable=False),
    Column("last_part_at", Instant),
    Column("ended_at", Instant),
    Column("state", Text, nullable=False),
    Column("parts", Json, nullable=False),
    Column("last_part", BigInteger),
    Column("items", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    UniqueConstraint("station_id", "request_id", name="reports_once"),
    Index("reports_by_station", "station_id", "asked_at"),
    Index("reports_by_state", "state", "station_id"),
    Index("reports_by_time", "asked_at"),
)

templates = Table(
    "templates",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("note", Text, nullable=False),
    Column("reach", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("site_id", Text),
    Column("vendor", Text),
    Column("model", Text),
    Column("firmware", Text),
    Column("version", Text),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

members = Table(
    "template_stations",
    metadata,
    Column("template_id", Text, primary_key=True),
    Column("station_id", Text, primary_key=True),
    Index("template_stations_by_station", "station_id"),
)

wishes = Table(
    "wishes",
    metadata,
    Column("owner_kind", Text, primary_key=True),
    Column("owner_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("name", Json, nullable=False),
    Column("value", Text),
    Column("sealed", Text),  # a secret, encrypted
    Column("is_secret", Boolean, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("changed_by", Text, nullable=False),
)

wanted = Table(
    "wanted_values",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("name", Json, nullable=False),
    Column("value", Text),
    Column("sealed", Text),
    Column("is_secret", Boolean, nullable=False),
    Column("mark", Text, nullable=False),
    Column("source_kind", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("source_name", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reported", Text),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("asked_at", Instant),
    Column("next_at", Instant),
    Column("changed_at", Instant, nullable=False),
    Index("wanted_by_state", "state", "station_id"),
    Index("wanted_by_source", "source_id", "state", "station_id"),
)

states = Table(
    "configuration_states",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("is_stale", Boolean, nullable=False),
    Column("due_at", Instant),
    Column("inventory_at", Instant),
    Column("inventory_firmware", Text),
    Column("inventory_tries", Integer, nullable=False),
    Column("inventory_note", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failure", Text, nullable=False),
    Column("looked_at", Instant),
    Column("reboot_needed_since", Instant),
    Column("reboot_reason", Text, nullable=False),
    Column("drift", Integer, nullable=False),
    Column("wishes", Integer, nullable=False),
    Index("configuration_due", "due_at"),
    Index("configuration_stale", "is_stale", "station_id"),
    Index("configuration_drift", "drift", "station_id"),
)

profiles = Table(
    "network_profiles",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("slot", BigInteger, primary_key=True),
    Column("profile", Json, nullable=False),
    Column("sealed", Text),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("sent_by", Text, nullable=False),
)

resets = Table(
    "resets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("evse", BigInteger),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("ended_at", Instant),
    Column("detail", Text, nullable=False),
    Index("resets_by_station", "station_id", "asked_at"),
    Index("resets_by_state", "state", "station_id"),
    Index("resets_by_time", "asked_at"),
)
