"""The chain of the audit trail."""

revision: str = "0014"
down_revision: str | None = "0013"


def upgrade() -> None:
    """Nothing yet."""
