"""Figures by day, gathered ahead of time."""

revision: str = "0016"
down_revision: str | None = "0015"


def upgrade() -> None:
    """Nothing yet."""
