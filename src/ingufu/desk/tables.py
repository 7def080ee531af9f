"""Tables of what people keep for themselves."""

from sqlalchemy import Boolean, Column, Index, MetaData, Table, Text, UniqueConstraint

from ingufu.infra.storage.columns import Instant, Json

metadata = MetaData()

saved_views = Table(
    "saved_views",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),  # among whose views the name is the only one: a person or an organisation
    Column("user_id", Text, nullable=False),
    Column("organisation_id", Text),
    Column("page", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),  # folded
    Column("is_shared", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("owner", "page", "name_key", name="saved_views_once"),
    Index("saved_views_by_user", "user_id"),
)

arrangements = Table(
    "saved_view_arrangements",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("page", Text, primary_key=True),
    Column("order", Json, nullable=False),  # ids
    Column("default_id", Text),
)
