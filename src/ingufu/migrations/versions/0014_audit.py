"""The chain of the audit trail, and the database's own refusal to change it."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import BigId, Instant

revision: str = "0014"
down_revision: str | None = "0013"

_MAY_GO = "SELECT 1 FROM audit_seals s JOIN audit_chain c ON s.number <= c.first_number WHERE s.entry_id = OLD.id"


def upgrade() -> None:
    """Make the seals and the head, and have entries and seals be only ever added to, but for the pruning."""
    op.create_table(
        "audit_seals",
        sa.Column("number", BigId, primary_key=True, autoincrement=False),
        sa.Column("entry_id", BigId, nullable=False, unique=True),
        sa.Column("seal", sa.Text, nullable=False),
    )
    op.create_table(
        "audit_chain",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("first_number", BigId, nullable=False),
        sa.Column("first_seal", sa.Text, nullable=False),
        sa.Column("head_number", BigId, nullable=False),
        sa.Column("head_seal", sa.Text, nullable=False),
        sa.Column("sealed_at", Instant, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("mac", sa.Text, nullable=False),
    )
    _keep("audit", _MAY_GO)
    _keep("audit_seals", "SELECT 1 FROM audit_chain c WHERE OLD.number <= c.first_number")


def _keep(table: str, may_go: str) -> None:
    """Refuse every change of a row, and its removal unless the signed start of the chain is beyond it."""
    message = f"{table} is only ever added to"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE TRIGGER {table}_stays BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{message}'); END")
        op.execute(
            f"CREATE TRIGGER {table}_remains BEFORE DELETE ON {table} WHEN NOT EXISTS ({may_go}) "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {table}_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'DELETE' THEN IF EXISTS ({may_go}) THEN RETURN OLD; END IF; END IF; "
        f"RAISE EXCEPTION '{message}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_stays()"
    )
    op.execute(f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} EXECUTE FUNCTION {table}_stays()")
