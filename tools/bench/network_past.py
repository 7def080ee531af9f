"""Of a large network: its year of sessions, and what is kept of the last days: reports, readings, events, decisions."""

# ruff: noqa: S608 - every part of these statements is ours

import math

from bench.copying import DAY_US, HOUR_US, WEEK_US, Copier, fresh_id, numbers

BUSY_ONE_IN = 200  # sessions that took place at one station, which has the longest history of all
OPEN_US = 90 * 60 * 1_000_000  # sessions that began since then go on
REPORTS_DAYS, READINGS_DAYS, EVENTS_DAYS, DECISIONS_DAYS = 60, 14, 60, 60
REVIEWED_ONE_IN = 20  # of the sessions of the last days
REVIEW_DAYS = 14
LONG_SESSION_READINGS = 8640  # of one session: a lorry that charges all day and tells of it every ten seconds
RESERVATIONS = 5000
_SHIFTED_TEXT = (
    "CASE WHEN o.{0} IS NOT NULL THEN strftime('%Y-%m-%dT%H:%M:%SZ', (o.{1} + c.shift) / 1000000, 'unixepoch') END"
)


def copy(copier: Copier, *, sessions: int, weeks: int, until_us: int) -> None:
    """Have so many sessions. `temp.sessions_of` says which copy is whose, at which station, and what follows from it.

    A copy takes place at another copy of its station, or in another week, or both: no two of them in one place at once.
    """
    _plan(copier, sessions, weeks, until_us)
    _copy_sessions(copier)
    _copy_recent(copier, until_us)
    _add_long_session(copier)
    _copy_attempts(copier)
    _add_reservations(copier, until_us)


