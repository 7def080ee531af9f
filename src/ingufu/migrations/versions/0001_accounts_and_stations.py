"""The first tables: accounts, sites and stations."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import BigId, Instant, Json

revision: str = "0001"
down_revision: str | None = None


def upgrade() -> None:
    _audit()
    _idempotency()
    _login_failures()
    _organisations()
    _api_keys()
    _users()
    _logins()
    _role_grants()
    _sites()
    _connection_attempts()
    _connectors()
    _evses()
    _frame_chunks()
    _stations()


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("at", Instant, nullable=False),
        sa.Column("actor_kind", sa.Text, nullable=False),
        sa.Column("actor_id", sa.Text, nullable=False),
        sa.Column("actor_name", sa.Text, nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("object_kind", sa.Text, nullable=False),
        sa.Column("object_id", sa.Text, nullable=False),
        sa.Column("is_refused", sa.Boolean, nullable=False),
        sa.Column("details", Json, nullable=False),
        sa.Column("changes", Json, nullable=False),
        sa.Column("door", sa.Text),
        sa.Column("request_id", sa.Text),
        sa.Column("nonce", sa.Text, nullable=False, unique=True),
        sa.Column("mark", sa.Text, nullable=False),
    )
    op.create_index("audit_by_object", "audit", ["object_id", "id"])
    op.create_index("audit_by_kind", "audit", ["object_kind", "id"])
    op.create_index("audit_by_actor", "audit", ["actor_id", "id"])
    op.create_index("audit_by_action", "audit", ["action", "id"])
    op.create_index("audit_by_address", "audit", ["address", "id"])
    op.create_index("audit_by_request", "audit", ["request_id"])
    op.create_index("audit_by_refusal", "audit", ["is_refused", "id"])
    op.create_index("audit_by_time", "audit", ["at"])


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("principal_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request_hash", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_index("idempotency_by_time", "idempotency", ["created_at"])


def _login_failures() -> None:
    op.create_table(
        "login_failures",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("at", Instant, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
    )
    op.create_index("login_failures_by_address", "login_failures", ["address", "at"])
    op.create_index("login_failures_by_email", "login_failures", ["email_key", "at"])


def _organisations() -> None:
    op.create_table(
        "organisations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, sa.ForeignKey("organisations.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.Text, nullable=False, unique=True),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant),
        sa.Column("revoked_at", Instant),
        sa.Column("last_used_at", Instant),
    )


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, sa.ForeignKey("organisations.id"), nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("disabled_at", Instant),
        sa.Column("created_at", Instant, nullable=False),
    )


def _logins() -> None:
    op.create_table(
        "logins",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("secret_hash", sa.Text, nullable=False, unique=True),
        sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("last_used_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("user_agent", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("revoked_at", Instant),
    )


def _role_grants() -> None:
    op.create_table(
        "role_grants",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("site_id", sa.Text),
        sa.UniqueConstraint("user_id", "role", "site_id", name="role_grants_once"),
    )


def _sites() -> None:
    op.create_table(
        "sites",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False, unique=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("city", sa.Text, nullable=False),
        sa.Column("country", sa.Text, nullable=False),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "site_tenures",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("site_id", sa.Text, nullable=False),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("since", Instant),
        sa.Column("until", Instant),
    )
    is_latest = sa.text("until IS NULL")
    op.create_index(
        "site_tenures_latest",
        "site_tenures",
        ["site_id"],
        unique=True,
        sqlite_where=is_latest,
        postgresql_where=is_latest,
    )
    op.create_index("site_tenures_by_organisation", "site_tenures", ["organisation_id"])


def _connection_attempts() -> None:
    op.create_table(
        "connection_attempts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("at", Instant, nullable=False),
        sa.Column("listener", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("identity", sa.Text),
        sa.Column("station_id", sa.Text),
        sa.Column("offered", Json, nullable=False),
        sa.Column("version", sa.Text),
        sa.Column("tls_version", sa.Text),
        sa.Column("certificate_name", sa.Text),
        sa.Column("user_agent", sa.Text),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("http_status", sa.Integer),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("last_at", Instant, nullable=False),
        sa.Column("closed_at", Instant),
        sa.Column("close_code", sa.Integer),
        sa.Column("close_reason", sa.Text),
    )
    op.create_index("attempts_by_outcome", "connection_attempts", ["outcome", "at"])
    op.create_index("attempts_by_station", "connection_attempts", ["station_id", "at"])
    op.create_index("attempts_by_time", "connection_attempts", ["at"])


def _connectors() -> None:
    op.create_table(
        "connectors",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("evse", sa.Integer, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text),
        sa.Column("max_power_w", sa.Float),
        sa.Column("is_operative", sa.Boolean, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("raw_status", sa.Text, nullable=False),
        sa.Column("status_at", Instant),
        sa.Column("status_received_at", Instant),
        sa.Column("error_code", sa.Text),
        sa.Column("error_info", sa.Text),
        sa.Column("vendor_id", sa.Text),
        sa.Column("vendor_error_code", sa.Text),
    )
    is_faulted = sa.text("status = 'faulted'")
    op.create_index(
        "connectors_faulted", "connectors", ["station_id"], sqlite_where=is_faulted, postgresql_where=is_faulted
    )


def _evses() -> None:
    op.create_table(
        "evses",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("is_operative", sa.Boolean, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )


def _frame_chunks() -> None:
    op.create_table(
        "frame_chunks",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("connection_id", sa.Text, nullable=False),
        sa.Column("first_at", Instant, nullable=False),
        sa.Column("last_at", Instant, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("frames", sa.LargeBinary, nullable=False),
    )
    op.create_index("frame_chunks_by_station", "frame_chunks", ["station_id", "id"])


def _stations() -> None:
    op.create_table(
        "stations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("identity_key", sa.Text, nullable=False, unique=True),
        sa.Column("site_id", sa.Text),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("approval", sa.Text, nullable=False),
        sa.Column("boot_answer", sa.Text, nullable=False),
        sa.Column("security_profile", sa.Integer, nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("previous_password_hash", sa.Text),
        sa.Column("previous_password_until", Instant),
        sa.Column("offered_password_hashes", Json),
        sa.Column("offered_password_until", Instant),
        sa.Column("profile_passwords", Json),
        sa.Column("certificate_name", sa.Text),
        sa.Column("assumed_version", sa.Text),
        sa.Column("is_strict", sa.Boolean, nullable=False),
        sa.Column("is_silent", sa.Boolean, nullable=False),
        sa.Column("allows_compression", sa.Boolean, nullable=False),
        sa.Column("ping_interval_s", sa.Integer),
        sa.Column("quirks", Json),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("vendor", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("serial_number", sa.Text),
        sa.Column("firmware_version", sa.Text),
        sa.Column("iccid", sa.Text),
        sa.Column("imsi", sa.Text),
        sa.Column("meter_type", sa.Text),
        sa.Column("meter_serial_number", sa.Text),
        sa.Column("ocpp_version", sa.Text),
        sa.Column("last_boot_at", Instant),
        sa.Column("boot_reason", sa.Text),
        sa.Column("boot_status", sa.Text),
        sa.Column("is_online", sa.Boolean, nullable=False),
        sa.Column("online_changed_at", Instant),
        sa.Column("connection_id", sa.Text),
        sa.Column("address", sa.Text),
        sa.Column("used_security_profile", sa.Integer),
        sa.Column("last_seen_at", Instant),
        sa.Column("clock_skew_s", sa.Float),
        sa.Column("status", sa.Text),
        sa.Column("status_at", Instant),
        sa.Column("error_code", sa.Text),
        sa.Column("is_operative", sa.Boolean, nullable=False),
    )
    op.create_index("stations_by_approval", "stations", ["approval", "identity_key"])
    op.create_index("stations_by_model", "stations", ["vendor", "model", "firmware_version"])
    op.create_index("stations_by_site", "stations", ["site_id", "identity_key"])
