"""Second factors, passkeys, single sign-on, invitations and ways back in."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import BigId, Instant, Json

revision: str = "0013"
down_revision: str | None = "0012"


def upgrade() -> None:
    _factors()
    _passkeys()
    _linked_identities()
    _links()
    _outgoing_mail()


def _user(*, is_key: bool = False) -> sa.Column[str]:
    return sa.Column(
        "user_id", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, primary_key=is_key
    )


def _factors() -> None:
    op.create_table(
        "totp_factors",
        _user(is_key=True),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("last_step", BigId, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("confirmed_at", Instant),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Text, primary_key=True),
        _user(),
        sa.Column("code_hash", sa.Text, nullable=False, unique=True),
        sa.Column("used_at", Instant),
    )
    op.create_index("recovery_codes_by_user", "recovery_codes", ["user_id"])
    op.create_table(
        "used_steps",
        sa.Column("step_hash", sa.Text, primary_key=True),
        sa.Column("expires_at", Instant, nullable=False),
    )
    op.create_index("used_steps_by_time", "used_steps", ["expires_at"])


def _passkeys() -> None:
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Text, primary_key=True),
        _user(),
        sa.Column("credential_id", sa.Text, nullable=False, unique=True),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("sign_count", BigId, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("transports", Json, nullable=False),
        sa.Column("is_backed_up", sa.Boolean, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("last_used_at", Instant),
    )
    op.create_index("passkeys_by_user", "passkeys", ["user_id"])


def _linked_identities() -> None:
    op.create_table(
        "linked_identities",
        sa.Column("id", sa.Text, primary_key=True),
        _user(),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("is_managed", sa.Boolean, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("last_used_at", Instant),
        sa.UniqueConstraint("issuer", "subject", name="linked_identities_once"),
    )
    op.create_index("linked_identities_by_user", "linked_identities", ["user_id"])


def _links() -> None:
    op.create_table(
        "sign_in_links",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("token_hash", sa.Text, nullable=False, unique=True),
        _user(),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("used_at", Instant),
    )
    op.create_index("sign_in_links_by_user", "sign_in_links", ["user_id", "created_at"])
    op.create_index("sign_in_links_by_time", "sign_in_links", ["expires_at"])
    op.create_table(
        "reset_requests",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("handled_at", Instant),
    )
    op.create_index("reset_requests_by_address", "reset_requests", ["address", "at"])
    op.create_index("reset_requests_by_state", "reset_requests", ["handled_at", "at"])


def _outgoing_mail() -> None:
    op.create_table(
        "outgoing_mail",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("next_try_at", Instant),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("sent_at", Instant),
        sa.Column("failed_at", Instant),
        sa.Column("last_error", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
    )
    op.create_index("outgoing_mail_due", "outgoing_mail", ["next_try_at"])