def _plan(copier: Copier, sessions: int, weeks: int, until_us: int) -> None:
    lived = copier.one("SELECT count(*) FROM transactions")
    stations = copier.one("SELECT max(copy) + 1 FROM stations_of")
    people = copier.one("SELECT max(person) + 1 FROM tokens_of")
    cards = copier.one("SELECT max(copy) + 1 FROM tokens_of")
    slots = stations * weeks - 1
    copies = min(slots, -(-sessions // lived) - 1)
    stride = next(step for step in range(max(2, slots * 618 // 1000), 2 * slots + 3) if math.gcd(step, slots) == 1)
    copier.run(
        f"CREATE TEMP TABLE slots AS {numbers(copies)} SELECT t.id AS old, "
        f"1 + (n.i * {stride} + t.rowid * 7) % {slots} AS slot, n.i * {lived} + t.rowid AS lot "
        "FROM n CROSS JOIN transactions t"
    )
    place, week = f"c.slot % {stations}", f"c.slot / {stations}"
    start = f"o.started_at - {week} * {WEEK_US}"
    busy = copier.rows("SELECT s.new, s.site FROM stations_of s ORDER BY s.copy, s.old LIMIT 1")[0]
    copier.run(
        f"CREATE TEMP TABLE sessions_of AS SELECT o.id AS old, c.slot AS copy, "
        f"{fresh_id(start, 'o.id', 'c.slot')} AS new, "
        f"-{week} * {WEEK_US} AS shift, {start} AS started_at, {start} > {until_us - OPEN_US} AS is_open, "
        f"c.lot % {BUSY_ONE_IN} = 0 AS is_busy, c.lot % {REVIEWED_ONE_IN} = 3 AND {start} > "
        f"{until_us - REVIEW_DAYS * DAY_US} AS is_reviewed, "
        f"CASE c.lot % {BUSY_ONE_IN} WHEN 0 THEN '{busy[0]}' ELSE s.new END AS station, "
        f"CASE c.lot % {BUSY_ONE_IN} WHEN 0 THEN '{busy[1]}' ELSE s.site END AS site, "
        "k.new AS token, k.value AS token_value, k.driver, k.person, r.id AS record, "
        f"{fresh_id(f'r.issued_at - {week} * {WEEK_US}', 'r.id', 'c.slot')} AS new_record "
        "FROM slots c JOIN transactions o ON o.id = c.old "
        f"JOIN stations_of s ON s.old = o.station_id AND s.copy = {place} "
        "LEFT JOIN tokens_of k ON k.old = o.token_id "
        f"AND k.copy = ({place} % {people} + {people} * ({week})) % {cards} "
        "LEFT JOIN charge_records r ON r.subject = o.id AND r.kind = 'charge' AND r.revision = 0 ORDER BY 5"
    )
    copier.run("DROP TABLE slots")
    copier.run("CREATE INDEX temp.sessions_of_start ON sessions_of (started_at)")


def _copy_sessions(copier: Copier) -> None:
    first = copier.one("SELECT coalesce(max(number), 0) FROM transactions")
    until_end = {
        name: f"CASE WHEN NOT c.is_open THEN o.{name} + c.shift END" for name in ("ended_at", "end_received_at")
    }
    changes = {
        "id": "c.new",
        "number": f"CASE WHEN o.number IS NOT NULL THEN {first} + c.rowid END",
        "station_id": "c.station",
        "reference": f"CASE WHEN o.number IS NOT NULL THEN {first} + c.rowid || '' "
        "ELSE substr(o.reference, 1, 30) || printf('-%05x', c.copy) END",
        "start_key": "NULL",
        "token_id": "c.token",
        "token_value": "coalesce(c.token_value, o.token_value)",
        "driver_id": "c.driver",
        "state": "CASE WHEN c.is_open THEN 'Charging' ELSE o.state END",
        "is_open": "c.is_open",
        "started_at": "c.started_at",
        "started_at_station": _SHIFTED_TEXT.format("started_at_station", "started_at"),
        "ended_at_station": f"CASE WHEN NOT c.is_open THEN {_SHIFTED_TEXT.format('ended_at_station', 'ended_at')} END",
        "start_received_at": "o.start_received_at + c.shift",
        **until_end,
        "end_wh": "CASE WHEN NOT c.is_open THEN o.end_wh END",
        "stop_reason": "CASE WHEN NOT c.is_open THEN o.stop_reason END",
        "power_w": "CASE WHEN c.is_open THEN 7400.0 + c.copy % 20 * 1000 ELSE o.power_w END",
        "last_reading_at": "o.last_reading_at + c.shift",
        "heard_at": "o.heard_at + c.shift",
        "updated_at": "o.updated_at + c.shift",
    }
    copier.copy("transactions", changes, joined=_joined("transactions", "id"), order="c.rowid")
    copier.run(f"UPDATE sequences SET next = {first} + (SELECT max(rowid) FROM sessions_of) + 1")
    copier.run(
        "UPDATE connectors SET status = 'occupied', raw_status = 'Charging' WHERE (station_id, evse) IN "
        "(SELECT station_id, evse FROM transactions WHERE is_open)"
    )
    copier.copy(
        "energy_verdicts",
        {
            "transaction_id": "c.new",
            "station_id": "c.station",
            "standing": "CASE WHEN c.is_reviewed THEN 'review' ELSE o.standing END",
            "judged_at": "o.judged_at + c.shift",
        },
        joined=_joined("energy_verdicts", "transaction_id"),
        where="NOT c.is_open",
        order="c.rowid",
    )
    copier.run(
        "INSERT INTO review_items (transaction_id, station_id, number, proposed_wh, doubts, opened_at, updated_at) "
        "SELECT c.new, c.station, 1, o.energy_wh, '|implausible-power|', o.judged_at + c.shift, o.judged_at + c.shift "
        "FROM sessions_of c JOIN energy_verdicts o ON o.transaction_id = c.old AND o.number = 1 "
        "WHERE c.is_reviewed AND NOT c.is_open"
    )


def _copy_recent(copier: Copier, until_us: int) -> None:
    def recent(days: int) -> str:
        return f"c.started_at > {until_us - days * DAY_US}"

    times = {name: f"o.{name} + c.shift" for name in ("at", "received_at")}
    whose = {"transaction_id": "c.new", "station_id": "c.station"}
    own = "transaction_id"
    copier.run("CREATE INDEX temp.sessions_of_old ON sessions_of (old)")
    copier.copy(
        "transaction_events",
        {"transaction_id": "c.new", "at_station": _SHIFTED_TEXT.format("at_station", "at"), **times},
        joined=_joined("transaction_events", own),
        where=f"{recent(REPORTS_DAYS)} AND NOT (c.is_open AND o.kind = 'ended')",
        order="c.rowid",
    )
    copier.copy(
        "meter_readings",
        {**whose, "at_station": _SHIFTED_TEXT.format("at_station", "at"), **times},
        joined=_joined("meter_readings", own),
        where=f"{recent(READINGS_DAYS)} AND o.at + c.shift <= {until_us}",
        order="o.at + c.shift",
    )
    copier.copy(
        "signature_checks",
        {"transaction_id": "c.new", "at": times["at"], "checked_at": "o.checked_at + c.shift"},
        joined=_joined("signature_checks", own),
        where=f"{recent(REPORTS_DAYS)} AND NOT c.is_open",
    )
    copier.copy("anomalies", {**whose, "at": times["at"]}, joined=_joined("anomalies", own))
    refused = "stations_of c JOIN authorization_decisions o ON o.station_id = c.old"
    copier.copy(
        "authorization_decisions",
        {"station_id": "c.new"},
        joined=refused,
        where="c.copy > 0 AND o.transaction_id IS NULL",
    )
    copier.copy_in_order(
        "authorization_decisions",
        {**whose, "at": times["at"], "token_id": "c.token", "token_value": "coalesce(c.token_value, o.token_value)"},
        joined=_joined("authorization_decisions", own),
        where=recent(DECISIONS_DAYS),
        order="at",
    )
    _copy_events(copier, recent(EVENTS_DAYS))


def _copy_events(copier: Copier, recent: str) -> None:
    """Copy events: of a week those of stations, of some weeks those of sessions."""
    at_stations = "stations_of c JOIN events o ON o.station_id = c.old"
    where = "c.copy > 0 AND o.transaction_id IS NULL"
    copier.copy("events", {"station_id": "c.new"}, joined=at_stations, where=where)
    changes = {"occurred_at": "o.occurred_at + c.shift", "station_id": "c.station", "transaction_id": "c.new"}
    where = f"{recent} AND NOT (c.is_open AND o.kind <> 'TransactionStarted')"
    copier.copy_in_order(
        "events", changes, joined=_joined("events", "transaction_id"), where=where, order="occurred_at"
    )
    copier.run("UPDATE record_cursors SET position = (SELECT max(id) FROM events)")


def _add_long_session(copier: Copier) -> None:
    """Let the session that has gone on for the longest have told of itself every few seconds."""
    found = copier.rows("SELECT id, station_id, evse FROM transactions WHERE is_open ORDER BY started_at LIMIT 1")
    if not found:
        found = copier.rows("SELECT id, station_id, evse FROM transactions ORDER BY started_at DESC LIMIT 1")
    session, station, evse = found[0]
    columns = "station_id, evse, transaction_id, at, received_at, context, energy_wh, power_w, samples"
    copier.run(
        f"{numbers(LONG_SESSION_READINGS)} INSERT INTO meter_readings ({columns}) SELECT :station, :evse, t.id, "
        "t.started_at + n.i * 600000, t.started_at + n.i * 600000, 'Sample.Periodic', "
        "t.start_wh + n.i * 1000000, 11000.0 + n.i % 97, "
        """'[{"value":"' || (t.start_wh / 1000000 + n.i) || '","raw_value":"1","raw_unit":"Wh",' || """
        """'"context":"Sample.Periodic"}]' """
        "FROM n CROSS JOIN transactions t WHERE t.id = :session",
        {"station": station, "evse": evse, "session": session},
    )


def _copy_attempts(copier: Copier) -> None:
    shift = f"- c.copy % 3 * {WEEK_US}"
    changes = {
        "id": fresh_id(f"o.at {shift}", "o.id", "c.copy"),
        "at": f"o.at {shift}",
        "station_id": "c.new",
        "identity": "o.identity || '-' || c.copy",
        "path": "o.path || '-' || c.copy",
        "last_at": f"o.last_at {shift}",
        "closed_at": f"o.closed_at {shift}",
    }
    joined = "stations_of c JOIN connection_attempts o ON o.station_id = c.old"
    copier.copy("connection_attempts", changes, joined=joined, where="c.copy > 0")
    changes |= {"station_id": "NULL", "id": fresh_id(f"o.at {shift}", "o.id", "c.copy")}
    joined = "(SELECT DISTINCT copy FROM stations_of) c CROSS JOIN connection_attempts o"
    copier.copy("connection_attempts", changes, joined=joined, where="c.copy > 0 AND o.station_id IS NULL")


def _add_reservations(copier: Copier, until_us: int) -> None:
    stations = copier.one("SELECT count(*) FROM stations")
    count = min(RESERVATIONS, stations)
    states = "('used', 'expired', 'cancelled', 'used', 'no-transaction', 'refused', 'used', 'kept')"
    copier.run(f"CREATE TEMP TABLE states AS SELECT value AS state, key AS number FROM json_each('{_as_json(states)}')")
    at = f"{until_us} - (:count - t.rowid) * {WEEK_US * 4} / :count"
    copier.run(
        "INSERT INTO reservations (id, station_id, evse, plug, token_value, token_kind, token_id, status, detail, "
        "expires_at, created_at, created_by, kept_at, ended_at) "
        "SELECT t.rowid, t.id, 1, NULL, k.value, 'ISO14443', k.id, s.state, '', "
        f"CASE s.state WHEN 'kept' THEN {until_us + HOUR_US * 12} ELSE {at} + {HOUR_US} END, {at}, 'Demo', {at}, "
        f"CASE s.state WHEN 'kept' THEN NULL ELSE {at} + {HOUR_US} END "
        "FROM stations t JOIN states s ON s.number = t.rowid % 8 JOIN id_tokens k ON k.rowid = t.rowid "
        "WHERE t.rowid <= :count",
        {"count": count},
    )


def _as_json(listed: str) -> str:
    return listed.replace("(", "[").replace(")", "]").replace("'", '"')


def _joined(table: str, key: str) -> str:
    return f"sessions_of c JOIN {table} o ON o.{key} = c.old"
