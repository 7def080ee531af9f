"""Organisations with sites and drivers of their own, roles that people define, keys with sites."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import Instant, Json

revision: str = "0012"
down_revision: str | None = "0011"


def upgrade() -> None:
    op.create_table(
        "roles",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False, unique=True),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
    )
    op.add_column("api_keys", sa.Column("site_ids", Json))
    op.create_index("sites_by_organisation", "sites", ["organisation_id"])
    op.create_index("drivers_by_organisation", "drivers", ["organisation_id"])
    op.create_index("id_tokens_by_organisation", "id_tokens", ["organisation_id"])
    op.create_index("token_groups_by_organisation", "token_groups", ["organisation_id"])
