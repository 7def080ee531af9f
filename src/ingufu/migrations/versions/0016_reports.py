"""Figures by day, gathered ahead of time."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import Exact, Instant, Json

revision: str = "0016"
down_revision: str | None = "0015"


def upgrade() -> None:
    op.create_table(
        "report_cells",
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("evse", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("site_id", sa.Text, nullable=False),
        *_figures(),
    )
    op.create_index("report_cells_by_site", "report_cells", ["site_id", "day"])
    op.create_index("report_cells_by_station", "report_cells", ["station_id", "day"])
    ranked = ["day", "station_id", "site_id", "energy_wh", "ended", "refused"]
    op.create_index("report_cells_ranked", "report_cells", ranked)
    op.create_table("report_totals", *_key(), *_figures())
    op.create_index("report_totals_by_period", "report_totals", ["grain", "period"])
    op.create_table(
        "report_taking_cells",
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("site_id", sa.Text, primary_key=True),
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("currency", sa.Text, primary_key=True),
        *_takings(),
    )
    op.create_index("report_taking_cells_by_site", "report_taking_cells", ["site_id", "day"])
    op.create_index("report_taking_cells_by_station", "report_taking_cells", ["station_id", "day"])
    op.create_table("report_taking_totals", *_key(), sa.Column("currency", sa.Text, primary_key=True), *_takings())
    op.create_index("report_taking_totals_by_period", "report_taking_totals", ["grain", "period"])
    op.create_table(
        "report_evses",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("evse", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("site_id", sa.Text, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("since", sa.Text, nullable=False),
    )
    op.create_index("report_evses_by_site", "report_evses", ["site_id", "time_zone", "since"])
    op.create_table(
        "report_state",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("decision_id", sa.BigInteger, nullable=False),
        sa.Column("first_day", sa.Text, nullable=False),
        sa.Column("next_day", sa.Text),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("gathered_at", Instant, nullable=False),
        sa.Column("rebuilt_at", Instant),
    )


def _key() -> tuple[sa.Column[Any], ...]:
    return tuple(sa.Column(name, sa.Text, primary_key=True) for name in ("grain", "place", "period"))


def _figures() -> tuple[sa.Column[Any], ...]:
    return (
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("started", "ended", "succeeded", "refused")),
        sa.Column("energy_wh", Exact, nullable=False),
        sa.Column("occupied_s", sa.BigInteger, nullable=False),
        sa.Column("charging_s", sa.BigInteger, nullable=False),
        sa.Column("hours", Json, nullable=False),
    )


def _takings() -> tuple[sa.Column[Any], ...]:
    return (
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("records", "credits")),
        *(sa.Column(name, Exact, nullable=False) for name in ("net", "gross")),
    )
