"""Tables of drivers, id tokens, groups and decisions."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, MetaData, Table, Text, UniqueConstraint, text

from ingufu.infra.storage.columns import BigId, Instant, Json

metadata = MetaData()

IS_REFUSED = text("status <> 'Accepted'")
IS_NOTED = text("note <> ''")  # said as queries say it
GOES_ON = text("valid_until IS NULL")

drivers = Table(
    "drivers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),  # folded: by it drivers are found and sorted
    Column("email", Text),
    Column("email_key", Text, unique=True),
    Column("phone", Text),
    Column("language", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("blocked_at", Instant),
    Column("block_reason", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("drivers_by_name", "name_key", "id"),
    Index("drivers_by_organisation", "organisation_id"),
    Index("drivers_by_phone", "phone"),
)

driver_plans = Table(  # what drivers had subscribed to, and when: sessions are priced by what was so when they began
    "driver_plans",
    metadata,
    Column("id", Text, primary_key=True),
    Column("driver_id", Text, ForeignKey("drivers.id"), nullable=False),
    Column("plan", Text, nullable=False),
    Column("valid_from", Instant, nullable=False),
    Column("valid_until", Instant),  # exclusive; None: it goes on
    Index("driver_plans_by_driver", "driver_id", "valid_from"),
    Index("driver_plans_one_open", "driver_id", unique=True, sqlite_where=GOES_ON, postgresql_where=GOES_ON),
)

token_groups = Table(
    "token_groups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("value", Text, nullable=False),  # what stations see as parentIdTag or groupIdToken
    Column("value_key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("is_master_pass", Boolean, nullable=False),  # may stop any transaction and start none
    Column("created_at", Instant, nullable=False),
    Index("token_groups_by_organisation", "organisation_id"),
)

tokens = Table(
    "id_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("value_key", Text, nullable=False),
    Column("kind", Text, nullable=False),  # TokenKind
    Column("group_id", Text, ForeignKey("token_groups.id")),
    Column("driver_id", Text, ForeignKey("drivers.id")),
    Column("blocked_at", Instant),
    Column("block_reason", Text, nullable=False),
    Column("valid_from", Instant),
    Column("expires_at", Instant),
    Column("concurrent_limit", Integer),  # transactions at once; None: no limit
    Column("language", Text),
    Column("second_language", Text),
    Column("charging_priority", Integer),
    Column("message", Text),  # what the station shows its owner
    Column("has_credit", Boolean, nullable=False),
    Column("limits", Json),  # TokenLimits: where and when it may charge; None: everywhere, always
    Column("start_turn", Integer, nullable=False),  # counts accepted starts, so that of two at once one is judged anew
    Column("note", Text, nullable=False),
    Column("last_used_at", Instant),
    Column("last_station_id", Text),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("value_key", "kind", name="id_tokens_once"),
    Index("id_tokens_by_driver", "driver_id"),
    Index("id_tokens_by_group", "group_id"),
    Index("id_tokens_by_creation", "created_at"),
    Index("id_tokens_noted", "note", sqlite_where=IS_NOTED, postgresql_where=IS_NOTED),
    Index("id_tokens_by_organisation", "organisation_id"),
)

decisions = Table(
    "authorization_decisions",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("station_id", Text, nullable=False),
    Column("evse", Integer),
    Column("token_id", Text),  # None: unknown token
    Column("token_value", Text, nullable=False),  # masked for kinds that are secrets
    Column("token_kind", Text, nullable=False),
    Column("occasion", Text, nullable=False),  # Occasion
    Column("status", Text, nullable=False),  # VerdictStatus
    Column("reason", Text, nullable=False),  # VerdictReason
    Column("transaction_id", Text),
    Index("decisions_by_time", "at"),
    Index("decisions_by_token", "token_id", "at"),
    Index("decisions_by_station", "station_id", "at"),
    Index("decisions_refused", "at", sqlite_where=IS_REFUSED, postgresql_where=IS_REFUSED),
)

admission_rules = Table(
    "admission_rules",
    metadata,
    Column("scope", Text, primary_key=True),  # RuleScope
    Column("scope_id", Text, primary_key=True),  # of the site or station; empty: the network
    Column("allows_free", Boolean),  # NoAuthorization is accepted; None: as the wider scope says
    Column("list_mode", Text),  # ListMode; None: as the wider scope says
    Column("list_groups", Json, nullable=False),
)

local_lists = Table(
    "local_lists",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),  # the last that the station accepted from us; 0: none
    Column("station_version", Integer),  # what the station said it has; None: never asked
    Column("state", Text, nullable=False),  # ListState
    Column("detail", Text, nullable=False),
    Column("entry_count", Integer, nullable=False),
    Column("left_out", Integer, nullable=False),  # tokens that would belong on it and cannot stand on it
    Column("entries", Json, nullable=False),  # what stands on it: entry to fingerprint
    Column("needs_full", Boolean, nullable=False),  # the station contradicted it
    Column("sent_at", Instant),
    Column("checked_at", Instant),
    Column("lease", Text),  # who sends to the station at this moment
    Column("lease_until", Instant),
)
