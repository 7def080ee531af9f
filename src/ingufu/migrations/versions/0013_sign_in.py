"""Second factors, passkeys, single sign-on, invitations and ways back in."""

revision: str = "0013"
down_revision: str | None = "0012"


def upgrade() -> None:
    """Nothing yet."""
