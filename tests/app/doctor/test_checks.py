"""Each check of the doctor, with what it looks at in order and broken on purpose."""

import os
import resource
import socket
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from ingufu.app.doctor import encryption, machine, reachability, stations, storage
from ingufu.app.doctor.findings import Finding, Level, ok, problem, report, warning
from ingufu.app.settings import HttpSettings, OcppSettings, Settings
from ingufu.infra.storage.file_locks import FileLock
from ingufu.infra.storage.migrate import migrate
from ingufu.infra.storage.targets import StorageUrl
from ingufu.stations.model import Approval, Station

NOW = datetime.now(UTC)
GIB = 1024**3


def levels(findings: Any) -> list[str]:
    return [finding.level.value for finding in findings]


async def collected(findings: Any) -> list[Finding]:
    return [finding async for finding in findings]


def assert_told(findings: Any, level: Level, words: str) -> None:
    """One of them has this level and these words, and says what to do."""
    found = [one for one in findings if one.level is level and words in one.says]
    assert found, findings
    assert all(one.remedy for one in found)


def test_a_report_is_as_bad_as_its_worst():
    assert report([ok("a", "x")]).worst is Level.OK
    assert report([ok("a", "x"), warning("b", "y", "z")]).worst is Level.WARNING
    assert report([problem("c", "y", "z"), warning("b", "y", "z")]).worst is Level.PROBLEM


# The machine


def test_a_data_folder_that_is_missing_open_to_others_or_a_file(tmp_path: Path):
    folder = tmp_path / "data"
    assert_told(machine.check_folder(folder), Level.WARNING, "not there yet")
    folder.mkdir(mode=0o700)
    assert levels(machine.check_folder(folder)) == ["ok"]
    folder.chmod(0o750)
    assert_told(machine.check_folder(folder), Level.WARNING, "mode 750")
    file = tmp_path / "file"
    file.touch()
    assert_told(machine.check_folder(file), Level.PROBLEM, "no folder")


def test_a_data_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # tests may run as root, who may do everything
    assert_told(machine.check_folder(tmp_path), Level.PROBLEM, "cannot be written")


