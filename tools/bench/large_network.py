"""A network of ten thousand stations and a year of a million sessions, in a database that `ingufu serve --data` opens.

A small network is lived through first, by the rules of the product: a week of sessions with their readings, verdicts,
prices, bookings and receipts. Its stations, sites, drivers, cards and sessions are then copied within the database:
each session to another station and another week, so that hours, weekdays and amounts stay as they were. The same seed
and moment give the same network; ids and secrets differ.
"""

# ruff: noqa: S608 - every part of these statements is ours

import argparse
import asyncio
import contextlib
import sqlite3
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench import network_books, network_past, network_places
from bench.copying import Copier, opened
from bench.network_audit import add_audit
from bench.network_frames import add_frames
from ingufu.accounts.model import Role
from ingufu.app import parts
from ingufu.app.demonstration.filling import fill
from ingufu.app.demonstration.login import Login
from ingufu.app.settings import Settings
from ingufu.core.clock import FrozenClock, SystemClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.opening import open_database
from ingufu.simulator.plan import plan

ADMIN = Login("bench@ingufu.local", "a password for measuring")
HOST = Login("host@ingufu.local", "another password for measuring")
INVITED = "newcomer@ingufu.local"  # who has not chosen yet how to sign in
DATABASE = "ingufu.sqlite"
MADE = "made.json"  # beside it: what was made, and cookies that open the console
SEED_DAYS = 7
WEEKS = 52
COUNTED = (
    "sites", "stations", "evses", "connectors", "drivers", "id_tokens", "transactions", "transaction_events",
    "meter_readings", "energy_verdicts", "charge_records", "ledger_entries", "ledger_postings", "documents", "events",
    "authorization_decisions", "connection_attempts", "reservations", "review_items", "audit", "variables",
    "frame_chunks",
)  # fmt: skip


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How large; what is not given is in proportion to that."""

    stations: int = 10_000
    sessions: int = 1_000_000
    seed: str = "bench"

    @property
    def sites(self) -> int:
        return max(12, self.stations * 3 // 100)

    @property
    def drivers(self) -> int:
        return self.sessions // 20

    @property
    def tokens(self) -> int:
        return self.sessions // 5

    @property
    def deeds(self) -> int:
        """Entries of the audit trail."""
        return self.stations * 5

    @property
    def lived(self) -> int:
        """Stations of the network that is lived through."""
        return 48 if self.stations >= 1000 else 12


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What there is now, and who may look at it."""

    rows: dict[str, int]
    megabytes: int
    seconds: float
    admin_cookie: str
    host_cookie: str


async def make(folder: Path, size: Size, until: datetime | None = None, *, is_told: bool = False) -> Made:
    """Fill the data folder, which is empty or not there, with such a network, whose past ends at `until`."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nobody else waits
    began = time.monotonic()
    until = until or datetime.now(UTC)
    settings = Settings(data=str(folder))
    await fill(settings, plan(size.seed, size.lived), days=SEED_DAYS, now=until, login=ADMIN)
    until_us = int(until.timestamp() * 1_000_000)
    with opened(str(folder / DATABASE)) as database:
        copier = Copier(database, is_told=is_told)
        with copier.without_indexes():
            network_places.copy(copier, stations=size.stations, sites=size.sites, until_us=until_us)
            network_places.copy_people(copier, drivers=size.drivers, tokens=size.tokens)
            network_past.copy(copier, sessions=size.sessions, weeks=WEEKS, until_us=until_us)
            network_books.copy(copier)
            add_frames(copier, until)
            copier.run("DELETE FROM audit")  # older entries come before these, see below
    cookies = await _write_trail(settings, size, until)
    rows = _count(folder / DATABASE)
    megabytes = round((folder / DATABASE).stat().st_size / 1e6)
    seconds = round(time.monotonic() - began, 1)
    made = Made(rows=rows, megabytes=megabytes, seconds=seconds, admin_cookie=cookies[0], host_cookie=cookies[1])
    (folder / MADE).write_bytes(msgspec.json.encode(made))
    return made


def kept(folder: Path) -> Made | None:
    """Return what was made in that folder before; None: nothing."""
    made = folder / MADE
    return msgspec.json.decode(made.read_bytes(), type=Made) if made.exists() else None


async def _write_trail(settings: Settings, size: Size, until: datetime) -> tuple[str, str]:
    """Let people have worked for a year; return what opens the console to the administrator and to a site host."""
    database = await open_database(parts.storage_url(settings))
    try:
        frozen = FrozenClock(until)
        services = parts.services_of(settings, database, frozen, IdMaker(frozen))
        await add_audit(services, frozen, count=size.deeds, seed=size.seed, until=until)
        return await _log_in(settings, database)
    finally:
        await database.close()


async def _log_in(settings: Settings, database: Database) -> tuple[str, str]:
    clock = SystemClock()
    accounts = parts.services_of(settings, database, clock, IdMaker(clock)).accounts
    host = next(one for one in await accounts.organisations() if one.name == network_places.HOST)
    async with database.work() as work:
        await accounts.create_user(
            work, organisation_id=host.id, email=HOST.email, name="Host", password=HOST.password, roles=(Role.HOST,)
        )
    logged_in = [await accounts.login(*who, address="127.0.0.1", user_agent="bench") for who in (ADMIN, HOST)]
    return logged_in[0][0], logged_in[1][0]


async def make_links(folder: Path, made: Made) -> dict[str, str]:
    """Make the links that are good once, and for hours only; return what fills them in, by the name of a parameter."""
    settings = Settings(data=str(folder))
    database = await open_database(parts.storage_url(settings))
    try:
        clock = SystemClock()
        services = parts.services_of(settings, database, clock, IdMaker(clock))
        by = await services.accounts.principal_of_login(made.admin_cookie)
        host = await services.accounts.find_user(HOST.email)
        if by is None or host is None:
            raise SystemExit(f"The log-in of {folder / MADE} is good no longer: make the network anew.")
        invited = await services.accounts.find_user(INVITED)
        async with database.work() as work:
            if invited is None:
                invited = await services.accounts.create_user(
                    work, organisation_id=host.organisation_id, email=INVITED, name="Newcomer", roles=(Role.HOST,)
                )
        async with database.work() as work:
            _, invitation = await services.sign_in.links.invite(work, invited.id, by)
            reset = await services.sign_in.links.make_reset(work, host.id, by)
        return {"reset_token": reset, "invitation_token": invitation}
    finally:
        await database.close()


def _count(path: Path) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in COUNTED}


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench/large_network.py", description=__doc__)
    parser.add_argument("folder", type=Path, help="for `ingufu serve --data`; must be empty or not there")
    parser.add_argument("--stations", type=int, default=Size().stations)
    parser.add_argument("--sessions", type=int, default=Size().sessions)
    parser.add_argument("--seed", default=Size().seed)
    parser.add_argument("--until", type=datetime.fromisoformat, help="when the past ends; else now")
    parser.add_argument("--verbose", action="store_true", help="tell how long each statement took")
    given = parser.parse_args()
    until = given.until.astimezone(UTC) if given.until else datetime.now(UTC) - timedelta(seconds=1)
    size = Size(stations=given.stations, sessions=given.sessions, seed=given.seed)
    made = asyncio.run(make(given.folder, size, until, is_told=given.verbose))
    for table, count in made.rows.items():
        print(f"{count:>12,} {table}")
    print(f"{made.megabytes:,} MB in {made.seconds} s. Log in as {ADMIN.email} with {ADMIN.password!r}.")


if __name__ == "__main__":
    main()
