"""Of a large network: its sites, stations, EVSEs and connectors, its drivers and cards."""

# ruff: noqa: S608 - every part of these statements is ours

from bench.copying import HOUR_US, WEEK_US, Copier, fresh_id, numbers

HOST, HOST_SITES = "Kimihurura Estates", 3  # an organisation of the demo's, and how many sites it owns
FAULTED_ONE_IN = 83  # connectors
OFFLINE_ONE_IN = 14  # stations
NEW_ONE_IN = 400  # stations that wait to be approved
SPREAD_DEGREES = 0.4  # of a site's copies about it
AGE_US = 52 * WEEK_US


def copy(copier: Copier, *, stations: int, sites: int, until_us: int) -> None:
    """Have so many stations at so many sites. `temp.sites_of` and `temp.stations_of` say which copy is whose."""
    _copy_sites(copier, -(-sites // copier.one("SELECT count(*) FROM sites")))
    copies = -(-stations // copier.one("SELECT count(*) FROM stations"))
    site_copies = copier.one("SELECT max(copy) + 1 FROM sites_of")
    made = f"o.created_at - {AGE_US} + n.i * {HOUR_US}"
    copier.run(
        f"CREATE TEMP TABLE stations_of AS {numbers(copies)} "
        f"SELECT o.id AS old, n.i AS copy, CASE n.i WHEN 0 THEN o.id ELSE {fresh_id(made, 'o.id', 'n.i')} END AS new, "
        "s.new AS site, o.rowid * 7919 + n.i AS lot "
        f"FROM n CROSS JOIN stations o LEFT JOIN sites_of s ON s.old = o.site_id AND s.copy = n.i % {site_copies}"
    )
    copier.run("CREATE UNIQUE INDEX temp.stations_of_old ON stations_of (old, copy)")
    own = "stations_of c JOIN {table} o ON o.{key} = c.old"
    changes = {
        "id": "c.new",
        "identity": "o.identity || '-' || c.copy",
        "identity_key": "o.identity_key || '-' || c.copy",
        "name": "o.name || '-' || c.copy",
        "serial_number": "o.serial_number || c.copy",
        "site_id": "c.site",
        "approval": f"CASE c.lot % {NEW_ONE_IN} WHEN 1 THEN 'waiting' ELSE o.approval END",
        "created_at": f"o.created_at - {AGE_US} + c.copy * {HOUR_US}",
    }
    joined, order = own.format(table="stations", key="id"), "c.copy, c.lot"  # no id in it: those differ with every run
    copier.copy("stations", changes, joined=joined, where="c.copy > 0", order=order)
    for table in ("evses", "connectors", "configuration_states", "wanted_values"):
        joined = own.format(table=table, key="station_id")
        copier.copy(table, {"station_id": "c.new"}, joined=joined, where="c.copy > 0", order="c.new")
    copier.run("UPDATE configuration_states SET due_at = NULL")  # nobody is to be asked what they have
    _add_variables(copier, until_us)
    bring_online(copier, until_us)


def bring_online(copier: Copier, until_us: int) -> None:
    """Let most stations be connected and well, as a server that has just started finds none."""
    moment = f"{until_us} - (rowid * 104729 % 86400) * 1000000"
    copier.run(
        f"UPDATE stations SET is_online = rowid % {OFFLINE_ONE_IN} > 0 AND approval = 'approved', "
        f"online_changed_at = {moment}, last_seen_at = CASE rowid % {OFFLINE_ONE_IN} WHEN 0 THEN {moment} ELSE "
        f"{until_us} - rowid % 240 * 1000000 END, last_boot_at = {moment}, used_security_profile = security_profile, "
        "address = '10.' || rowid / 65536 % 256 || '.' || rowid / 256 % 256 || '.' || rowid % 256"
    )
    copier.run(
        f"UPDATE connectors SET status = CASE WHEN rowid % {FAULTED_ONE_IN} = 0 THEN 'faulted' ELSE 'available' END, "
        f"raw_status = CASE WHEN rowid % {FAULTED_ONE_IN} = 0 THEN 'Faulted' ELSE 'Available' END, "
        f"error_code = CASE WHEN rowid % {FAULTED_ONE_IN} = 0 THEN 'GroundFailure' END, "
        f"status_at = {moment}, status_received_at = {moment}"
    )


def _copy_sites(copier: Copier, copies: int) -> None:
    copier.run(
        f"CREATE TEMP TABLE sites_of AS {numbers(copies)} SELECT o.id AS old, n.i AS copy, "
        f"CASE n.i WHEN 0 THEN o.id ELSE {fresh_id('o.created_at', 'o.id', 'n.i')} END AS new "
        "FROM n CROSS JOIN sites o"
    )
    copier.run("CREATE UNIQUE INDEX temp.sites_of_old ON sites_of (old, copy)")
    aside = f"((c.copy * {{0}} + o.rowid) % 1000 / 1000.0 - 0.5) * {SPREAD_DEGREES}"
    changes = {
        "id": "c.new",
        "name": "o.name || ' ' || (c.copy + 1)",
        "name_key": "o.name_key || ' ' || (c.copy + 1)",
        "latitude": "o.latitude + " + aside.format(7919),
        "longitude": "o.longitude + " + aside.format(6271),
        "created_at": f"o.created_at - {AGE_US}",
    }
    copier.copy("sites", changes, joined="sites_of c JOIN sites o ON o.id = c.old", where="c.copy > 0", order="c.new")
    copier.copy(
        "tariff_assignments",
        {"id": fresh_id("o.created_at", "o.id", "c.copy"), "target_id": "c.new"},
        joined="sites_of c JOIN tariff_assignments o ON o.target_id = c.old",
        where="c.copy > 0",
    )
    owner = "SELECT id FROM organisations WHERE name = :host"
    copier.run(f"UPDATE sites SET organisation_id = ({owner}) WHERE rowid <= {HOST_SITES}", {"host": HOST})


def copy_people(copier: Copier, *, drivers: int, tokens: int) -> None:
    """Have so many drivers and cards. `temp.tokens_of` says which copy of a card is whose."""
    people = max(1, -(-drivers // copier.one("SELECT count(*) FROM drivers")))
    cards = people * max(1, -(-tokens // (people * copier.one("SELECT count(*) FROM id_tokens"))))
    copier.run(
        f"CREATE TEMP TABLE drivers_of AS {numbers(people)} SELECT o.id AS old, n.i AS copy, "
        f"CASE n.i WHEN 0 THEN o.id ELSE {fresh_id('o.created_at', 'o.id', 'n.i')} END AS new "
        "FROM n CROSS JOIN drivers o"
    )
    copier.run("CREATE UNIQUE INDEX temp.drivers_of_old ON drivers_of (old, copy)")
    changes = {
        "id": "c.new",
        "name": "o.name || ' ' || (c.copy + 1)",
        "name_key": "o.name_key || ' ' || (c.copy + 1)",
        "email": "replace(o.email, '@', '.' || c.copy || '@')",
        "email_key": "replace(o.email_key, '@', '.' || c.copy || '@')",
        "created_at": f"o.created_at - (o.rowid * 7919 + c.copy * 104729) % 51 * {WEEK_US}",
    }
    joined = "drivers_of c JOIN drivers o ON o.id = c.old"
    copier.copy("drivers", changes, joined=joined, where="c.copy > 0", order="c.new")
    value = f"'04' || printf('%012X', (o.rowid * {cards} + n.i) * 2654435761 & 281474976710655)"
    copier.run(
        f"CREATE TEMP TABLE tokens_of AS {numbers(cards)} SELECT o.id AS old, n.i AS copy, n.i % {people} AS person, "
        f"CASE n.i WHEN 0 THEN o.id ELSE {fresh_id('o.created_at', 'o.id', 'n.i')} END AS new, d.new AS driver, "
        f"CASE n.i WHEN 0 THEN o.value ELSE {value} END AS value "
        f"FROM n CROSS JOIN id_tokens o LEFT JOIN drivers_of d ON d.old = o.driver_id AND d.copy = n.i % {people}"
    )
    copier.run("CREATE UNIQUE INDEX temp.tokens_of_old ON tokens_of (old, copy)")
    changes = {
        "id": "c.new",
        "value": "c.value",
        "value_key": "lower(c.value)",
        "driver_id": "c.driver",
        "created_at": f"o.created_at - (o.rowid * 7919 + c.copy * 104729) % 51 * {WEEK_US}",
        "last_used_at": "NULL",
        "last_station_id": "NULL",
    }
    joined = "tokens_of c JOIN id_tokens o ON o.id = c.old"
    copier.copy("id_tokens", changes, joined=joined, where="c.copy > 0", order="c.new")


_VARIABLES = tuple(
    (component, variable)
    for component in ("OCPPCommCtrlr", "SampledDataCtrlr", "AuthCtrlr", "TxCtrlr", "SecurityCtrlr")
    for variable in ("Enabled", "Interval", "TimeOut", "Limit", "Available", "Mode", "Retries", "Size")
)


def _add_variables(copier: Copier, until_us: int) -> None:
    """Let every station have told of forty variables."""
    names = ", ".join(f"('{component}', '{variable}')" for component, variable in _VARIABLES)
    copier.run(
        f"WITH v(component, variable) AS (VALUES {names}) INSERT INTO variables (station_id, key, attribute, name, "
        "component_key, value, mutability, is_persistent, is_constant, data_type, supports_monitoring, told_at, "
        "changed_at, origin) SELECT s.id, lower(v.component || '.' || v.variable), 'Actual', "
        """'{"component":"' || v.component || '","instance":null,"evse":null,"connector":null,"variable":"' || """
        """v.variable || '","variable_instance":null}', lower(v.component), s.rowid % 97, 'ReadWrite', 1, 0, """
        f"'integer', 0, {until_us}, {until_us}, 'report' FROM stations s CROSS JOIN v ORDER BY s.id"
    )
