"""Tables of stations, EVSEs, connectors, connection attempts and frames."""

from sqlalchemy import Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text, text

from ingufu.infra.storage.columns import BigId, Instant, Json

metadata = MetaData()

IS_FAULTED = text("status = 'faulted'")  # few of all connectors; said as queries say it

stations = Table(
    "stations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("identity", Text, nullable=False),
    Column("identity_key", Text, nullable=False, unique=True),
    Column("site_id", Text),
    Column("name", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("approval", Text, nullable=False),  # Approval
    Column("boot_answer", Text, nullable=False),  # BootAnswer: what we answer to the next boot
    Column("security_profile", Integer, nullable=False),  # the lowest one accepted; rises, never falls by itself
    Column("password_hash", Text),  # of the Basic password; None: none set
    Column("previous_password_hash", Text),  # still opens until then: granted by the settings, or until a reset
    Column("previous_password_until", Instant),
    Column("offered_password_hashes", Json),  # sent, and not known to be taken or refused: these open, too, until then
    Column("offered_password_until", Instant),
    Column("profile_passwords", Json),  # of its network profiles: these open, too, each until its own time
    Column("certificate_name", Text),  # the common name its client certificate must carry; None: the serial number
    Column("assumed_version", Text),  # spoken when it offers no subprotocol (quirk); None: refused
    Column("is_strict", Boolean, nullable=False),  # inbound messages judged by the letter
    Column("is_silent", Boolean, nullable=False),  # no automatic requests of ours after boot
    Column("allows_compression", Boolean, nullable=False),
    Column("ping_interval_s", Integer),  # None: the setting's; 0: no pings
    Column("quirks", Json),  # switched on or off by an operator, by number; None: chosen by what the station is
    Column("created_at", Instant, nullable=False),
    # What it told us
    Column("vendor", Text),
    Column("model", Text),
    Column("serial_number", Text),
    Column("firmware_version", Text),
    Column("iccid", Text),
    Column("imsi", Text),
    Column("meter_type", Text),
    Column("meter_serial_number", Text),
    Column("ocpp_version", Text),
    Column("last_boot_at", Instant),
    Column("boot_reason", Text),
    Column("boot_status", Text),  # BootAnswer given to its last boot
    # Where it is now
    Column("is_online", Boolean, nullable=False),
    Column("online_changed_at", Instant),
    Column("connection_id", Text),  # the attempt that is its connection now
    Column("address", Text),
    Column("used_security_profile", Integer),
    Column("last_seen_at", Instant),
    Column("clock_skew_s", Float),  # station's clock minus ours, from its live messages
    Column("status", Text),  # ConnectorStatus of the station as a whole (1.6 connector 0)
    Column("status_at", Instant),
    Column("error_code", Text),
    Column("is_operative", Boolean, nullable=False),  # what we want; reported by the connectors' status
    Index("stations_by_site", "site_id", "identity_key"),
    Index("stations_by_approval", "approval", "identity_key"),
    Index("stations_by_model", "vendor", "model", "firmware_version"),
)

evses = Table(
    "evses",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("is_operative", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
)

connectors = Table(
    "connectors",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("evse", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("kind", Text),  # plug, as reported or entered
    Column("max_power_w", Float),
    Column("is_operative", Boolean, nullable=False),
    Column("status", Text, nullable=False),  # ConnectorStatus
    Column("raw_status", Text, nullable=False),  # the station's own word (1.6 has nine)
    Column("status_at", Instant),  # the station's time where it gave one
    Column("status_received_at", Instant),
    Column("error_code", Text),
    Column("error_info", Text),
    Column("vendor_id", Text),
    Column("vendor_error_code", Text),
    Index("connectors_faulted", "station_id", sqlite_where=IS_FAULTED, postgresql_where=IS_FAULTED),
)

attempts = Table(
    "connection_attempts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("listener", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("identity", Text),
    Column("station_id", Text),
    Column("offered", Json, nullable=False),  # subprotocols, in the station's order
    Column("version", Text),
    Column("tls_version", Text),
    Column("certificate_name", Text),
    Column("user_agent", Text),
    Column("outcome", Text, nullable=False),  # AttemptOutcome
    Column("http_status", Integer),
    Column("detail", Text, nullable=False),
    Column("count", Integer, nullable=False),  # repeats of the same refusal within a short time share a row
    Column("last_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("close_code", Integer),
    Column("close_reason", Text),
    Index("attempts_by_time", "at"),
    Index("attempts_by_station", "station_id", "at"),
    Index("attempts_by_outcome", "outcome", "at"),
)

meetings = Table(
    "quirk_meetings",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Index("quirk_meetings_by_number", "number"),
)

lessons = Table(
    "quirk_lessons",
    metadata,
    Column("vendor", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("number", Integer, nullable=False),  # of the quirk that it is about
    Column("lesson", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

frame_chunks = Table(
    "frame_chunks",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),  # rises with time, nearly
    Column("station_id", Text, nullable=False),
    Column("connection_id", Text, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("count", Integer, nullable=False),
    Column("frames", LargeBinary, nullable=False),  # redacted, packed, deflated (`stations.store.frames`)
    # The one index: each is an own page to write for nearly every chunk. What is of a time is found by the ids.
    Index("frame_chunks_by_station", "station_id", "id"),
)