@pytest.mark.parametrize(
    ("free", "level"), [(50 * GIB, "ok"), (4 * GIB, "warning"), (GIB // 2, "warning"), (GIB // 10, "problem")]
)
def test_space_that_runs_out(tmp_path: Path, free: int, level: str):
    assert levels(machine.check_space(tmp_path / "not" / "yet", lambda _: (100 * GIB, 0, free))) == [level]


def test_backups_that_are_old_missing_or_not_told_of(tmp_path: Path):
    assert levels(machine.check_backups("", NOW)) == ["ok"]
    assert_told(machine.check_backups(str(tmp_path), NOW), Level.PROBLEM, "no backup")
    assert_told(machine.check_backups(str(tmp_path / "nowhere"), NOW), Level.PROBLEM, "no backup")
    (tmp_path / "a.backup").touch()
    assert levels(machine.check_backups(str(tmp_path), NOW)) == ["ok"]
    assert_told(machine.check_backups(str(tmp_path), NOW + timedelta(hours=40)), Level.WARNING, "40 hours")
    assert_told(machine.check_backups(str(tmp_path), NOW + timedelta(days=9)), Level.PROBLEM, "a.backup")


def test_a_clock_that_is_off_or_not_kept_right(tmp_path: Path):
    now = datetime.fromtimestamp(time.time(), UTC)
    assert levels(machine.check_clock(tmp_path, now, lambda: 0)) == ["ok"]
    assert levels(machine.check_clock(tmp_path, now, lambda: None)) == ["ok"]
    assert_told(machine.check_clock(tmp_path, now, lambda: 0x40), Level.WARNING, "NTP")
    assert_told(machine.check_clock(tmp_path, now - timedelta(seconds=90), lambda: 0), Level.WARNING, "file system")
    assert list(tmp_path.iterdir()) == []
    assert levels(machine.check_clock(tmp_path, now))[0] in ("ok", "warning")  # as the real kernel has it


@pytest.mark.parametrize(
    ("stations_known", "soft", "level"),
    [(10, 4096, "ok"), (10, 1024, "warning"), (10_000, 1024, "problem"), (3000, 4096, "warning"),
     (10**6, resource.RLIM_INFINITY, "ok")],
)  # fmt: skip
def test_too_few_descriptors(stations_known: int, soft: int, level: str):
    assert levels(machine.check_descriptors(stations_known, lambda: (soft, soft))) == [level]


# The database


@pytest.mark.parametrize(("version", "level"), [((3, 51, 3), "ok"), ((3, 45, 0), "warning"), ((3, 36, 0), "warning")])
def test_a_library_with_known_faults(version: tuple[int, ...], level: str):
    assert levels(storage.check_sqlite_library(version)) == [level]


async def test_a_file_that_is_missing_sound_damaged_or_of_another_schema(tmp_path: Path):
    url = StorageUrl.parse(None, tmp_path)
    assert_told(await collected(storage.check_database(url)), Level.WARNING, "none at")
    await migrate(url)
    sound = await collected(storage.check_database(url))
    assert [one.level for one in sound if one.check != "SQLite"] == [Level.OK, Level.OK]
    assert url.path is not None
    with closing(sqlite3.connect(url.path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert_told(await collected(storage.check_database(url)), Level.PROBLEM, "9999")
    size = url.path.stat().st_size
    with url.path.open("r+b") as file:
        for page in range(2, size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 64)
    assert_told(await collected(storage.check_database(url)), Level.PROBLEM, str(url.path))


async def test_a_write_ahead_log_that_only_grows(tmp_path: Path):
    url = StorageUrl.parse(None, tmp_path)
    await migrate(url)
    assert url.path is not None
    wal = url.path.with_name(url.path.name + "-wal")
    with wal.open("wb") as file:
        file.truncate(storage.WAL_WANTED + 1)  # sparse
    assert_told(await collected(storage.check_database(url)), Level.WARNING, "256 MiB")


async def test_a_server_that_cannot_be_reached():
    url = StorageUrl.parse("postgresql://nobody@127.0.0.1:1/ingufu", Path())
    found = await collected(storage.check_database(url))
    assert_told(found, Level.PROBLEM, "cannot be reached")
    assert len(found) == 1


@pytest.mark.parametrize("storage_url", ["postgresql"], indirect=True)
async def test_a_real_server_is_looked_at_and_left_as_it_is(storage_url: StorageUrl):
    found = {one.check: one for one in await collected(storage.check_database(storage_url))}
    assert found["database"].level is Level.OK
    assert "PostgreSQL" in found["database"].says
    assert {"schema", "PostgreSQL connections"} <= found.keys()


@pytest.mark.parametrize("name", ["fsync", "synchronous_commit", "full_page_writes"])
def test_a_server_that_may_lose_what_it_acknowledged(name: str):
    good = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "max_connections": "100"}
    assert levels(storage.check_server_settings(good, 5)) == ["ok", "ok"]
    assert_told(storage.check_server_settings(good | {name: "off"}, 5), Level.PROBLEM, f"{name} is off")


def test_a_server_without_room_for_our_connections():
    good = {"fsync": "on", "max_connections": "100"}
    assert_told(storage.check_server_settings(good, 90), Level.WARNING, "90 of 100")


# TLS


class Pair:
    def __init__(self, folder: Path, name: str = "csms.example", *, days: float = 90.0, **options: Any) -> None:
        self.authority = trustme.CA()
        leaf = self.authority.issue_cert(name, not_after=NOW + timedelta(days=days), **options)
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(self.key)
        self.key.chmod(0o600)

    def settings(self, **ocpp: Any) -> Settings:
        fields = {
            "listen": "", "tls_listen": "127.0.0.1:9443", "certificates": (str(self.certificate),),
            "private_keys": (str(self.key),),
        } | ocpp  # fmt: skip
        return Settings(ocpp=OcppSettings(**fields))


def test_a_certificate_in_order(tmp_path: Path):
    ecdsa = Pair(tmp_path)
    rsa = Pair(tmp_path, "rsa.example", key_type=trustme.KeyType.RSA)
    settings = ecdsa.settings(
        certificates=(str(ecdsa.certificate), str(rsa.certificate)), private_keys=(str(ecdsa.key), str(rsa.key))
    )
    assert levels(encryption.check_tls(settings, NOW)) == ["ok", "ok"]
    assert_told(encryption.check_tls(ecdsa.settings(), NOW), Level.WARNING, "all EC")


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [(15, Level.WARNING, "expires on"), (1, Level.PROBLEM, "expires on"), (-2, Level.PROBLEM, "expired on")],
)
def test_a_certificate_that_ends(tmp_path: Path, days: float, level: Level, words: str):
    pair = Pair(tmp_path, days=max(days, 0.01), not_before=NOW - timedelta(days=90))
    at = NOW if days > 0 else NOW + timedelta(days=-days)
    assert_told(encryption.check_tls(pair.settings(), at), level, words)
    assert_told(encryption.check_tls(pair.settings(), NOW - timedelta(days=400)), Level.PROBLEM, "valid only from")


def test_a_key_of_another_certificate_or_open_to_others(tmp_path: Path):
    pair, other = Pair(tmp_path), Pair(tmp_path, "other.example")
    wrong = pair.settings(private_keys=(str(other.key),))
    assert_told(encryption.check_tls(wrong, NOW), Level.PROBLEM, "is not the key of")
    pair.key.chmod(0o644)
    assert_told(encryption.check_tls(pair.settings(), NOW), Level.WARNING, "may read")


def test_a_certificate_of_another_name_that_is_no_certificate_or_is_missing(tmp_path: Path):
    pair = Pair(tmp_path)
    good = pair.settings(public_url="wss://CSMS.example/ocpp")
    assert not [one for one in encryption.check_tls(good, NOW) if one.level is Level.PROBLEM]
    wild = Pair(tmp_path, "*.example").settings(public_url="wss://csms.example")
    assert not [one for one in encryption.check_tls(wild, NOW) if one.level is Level.PROBLEM]
    other = pair.settings(public_url="wss://elsewhere.example")
    assert_told(encryption.check_tls(other, NOW), Level.PROBLEM, "not for elsewhere.example")
    pair.certificate.write_text("nonsense")
    assert_told(encryption.check_tls(pair.settings(), NOW), Level.PROBLEM, "cannot be used")
    pair.certificate.unlink()
    assert_told(encryption.check_tls(pair.settings(), NOW), Level.PROBLEM, "cannot be used")


def test_authorities_of_stations_and_the_consoles_certificate_are_looked_at_too(tmp_path: Path):
    pair = Pair(tmp_path)
    bundle = tmp_path / "ca.pem"
    bundle.write_text("nonsense")
    settings = pair.settings(mutual_tls_listen="127.0.0.1:9444", client_authorities=str(bundle))
    assert_told(encryption.check_tls(settings, NOW), Level.PROBLEM, "ca.pem")
    pair.authority.cert_pem.write_to_path(bundle)
    assert "client authorities" in {one.check for one in encryption.check_tls(settings, NOW) if one.level is Level.OK}
    console = Settings(http=HttpSettings(certificate=str(bundle), private_key=str(pair.key)))
    assert_told(encryption.check_tls(console, NOW), Level.PROBLEM, "is not the key of")


def test_passwords_that_travel_in_clear(tmp_path: Path):
    del tmp_path
    assert levels(encryption.check_tls(Settings(), NOW)) == ["ok"]
    bare = Settings(ocpp=OcppSettings(listen="0.0.0.0:9000"))
    assert_told(encryption.check_tls(bare, NOW), Level.WARNING, "without TLS")
    behind = Settings(ocpp=OcppSettings(listen="0.0.0.0:9000", public_url="wss://csms.example"))
    assert levels(encryption.check_tls(behind, NOW)) == ["ok"]


# Ports and processes


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def settings_on(http: int, ocpp: int) -> Settings:
    return Settings(
        http=HttpSettings(listen=f"127.0.0.1:{http}"), ocpp=OcppSettings(listen=f"127.0.0.1:{ocpp}")
    )  # fmt: skip


def test_ports_that_are_free_or_somebody_elses():
    settings = settings_on(free_port(), free_port())
    assert levels(reachability.check_ports(settings, runs=False)) == ["ok", "ok"]
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = settings_on(free_port(), other.getsockname()[1])
        assert_told(reachability.check_ports(taken, runs=False), Level.PROBLEM, "another program")


def test_a_server_that_runs_and_does_not_listen_or_whose_console_is_dead():
    settings = settings_on(free_port(), free_port())
    told = list(reachability.check_ports(settings, runs=True))
    assert_told(told, Level.PROBLEM, "nothing listens")
    assert_told(told, Level.PROBLEM, "do not answer")
    failing = reachability.check_ports(settings, runs=True, ask=lambda _: (503, "database cannot be written"))
    assert_told(failing, Level.PROBLEM, "cannot be written")
    well = list(reachability.check_ports(settings, runs=True, ask=lambda _: (200, "ok")))
    assert well[-1].level is Level.OK


def test_a_folder_without_a_server_is_known_by_its_lock(tmp_path: Path):
    assert not reachability.is_running(tmp_path)
    FileLock(tmp_path / "serve.lock").close()
    assert not reachability.is_running(tmp_path)


# Stations


def station(identity: str, **fields: Any) -> Station:
    known = Station(id=identity, identity=identity, created_at=NOW, password_hash="x", last_seen_at=NOW)
    return msgspec.structs.replace(known, **fields)


def test_stations_in_order():
    assert levels(stations.check_stations([station("A"), station("B", last_seen_at=None)], NOW)) == ["ok", "ok"]


def test_stations_without_proof_without_password_stale_or_waiting():
    fleet = [
        station("OPEN", security_profile=0, password_hash=None),
        station("KEYLESS", password_hash=None),
        station("CERTIFIED", security_profile=3, password_hash=None),
        *(station(f"OLD-{number}", last_seen_at=NOW - timedelta(days=8)) for number in range(7)),
        station("NEW", approval=Approval.WAITING, password_hash=None),
        station("GONE", approval=Approval.REFUSED, password_hash=None, last_seen_at=NOW - timedelta(days=99)),
    ]
    told = list(stations.check_stations(fleet, NOW))
    assert_told(told, Level.WARNING, "profile 0): OPEN.")
    assert_told(told, Level.WARNING, "cannot connect: KEYLESS.")
    assert_told(
        told, Level.WARNING, "7 stations were not heard of for a week: OLD-0, OLD-1, OLD-2, OLD-3, OLD-4 and 2 more"
    )
    assert_told(told, Level.WARNING, "1 station wait for approval: NEW")
    assert len(told) == 4
