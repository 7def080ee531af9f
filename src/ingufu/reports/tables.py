"""Tables of figures gathered ahead of time. All of them can be made again from sessions and charge records."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text

from ingufu.infra.storage.columns import Exact, Instant, Json

metadata = MetaData()


def _figures() -> tuple[Column[object], ...]:
    return (
        Column("started", Integer, nullable=False),
        Column("ended", Integer, nullable=False),
        Column("succeeded", Integer, nullable=False),
        Column("refused", Integer, nullable=False),
        Column("energy_wh", Exact, nullable=False),
        Column("occupied_s", BigInteger, nullable=False),
        Column("charging_s", BigInteger, nullable=False),
        Column("hours", Json, nullable=False),  # by hour of the local day: [micro-Wh, occupied seconds]
    )


def _takings() -> tuple[Column[object], ...]:
    return (
        Column("records", Integer, nullable=False),
        Column("credits", Integer, nullable=False),
        Column("net", Exact, nullable=False),
        Column("gross", Exact, nullable=False),
    )


cells = Table(
    "report_cells",  # of one EVSE on one day
    metadata,
    Column("day", Text, primary_key=True),  # of the site's calendar, 2026-11-20
    Column("station_id", Text, primary_key=True),
    Column("evse", Integer, primary_key=True, autoincrement=False),  # 0: of the station as a whole
    Column("site_id", Text, nullable=False),  # empty: of no site
    *_figures(),
    Index("report_cells_by_site", "site_id", "day"),
    Index("report_cells_by_station", "station_id", "day"),
    Index("report_cells_ranked", "day", "station_id", "site_id", "energy_wh", "ended", "refused"),
)

totals = Table(
    "report_totals",  # of one site, or of all of them, on one day or in one month
    metadata,
    Column("grain", Text, primary_key=True),  # d, m
    Column("place", Text, primary_key=True),  # the site's id; empty: of no site; *: of all
    Column("period", Text, primary_key=True),  # 2026-11-20, 2026-11
    *_figures(),
    Index("report_totals_by_period", "grain", "period"),
)

taking_cells = Table(
    "report_taking_cells",  # what one station earned on one day
    metadata,
    Column("day", Text, primary_key=True),
    Column("site_id", Text, primary_key=True),  # where it stood then
    Column("station_id", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    *_takings(),
    Index("report_taking_cells_by_site", "site_id", "day"),
    Index("report_taking_cells_by_station", "station_id", "day"),
)

taking_totals = Table(
    "report_taking_totals",
    metadata,
    Column("grain", Text, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    *_takings(),
    Index("report_taking_totals_by_period", "grain", "period"),
)

evses = Table(
    "report_evses",  # which EVSEs could have been used, and as what their figures were gathered
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("evse", Integer, primary_key=True, autoincrement=False),
    Column("site_id", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("since", Text, nullable=False),  # the first local day on which it counts
    Index("report_evses_by_site", "site_id", "time_zone", "since"),
)

state = Table(
    "report_state",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),  # of the events that were followed
    Column("decision_id", BigInteger, nullable=False),  # of the decisions on cards that were counted
    Column("first_day", Text, nullable=False),  # from which the past is gathered
    Column("next_day", Text),  # of the past; None: all of it is gathered
    Column("version", BigInteger, nullable=False),  # counts the units, so that two at once are noticed
    Column("gathered_at", Instant, nullable=False),
    Column("rebuilt_at", Instant),
)
