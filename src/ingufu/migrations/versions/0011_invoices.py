"""Legal entities, invoices and fiscal devices."""

revision: str = "0011"
down_revision: str | None = "0010"


def upgrade() -> None:
    """Nothing yet."""
