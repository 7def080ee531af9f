"""What is odd about stations, and how often it was met."""

revision: str = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    """Nothing yet."""
