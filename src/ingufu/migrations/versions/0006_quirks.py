"""What is odd about stations, and how often it was met."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import Instant

revision: str = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    op.create_table(
        "quirk_meetings",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("first_at", Instant, nullable=False),
        sa.Column("last_at", Instant, nullable=False),
    )
    op.create_index("quirk_meetings_by_number", "quirk_meetings", ["number"])
    op.create_table(
        "quirk_lessons",
        sa.Column("vendor", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("lesson", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
    )
