"""Tables of sites."""

from sqlalchemy import Column, Float, Index, MetaData, Table, Text, text

from ingufu.infra.storage.columns import Instant

metadata = MetaData()

IS_LATEST = text("until IS NULL")

sites = Table(
    "sites",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),  # who owns it: the operator, or a host
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),  # case folded; files name sites by it
    Column("address", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("country", Text, nullable=False),  # ISO 3166-1 alpha-2
    Column("latitude", Float),
    Column("longitude", Float),
    Column("time_zone", Text, nullable=False),  # IANA name
    Column("created_at", Instant, nullable=False),
    Index("sites_by_organisation", "organisation_id"),
)

tenures = Table(
    "site_tenures",  # whose a site was when; kept when the site is deleted
    metadata,
    Column("id", Text, primary_key=True),
    Column("site_id", Text, nullable=False),
    Column("organisation_id", Text, nullable=False),
    Column("since", Instant),  # NULL: from the first
    Column("until", Instant),  # NULL: still
    Index("site_tenures_latest", "site_id", unique=True, sqlite_where=IS_LATEST, postgresql_where=IS_LATEST),
    Index("site_tenures_by_organisation", "organisation_id"),
)
