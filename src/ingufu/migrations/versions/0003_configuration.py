"""What stations are set to and should be set to."""

revision: str = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    """Nothing yet."""
