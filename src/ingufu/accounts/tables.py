"""Tables of accounts."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, MetaData, Table, Text, UniqueConstraint

from ingufu.infra.storage.columns import BigId, Instant, Json

metadata = MetaData()

organisations = Table(
    "organisations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),  # OrganisationKind
    Column("created_at", Instant, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, ForeignKey("organisations.id"), nullable=False),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False, unique=True),  # case folded
    Column("name", Text, nullable=False),
    Column("password_hash", Text),
    Column("language", Text, nullable=False),
    Column("disabled_at", Instant),
    Column("created_at", Instant, nullable=False),
)

roles = Table(
    "roles",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),  # case folded
    Column("description", Text, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

role_grants = Table(
    "role_grants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("role", Text, nullable=False),  # Role, or the id of one that people defined
    Column("site_id", Text),  # None: every site of the organisation
    UniqueConstraint("user_id", "role", "site_id", name="role_grants_once"),
)

logins = Table(
    "logins",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret_hash", Text, nullable=False, unique=True),  # SHA-256 of the cookie's secret
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("address", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("method", Text, nullable=False),  # how they showed who they are
    Column("revoked_at", Instant),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, ForeignKey("organisations.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),  # shown, so that a key can be told from its neighbours
    Column("secret_hash", Text, nullable=False, unique=True),
    Column("scopes", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
    Column("site_ids", Json),  # None: every site that the organisation sees
)

login_failures = Table(
    "login_failures",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("email_key", Text, nullable=False),
    Column("address", Text, nullable=False),
    Index("login_failures_by_email", "email_key", "at"),
    Index("login_failures_by_address", "address", "at"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("principal_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", Text, nullable=False),
    Column("status", Integer, nullable=False),  # 0 while the first request is being worked on
    Column("headers", Json, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("idempotency_by_time", "created_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("actor_kind", Text, nullable=False),  # user, key, command-line, system
    Column("actor_id", Text, nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("address", Text),
    Column("action", Text, nullable=False),  # station.approve, token.block ...
    Column("object_kind", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("is_refused", Boolean, nullable=False),
    Column("details", Json, nullable=False),
    Column("changes", Json, nullable=False),  # by field: before, after
    Column("door", Text),  # Door
    Column("request_id", Text),
    Column("nonce", Text, nullable=False, unique=True),  # no entry can be written twice
    Column("mark", Text, nullable=False),  # HMAC of the content
    Index("audit_by_time", "at"),
    Index("audit_by_object", "object_id", "id"),
    Index("audit_by_kind", "object_kind", "id"),
    Index("audit_by_actor", "actor_id", "id"),
    Index("audit_by_action", "action", "id"),
    Index("audit_by_address", "address", "id"),
    Index("audit_by_request", "request_id"),
    Index("audit_by_refusal", "is_refused", "id"),
)

audit_seals = Table(
    "audit_seals",
    metadata,
    Column("number", BigId, primary_key=True, autoincrement=False),  # 1, 2, 3 ... without a gap
    Column("entry_id", BigId, nullable=False, unique=True),
    Column("seal", Text, nullable=False),  # HMAC over the seal before, the number, and the entry's mark
)

audit_chain = Table(
    "audit_chain",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1: there is one
    Column("first_number", BigId, nullable=False),  # what was pruned ends here
    Column("first_seal", Text, nullable=False),
    Column("head_number", BigId, nullable=False),
    Column("head_seal", Text, nullable=False),
    Column("sealed_at", Instant, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("mac", Text, nullable=False),  # HMAC over the others
)
