"""Tariffs, their versions, where they apply, and price feeds."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import BigId, Instant, Json

revision: str = "0007"
down_revision: str | None = "0006"

_FIXED = ("tariff_id", "number", "valid_from", "currency", "terms", "created_at", "created_by")
_REFUSAL = "A version of a tariff never changes; make a new one."


def upgrade() -> None:
    _tariffs()
    _versions()
    _keep_versions()
    _assignments()
    _history()
    _feeds()


def _tariffs() -> None:
    generation = op.create_table(
        "tariff_generation",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("generation", sa.Integer, nullable=False),
    )
    op.bulk_insert(generation, [{"id": 1, "generation": 1}])
    op.create_table(
        "tariffs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text),
        sa.Column("texts", Json, nullable=False),
        sa.Column("is_retired", sa.Boolean, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("last_number", sa.Integer, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
    )
    op.create_index("tariffs_by_name", "tariffs", ["organisation_id", "name_key"], unique=True)


def _versions() -> None:
    op.create_table(
        "tariff_versions",
        sa.Column("tariff_id", sa.Text, sa.ForeignKey("tariffs.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("valid_from", Instant, nullable=False),
        sa.Column("valid_until", Instant),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("terms", Json, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("used_at", Instant),
        sa.Column("withdrawn_at", Instant),
        sa.CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="tariff_versions_end_after_start"),
    )
    stands_last = sa.text("valid_until IS NULL AND withdrawn_at IS NULL")
    op.create_index(
        "tariff_versions_one_last",
        "tariff_versions",
        ["tariff_id"],
        unique=True,
        sqlite_where=stands_last,
        postgresql_where=stands_last,
    )


def _keep_versions() -> None:
    """Refuse what would change a version: its words ever, its withdrawal once it began or was used, its deletion."""
    if op.get_bind().dialect.name == "sqlite":
        same = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in _FIXED)
        fits = _fitting(same, "IS NOT")
        op.execute(
            "CREATE TRIGGER tariff_versions_stay BEFORE UPDATE ON tariff_versions "
            f"WHEN NOT ({fits}) BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )
        op.execute(
            "CREATE TRIGGER tariff_versions_remain BEFORE DELETE ON tariff_versions "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )
        return
    same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in _FIXED)
    fits = _fitting(same, "IS DISTINCT FROM")
    op.execute(
        "CREATE FUNCTION tariff_versions_stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'DELETE' THEN RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; "
        f"END IF; IF NOT ({fits}) THEN "
        f"RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER tariff_versions_stay BEFORE UPDATE OR DELETE ON tariff_versions "
        "FOR EACH ROW EXECUTE FUNCTION tariff_versions_stay()"
    )


def _fitting(same: str, differs: str) -> str:
    """Return the condition of an allowed change. A use is noted once; a withdrawal comes before both, and is final."""
    return (
        f"{same} "
        f"AND NOT (OLD.used_at IS NOT NULL AND NEW.used_at {differs} OLD.used_at) "
        f"AND NOT (OLD.withdrawn_at IS NOT NULL AND NEW.withdrawn_at {differs} OLD.withdrawn_at) "
        "AND (NEW.withdrawn_at IS NULL OR (NEW.used_at IS NULL AND NEW.withdrawn_at < NEW.valid_from))"
    )


def _assignments() -> None:
    op.create_table(
        "tariff_assignments",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tariff_id", sa.Text, sa.ForeignKey("tariffs.id"), nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("target_id", sa.Text, nullable=False),
        sa.Column("evse", sa.Integer),
        sa.Column("valid_from", Instant, nullable=False),
        sa.Column("valid_until", Instant),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
    )
    op.create_index("tariff_assignments_by_target", "tariff_assignments", ["target", "target_id"])
    op.create_index("tariff_assignments_by_tariff", "tariff_assignments", ["tariff_id"])


def _history() -> None:
    op.create_table(
        "tariff_changes",
        sa.Column("id", BigId, primary_key=True, autoincrement=True),
        sa.Column("tariff_id", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("differences", Json, nullable=False),
    )
    op.create_index("tariff_changes_by_tariff", "tariff_changes", ["tariff_id", "id"])
    op.create_table(
        "tariff_switches",
        sa.Column("transaction_id", sa.Text, primary_key=True),
        sa.Column("from_at", Instant, primary_key=True),
        sa.Column("tariff_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
    )


def _feeds() -> None:
    op.create_table(
        "price_feeds",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("shown_address", sa.Text, nullable=False),
        sa.Column("every_s", sa.Integer, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("next_fetch_at", Instant),
        sa.Column("lease", sa.Text),
        sa.Column("lease_until", Instant),
        sa.Column("fetched_at", Instant),
        sa.Column("good_at", Instant),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("price_feeds_by_name", "price_feeds", ["organisation_id", "name_key"], unique=True)
    op.create_index("price_feeds_due", "price_feeds", ["next_fetch_at"])
    op.create_table(
        "feed_prices",
        sa.Column("feed_id", sa.Text, sa.ForeignKey("price_feeds.id"), primary_key=True),
        sa.Column("from_at", Instant, primary_key=True),
        sa.Column("price", sa.Text, nullable=False),
        sa.Column("loaded_at", Instant, nullable=False),
    )
    op.create_table(
        "tariff_version_feeds",
        sa.Column("tariff_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("feed_id", sa.Text, sa.ForeignKey("price_feeds.id"), primary_key=True),
    )
    op.create_index("tariff_version_feeds_by_feed", "tariff_version_feeds", ["feed_id"])
