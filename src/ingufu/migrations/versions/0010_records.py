"""Charge records."""

revision: str = "0010"
down_revision: str | None = "0009"


def upgrade() -> None:
    """Nothing yet."""
