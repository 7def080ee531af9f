"""Imports from CSV and JSON: judged whole before anything is written, and the same again changes nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingufu.accounts.model import Role
from ingufu.core.sheet import Sheet
from ingufu.importing.columns import COLUMNS, EXPORTED
from ingufu.importing.model import Counts, Kind, Report, Row
from ingufu.importing.reading import read_csv, read_file, read_json
from ingufu.importing.writing import carry_out
from ingufu.stations.model import Approval, BootAnswer
from ingufu.views.tokens import DriverQuery, list_drivers
from ingufu.web.api.exports import CARDS, DRIVERS, GROUPS, STATIONS

ALL = {
    "sites": [{"name": "Kigali Heights", "city": "Kigali", "country": "RW", "latitude": -1.95, "longitude": 30.1,
               "time_zone": "Africa/Kigali"}],
    "users": [
        {"email": "ada@example.org", "name": "Ada", "role": "operator", "sites": ["Kigali Heights"]},
        {"email": "root@example.org", "role": "admin", "password": "a long enough secret 7"},
    ],
    "groups": [{"value": "FLEET", "name": "The fleet"}, {"value": "MASTER", "is_master_pass": True}],
    "drivers": [{"name": "Jean", "email": "jean@example.org", "language": "rw"}, {"name": "Grace", "is_blocked": True}],
    "stations": [
        {"identity": "KH-1", "site": "kigali heights", "password": "0123456789abcdef0123", "security_profile": 1},
        {"identity": "KH-2", "site": "Kigali Heights", "approval": "refused", "boot_answer": "pending",
         "ping_interval_s": 30, "is_silent": True},
    ],
    "tokens": [
        {"value": "04A1", "group": "fleet", "driver": "JEAN@example.org", "expires_at": "2027-01-01"},
        {"value": "04A2", "kind": "eMAID", "driver": "Grace", "is_blocked": True, "block_reason": "lost",
         "concurrent_limit": None},
    ],
}  # fmt: skip


def rows(content: Any) -> list[Row]:
    found, errors, _ = read_json("all.json", json.dumps(content))
    assert errors == []
    return found


def csv_rows(kind: Kind, content: str) -> list[Row]:
    found, errors, _ = read_csv(f"{kind}.csv", content, kind)
    assert errors == []
    return found


def counts(report: Report) -> dict[str, tuple[int, int, int]]:
    return {kind.value: (its.new, its.changed, its.same) for kind, its in report.kinds.items()}


def said(errors) -> list[str]:
    return [str(error) for error in errors]


async def test_everything_of_a_file_is_there_and_linked(desk):
    report = await carry_out(desk, rows(ALL))
    assert report.errors == ()
    assert report.is_written
    assert counts(report) == {
        "sites": (1, 0, 0), "users": (2, 0, 0), "groups": (2, 0, 0), "drivers": (2, 0, 0), "stations": (2, 0, 0),
        "tokens": (2, 0, 0),
    }  # fmt: skip
    services = desk.services
    site = await services.sites.find_by_name("Kigali Heights")
    assert (site.country, site.time_zone) == ("RW", "Africa/Kigali")
    ada = await services.accounts.find_user("ADA@example.org")
    assert [(grant.role, grant.site_id) for grant in ada.grants] == [(Role.OPERATOR, site.id)]
    assert (await services.accounts.find_user("root@example.org")).password_hash is not None
    first, second = await services.stations.all()
    assert (first.site_id, first.approval) == (site.id, Approval.APPROVED)
    assert services.stations.password_matches(first, b"0123456789abcdef0123")
    assert (second.approval, second.boot_answer, second.ping_interval_s) == (Approval.REFUSED, BootAnswer.PENDING, 30)
    token = await services.authorization.find_token("04a1")
    assert (await services.authorization.get_group(token.group_id)).value == "FLEET"
    assert (await services.authorization.get_driver(token.driver_id)).name == "Jean"
    assert token.expires_at == datetime(2027, 1, 1, tzinfo=UTC)
    blocked = await services.authorization.find_token("04A2", "eMAID")
    assert (blocked.block_reason, blocked.concurrent_limit) == ("lost", None)
    drivers = (await list_drivers(services.database, DriverQuery())).items
    assert [(one.name, one.blocked_at is not None) for one in drivers] == [("Grace", True), ("Jean", False)]


async def test_the_same_again_changes_nothing_and_says_so(desk, clock):
    await carry_out(desk, rows(ALL))
    before = await _everything(desk)
    clock.advance(60)
    report = await carry_out(desk, rows(ALL))
    assert all(its.new == its.changed == 0 for its in report.kinds.values()), counts(report)
    assert await _everything(desk) == before


async def _everything(desk) -> Any:
    services = desk.services
    return (
        await services.sites.all(),
        await services.accounts.users(),
        await services.stations.all(),
        (await list_drivers(services.database, DriverQuery())).items,
        await services.authorization.find_token("04A1"),
        await services.authorization.find_token("04A2", "eMAID"),
        await services.accounts.audit_trail(limit=1000),
    )


async def test_what_is_not_in_the_file_stays_and_a_dash_empties(desk):
    await carry_out(desk, rows(ALL))
    report = await carry_out(
        desk,
        [
            *csv_rows(Kind.TOKENS, "value,kind,group,note,expires_at\n04A1,,-,hello,\n"),
            *csv_rows(Kind.STATIONS, "identity,site,name,ping_interval_s\nkh-2,-,Two,-\nKH-1,,One,\n"),
            *csv_rows(Kind.USERS, "email,role\nada@example.org,viewer\n"),
            *csv_rows(Kind.DRIVERS, "name,is_blocked\nGrace,no\n"),
            *csv_rows(Kind.SITES, "name,city\nKigali Heights,-\n"),
        ],
    )
    assert counts(report) == {
        "sites": (0, 1, 0), "users": (0, 1, 0), "drivers": (0, 1, 0), "stations": (0, 2, 0), "tokens": (0, 1, 0),
    }  # fmt: skip
    services = desk.services
    token = await services.authorization.find_token("04A1")
    assert (token.group_id, token.note, token.driver_id is None) == (None, "hello", False)
    assert token.expires_at == datetime(2027, 1, 1, tzinfo=UTC)
    first, second = await services.stations.all()
    assert (first.name, first.site_id is None, first.password_hash is None) == ("One", False, False)
    assert (second.name, second.site_id, second.ping_interval_s, second.is_silent) == ("Two", None, None, True)
    ada = await services.accounts.find_user("ada@example.org")
    assert [(grant.role, grant.site_id is None) for grant in ada.grants] == [(Role.VIEWER, False)]
    assert (await services.sites.find_by_name("Kigali Heights")).city == ""
    drivers = (await list_drivers(services.database, DriverQuery())).items
    assert all(one.blocked_at is None for one in drivers)


async def test_a_token_that_was_there_joins_a_group_that_the_same_file_makes(desk):
    await carry_out(desk, rows({"tokens": [{"value": "04A1"}]}))
    report = await carry_out(desk, rows({"tokens": [{"value": "04A1", "group": "NEW"}], "groups": [{"value": "NEW"}]}))
    assert counts(report) == {"groups": (1, 0, 0), "tokens": (0, 1, 0)}
    token = await desk.services.authorization.find_token("04A1")
    assert (await desk.services.authorization.get_group(token.group_id)).value == "NEW"


BAD_STATIONS = f"""identity,site,security_profile,password
GOOD,,1,0123456789abcdef0123
{"x" * 60},,1,
S2,Nowhere,1,
S3,,7,
S4,,1,short
good,,1,
"""


async def test_one_bad_row_keeps_all_others_out_and_each_is_named_with_its_line_and_field(desk):
    report = await carry_out(desk, csv_rows(Kind.STATIONS, BAD_STATIONS))
    assert not report.is_written
    assert [(error.line, error.field) for error in report.errors] == [
        (3, "identity"), (4, "site"), (5, "security_profile"), (6, "password"), (7, "identity"),
    ]  # fmt: skip
    assert "stations.csv:4: site: there is no site called Nowhere" in said(report.errors)
    assert "stations.csv:7: identity: is the same as in line 2 of stations.csv" in said(report.errors)
    assert "stations.csv:6: password: a station's password has 16 to 64 characters" in said(report.errors)
    assert await desk.services.stations.all() == []
    assert await desk.services.accounts.audit_trail() == []


async def test_the_good_rows_can_be_kept(desk):
    report = await carry_out(desk, csv_rows(Kind.STATIONS, BAD_STATIONS), keeps_good=True)
    assert report.is_written
    assert report.kinds == {Kind.STATIONS: Counts(new=1)}
    assert len(report.errors) == 5
    assert [one.identity for one in await desk.services.stations.all()] == ["GOOD"]


async def test_what_names_a_bad_row_is_bad_too(desk):
    content = {"groups": [{"value": "x" * 300}], "tokens": [{"value": "04A1", "group": "x" * 300}, {"value": "04A2"}]}
    report = await carry_out(desk, rows(content), keeps_good=True)
    assert [(error.line, error.field) for error in report.errors] == [(1, "group"), (1, "value")]
    assert counts(report) == {"tokens": (1, 0, 0)}


async def test_a_trial_says_what_would_happen_and_changes_nothing(desk):
    report = await carry_out(desk, rows(ALL), is_trial=True)
    assert not report.is_written
    assert sum(its.new for its in report.kinds.values()) == 11
    assert await desk.services.stations.all() == []
    assert await desk.services.accounts.users() == []


async def test_every_change_is_in_the_audit_trail_without_its_secrets(desk):
    await carry_out(desk, rows(ALL))
    entries = await desk.services.accounts.audit_trail(limit=100)
    assert len(entries) == 13
    assert {entry.action for entry in entries} == {
        "site.import", "user.import", "group.import", "driver.import", "station.import", "token.import",
        "driver.block", "token.block",
    }  # fmt: skip
    assert all(entry.actor_name == "ada" and entry.details["file"] == "all.json" for entry in entries)


async def test_a_station_that_waited_with_a_password_of_its_own_choice_does_not_keep_it(desk):
    stations = desk.services.stations
    async with desk.work() as work:
        await stations.discover(work, "CP1", password=b"an-attackers-password-1")
    report = await carry_out(desk, csv_rows(Kind.STATIONS, "identity\nCP1\n"))
    assert counts(report) == {"stations": (0, 1, 0)}
    (found,) = await stations.all()
    assert found.approval is Approval.APPROVED
    assert not stations.password_matches(found, b"an-attackers-password-1")
    async with desk.work() as work:
        await stations.discover(work, "CP2", password=b"an-attackers-password-2")
    await carry_out(desk, csv_rows(Kind.STATIONS, "identity,password\nCP2,the-operators-password-2\n"))
    found = await stations.find_by_identity("CP2")
    assert stations.password_matches(found, b"the-operators-password-2")
    assert not stations.password_matches(found, b"an-attackers-password-2")


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_thousands_of_rows_are_imported(desk):
    lines = "\n".join(f"S{number},password-of-station-{number}" for number in range(2000))
    report = await carry_out(desk, csv_rows(Kind.STATIONS, f"identity,password\n{lines}\n"))
    assert counts(report) == {"stations": (2000, 0, 0)}
    assert len(await desk.services.stations.all()) == 2000


# Reading


@pytest.mark.parametrize(
    "content",
    [
        "identity,name\r\nA,One\r\nB,Two\r\n",
        "\ufeffIdentity;Name\nA;One\nB;Two",
        "name\tidentity\nOne\tA\n\n\t\nTwo\tB\n",
        '"identity","name"\n"A","One"\n"B","Two"',
    ],
)
def test_csv_of_every_spreadsheet_is_read(content, tmp_path):
    path = tmp_path / "stations.csv"
    path.write_bytes(content.encode())
    found, errors, _ = read_file(path, Kind.STATIONS)
    assert errors == []
    assert [row.values for row in found] == [{"identity": "A", "name": "One"}, {"identity": "B", "name": "Two"}]


def test_lines_are_counted_through_cells_of_several_lines():
    content = 'identity,note,is_strict\nA,"two\nlines",maybe\nB,,perhaps\n'
    errors = read_csv("f.csv", content, Kind.STATIONS).errors
    assert said(errors) == [
        "f.csv:2: is_strict: must be true or false",
        "f.csv:4: is_strict: must be true or false",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ["f.csv:1: identity: is missing"]),
        ("name\nOne\n", ["f.csv:1: identity: is missing"]),
        ("identity,namo\n", ["f.csv:1: namo: is no column of stations. Did you mean name?"]),
        ("identity,identity\n", ["f.csv:1: identity: stands twice"]),
        ("identity,last_seen,vendor\n", ["f.csv:1: last_seen: is no column of stations."]),
        ("identity,name,NAME\n", ["f.csv:1: NAME: is name too, which another column is"]),
        ("identity,name\nA,B,C\n", ["f.csv:2: has 3 cells for 2 columns"]),
        ("identity,name\n,B\n", ["f.csv:2: identity: is missing"]),
        ("identity,name\nA,-\n", ["f.csv:2: name: cannot be emptied"]),
        ('identity,name\nA,"B\n', ["f.csv:2: is not CSV: unexpected end of data"]),
        ("identity,ping_interval_s\nA,often\n", ["f.csv:2: ping_interval_s: must be a whole number"]),
        ("identity,approval\nA,maybe\n", ["f.csv:2: approval: must be one of approved, waiting, refused"]),
    ],
)
def test_what_is_wrong_with_a_csv_file_is_said_with_its_line(content, expected):
    errors = read_csv("f.csv", content, Kind.STATIONS).errors
    assert said(errors) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "f.json:1: is not JSON: Expecting value"),
        ('{"stations": [\n{"identity": }]}', "f.json:2: is not JSON: Expecting value"),
        ('{"stations": [{"identity": "A"}]', "f.json:1: is not JSON: Expecting ',' delimiter"),
        ("[]", "f.json:1: must be an object with sites, users, groups, drivers, stations, tokens"),
        ('{"station": []}', "f.json:1: station: is no kind of row. Did you mean stations?"),
        ('{\n"stations": {}}', "f.json:2: stations: must be an array"),
        ('{"stations": [\n"A"]}', "f.json:2: must be an object, one of the stations"),
        ('{"stations": [\n\n{}]}', "f.json:3: identity: is missing"),
        ('{"stations": [{"identity": 5}]}', "f.json:1: identity: must be text"),
        ('{"stations": [{"identity": "A", "identity": "B"}]}', "f.json:1: identity: stands twice"),
        ('{"stations": [{"identity": "A", "nme": "B"}]}', "f.json:1: nme: is no field of stations. Did you mean name?"),
        ('{"stations": [{"identity": "A", "name": null}]}', "f.json:1: name: cannot be emptied"),
        (
            '{"tokens": [{"value": "A", "expires_at": "soon"}]}',
            "f.json:1: expires_at: must be a day such as 2027-01-31",
        ),
        ('{"tokens": [{"value": "A", "expires_at": "2027-01-01T00:00"}]}', "expires_at: needs a zone, as in 2027"),
        ('{"sites": [{"name": "A", "latitude": "north"}]}', "latitude: must be a number, with a point"),
        ("[" * 100_000, "f.json: is not JSON: nested too deeply"),
    ],
)
def test_what_is_wrong_with_a_json_file_is_said_with_its_line(content, expected):
    errors = read_json("f.json", content).errors
    assert len(errors) == 1
    assert expected in str(errors[0])


@pytest.mark.parametrize(
    ("kind", "sheet"),
    [(Kind.STATIONS, STATIONS), (Kind.DRIVERS, DRIVERS), (Kind.GROUPS, GROUPS), (Kind.TOKENS, CARDS)],
)
def test_every_column_of_an_export_is_read_or_said_not_to_be(kind: Kind, sheet: Sheet[Any]):
    _, errors, not_read = read_csv("f.csv", f"{','.join(sheet.names)}\n", kind)
    assert errors == []
    assert set(not_read) <= EXPORTED[kind] <= set(sheet.names)


def test_headings_are_known_as_by_the_web():
    content = "Numéro de carte;Titulaire;last_used_at\n04A1;Jean;2026-01-01T00:00:00Z\n"
    (row,), errors, not_read = read_csv("f.csv", content, Kind.TOKENS)
    assert (errors, not_read) == ([], ("last_used_at",))
    assert row.values == {"value": "04A1", "driver": "Jean"}


def test_a_file_that_cannot_be_read_is_said_to_be_so(tmp_path: Path):
    assert said(read_file(tmp_path / "none.csv", Kind.STATIONS).errors) == [
        f"{tmp_path / 'none.csv'}: cannot be read: No such file or directory"
    ]
    path = tmp_path / "latin.csv"
    path.write_bytes("identity,name\nA,Zürich\n".encode("latin-1"))
    assert said(read_file(path, Kind.STATIONS).errors) == [f"{path}:2: is not UTF-8; save it as UTF-8"]


def test_every_column_says_what_it_is():
    for kind, columns in COLUMNS.items():
        assert sum(column.is_key for column in columns) == 1, kind
        for column in columns:
            assert column.meaning.endswith("."), column.name
            assert column.form, column.name
