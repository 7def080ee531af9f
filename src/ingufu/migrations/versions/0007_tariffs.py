"""Tariffs, their versions, where they apply, and price feeds."""

revision: str = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    """Nothing yet."""
