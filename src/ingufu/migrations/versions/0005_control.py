"""Commands that a station carries out later, limits of transactions, streams."""

revision: str = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    """Nothing yet."""
