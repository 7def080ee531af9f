"""Energy verdicts, meter keys and signed readings."""

revision: str = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    """Nothing yet."""
