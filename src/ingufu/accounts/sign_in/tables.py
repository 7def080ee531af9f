"""Tables of signing in."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, MetaData, Table, Text, UniqueConstraint

from ingufu.accounts.tables import metadata as accounts
from ingufu.infra.storage.columns import BigId, Instant, Json

metadata: MetaData = accounts  # its rows go with their user


def _user(*, is_key: bool = False) -> Column[str]:
    return Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, primary_key=is_key)


totp_factors = Table(
    "totp_factors",
    metadata,
    _user(is_key=True),
    Column("secret", Text, nullable=False),  # sealed
    Column("last_step", BigId, nullable=False),  # of the last code that was taken
    Column("created_at", Instant, nullable=False),
    Column("confirmed_at", Instant),  # None: a code was not shown yet
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("id", Text, primary_key=True),
    _user(),
    Column("code_hash", Text, nullable=False, unique=True),
    Column("used_at", Instant),
    Index("recovery_codes_by_user", "user_id"),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Text, primary_key=True),
    _user(),
    Column("credential_id", Text, nullable=False, unique=True),
    Column("public_key", Text, nullable=False),
    Column("sign_count", BigId, nullable=False),
    Column("name", Text, nullable=False),
    Column("transports", Json, nullable=False),
    Column("is_backed_up", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    Index("passkeys_by_user", "user_id"),
)

linked_identities = Table(
    "linked_identities",
    metadata,
    Column("id", Text, primary_key=True),
    _user(),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("is_managed", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    UniqueConstraint("issuer", "subject", name="linked_identities_once"),
    Index("linked_identities_by_user", "user_id"),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("id", Text, primary_key=True),
    Column("token_hash", Text, nullable=False, unique=True),
    _user(),
    Column("kind", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("sign_in_links_by_user", "user_id", "created_at"),
    Index("sign_in_links_by_time", "expires_at"),
)

reset_requests = Table(
    "reset_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email_key", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("handled_at", Instant),
    Index("reset_requests_by_address", "address", "at"),
    Index("reset_requests_by_state", "handled_at", "at"),
)

used_steps = Table(
    "used_steps",
    metadata,
    Column("step_hash", Text, primary_key=True),  # of a step of a log-in, which is good once
    Column("expires_at", Instant, nullable=False),
    Index("used_steps_by_time", "expires_at"),
)
