"""What people keep for themselves in the console."""

revision: str = "0015"
down_revision: str | None = "0014"


def upgrade() -> None:
    """Nothing yet."""
