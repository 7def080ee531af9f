"""Organisations with sites and drivers of their own, roles that people define, keys with sites."""

revision: str = "0012"
down_revision: str | None = "0011"


def upgrade() -> None:
    """Nothing yet."""
