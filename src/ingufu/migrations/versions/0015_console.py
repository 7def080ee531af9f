"""What people keep for themselves in the console, and what their search looks into."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import Instant, Json

revision: str = "0015"
down_revision: str | None = "0014"


def upgrade() -> None:
    _saved_views()
    op.create_index("transactions_by_reference", "transactions", ["reference"])
    op.create_index("drivers_by_phone", "drivers", ["phone"])


def _saved_views() -> None:
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("organisation_id", sa.Text),
        sa.Column("page", sa.Text, nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("is_shared", sa.Boolean, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.UniqueConstraint("owner", "page", "name_key", name="saved_views_once"),
    )
    op.create_index("saved_views_by_user", "saved_views", ["user_id"])
    op.create_table(
        "saved_view_arrangements",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("page", sa.Text, primary_key=True),
        sa.Column("order", Json, nullable=False),
        sa.Column("default_id", sa.Text),
    )
