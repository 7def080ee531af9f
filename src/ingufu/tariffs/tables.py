"""Tables of tariffs, their versions, where they apply, their history, and price feeds."""

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, Table, Text, text

from ingufu.infra.storage.columns import BigId, Instant, Json

metadata = MetaData()

STANDS_LAST = text("valid_until IS NULL AND withdrawn_at IS NULL")

generations = Table(  # a row that every change counts up, so that what is remembered elsewhere is known to be old
    "tariff_generation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("generation", Integer, nullable=False),
)

tariffs = Table(
    "tariffs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("kind", Text),  # TariffKind
    Column("texts", Json, nullable=False),
    Column("is_retired", Boolean, nullable=False),
    Column("turn", Integer, nullable=False),  # counts changes, so that of two at once one is tried again
    Column("last_number", Integer, nullable=False),  # of its versions, withdrawn ones too
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("tariffs_by_name", "organisation_id", "name_key", unique=True),
)

# A version is written once. What may change of it is when it ends, that it was used, and, before it begins, that it
# was withdrawn: triggers in the migration refuse everything else.
versions = Table(
    "tariff_versions",
    metadata,
    Column("tariff_id", Text, ForeignKey("tariffs.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("valid_from", Instant, nullable=False),
    Column("valid_until", Instant),
    Column("currency", Text, nullable=False),
    Column("terms", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("used_at", Instant),
    Column("withdrawn_at", Instant),
    CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="tariff_versions_end_after_start"),
    Index("tariff_versions_one_last", "tariff_id", unique=True, sqlite_where=STANDS_LAST, postgresql_where=STANDS_LAST),
)

version_feeds = Table(  # which price feeds a version names: those stay
    "tariff_version_feeds",
    metadata,
    Column("tariff_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("feed_id", Text, ForeignKey("price_feeds.id"), primary_key=True),
    Index("tariff_version_feeds_by_feed", "feed_id"),
)

assignments = Table(
    "tariff_assignments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tariff_id", Text, ForeignKey("tariffs.id"), nullable=False),
    Column("target", Text, nullable=False),  # Target
    Column("target_id", Text, nullable=False),
    Column("evse", Integer),
    Column("valid_from", Instant, nullable=False),
    Column("valid_until", Instant),
    Column("note", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Index("tariff_assignments_by_target", "target", "target_id"),
    Index("tariff_assignments_by_tariff", "tariff_id"),
)

changes = Table(
    "tariff_changes",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("tariff_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("kind", Text, nullable=False),  # ChangeKind
    Column("version", Integer),
    Column("differences", Json, nullable=False),
    Index("tariff_changes_by_tariff", "tariff_id", "id"),
)

switches = Table(
    "tariff_switches",
    metadata,
    Column("transaction_id", Text, primary_key=True),
    Column("from_at", Instant, primary_key=True),
    Column("tariff_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
)

feeds = Table(
    "price_feeds",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("unit", Text, nullable=False),  # FeedUnit
    Column("source", Text, nullable=False),  # FeedSource
    Column("address", Text),  # sealed: addresses of such services hold keys
    Column("shown_address", Text, nullable=False),
    Column("every_s", Integer, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("next_fetch_at", Instant),
    Column("lease", Text),  # who fetches at this moment
    Column("lease_until", Instant),
    Column("fetched_at", Instant),
    Column("good_at", Instant),
    Column("failures", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Index("price_feeds_by_name", "organisation_id", "name_key", unique=True),
    Index("price_feeds_due", "next_fetch_at"),
)

feed_prices = Table(
    "feed_prices",
    metadata,
    Column("feed_id", Text, ForeignKey("price_feeds.id"), primary_key=True),
    Column("from_at", Instant, primary_key=True),
    Column("price", Text, nullable=False),  # per kWh, with all its digits
    Column("loaded_at", Instant, nullable=False),
)
