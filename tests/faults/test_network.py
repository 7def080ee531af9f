"""F7, F8, F11 and the network's other faults, by a proxy that stands between stations and the gateway."""

import asyncio
import contextlib
import gc
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from faults.fleet import Fleet, identity
from faults.gateways import charging, gateway, judge, wired
from faults.length import PATIENCE_S, by_length, mostly_sqlite, within
from faults.proxy import Proxy
from faults.stations import Habits
from faults.wire import Lost
from ingufu.core.commands import ReplyKind
from ingufu.gateway.link import REPLACED
from ingufu.infra.storage.database import Database
from ingufu.stations.tables import attempts, stations
from running import Running

pytestmark = pytest.mark.timeout(by_length(300, 900))

STATIONS = 10
WRITE_BUFFER_BYTES = 256 * 1024  # F7
HEARTBEAT_S = 1.0  # p99 of those whom a fault does not concern
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": "2026-03-01T12:00:00Z"}
PATIENT = Habits(patience_s=PATIENCE_S)  # never sends anything twice but after it was cut off

WEATHER = {
    "slow": {"latency_s": 0.02},
    "narrow": {"bytes_per_s": 20_000.0},
    "byte by byte": {"piece": 1},
}


async def eventually(holds, *, timeout_s: float = PATIENCE_S) -> float:
    """Return after how many seconds it held."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < timeout_s, "it never held"
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def online(house: Running) -> list[bool]:
    await house.services.database.writer.flush()
    rows = await house.services.database.select(select(stations.c.is_online).order_by(stations.c.identity))
    return [row["is_online"] for row in rows]


async def becomes(house: Running, expected: list[bool]) -> None:
    """Return when the database says who is online as expected."""
    async with asyncio.timeout(PATIENCE_S):
        while await online(house) != expected:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("weather", list(WEATHER))
@mostly_sqlite
async def test_on_a_bad_line_everything_arrives_once(database: Database, weather: str):
    """Criterion: whatever the line does short of lying, the records are equal."""
    async with gateway(database, STATIONS) as house, Proxy(house.addresses["plain"]) as proxy:
        proxy.up.set(**WEATHER[weather])
        proxy.down.set(**WEATHER[weather])
        fleet = Fleet(proxy.url, STATIONS, seed=31)
        async with charging(fleet):
            await fleet.wait_for(by_length(150, 3000), timeout_s=10 * PATIENCE_S)
        await judge(house, fleet)


@pytest.mark.parametrize("is_hard", [False, True], ids=["closed", "reset"])
async def test_a_line_that_is_cut_again_and_again_loses_and_doubles_nothing(database: Database, is_hard: bool):
    """Criterion: the records are equal though every connection was cut many times with messages under way."""
    async with gateway(database, STATIONS) as house, Proxy(house.addresses["plain"]) as proxy:
        fleet = Fleet(proxy.url, STATIONS, seed=32, habits=Habits(pace_s=0.01, retry_s=0.02))
        async with charging(fleet):
            for _ in range(by_length(8, 200)):
                await fleet.wait_for(20, timeout_s=PATIENCE_S)
                proxy.cut(is_hard=is_hard)
        assert sum(notebook.repeated for notebook in fleet.notebooks) > STATIONS
        await judge(house, fleet)


async def test_answers_that_never_arrive_make_nothing_double(database: Database):
    """Criterion: what was stored and not heard is sent again, on new connections, and stored once."""
    async with gateway(database, STATIONS) as house, Proxy(house.addresses["plain"]) as proxy:
        fleet = Fleet(proxy.url, STATIONS, seed=33, habits=Habits(pace_s=0.01, patience_s=0.5, retry_s=0.02))
        async with charging(fleet):
            for _ in range(by_length(3, 60)):
                await fleet.wait_for(30, timeout_s=PATIENCE_S)
                proxy.down.set(is_lost=True)
                await asyncio.sleep(0.7)
                proxy.down.set(is_lost=False)
                proxy.cut()
        assert sum(notebook.timeouts for notebook in fleet.notebooks) > 0
        await judge(house, fleet)


@mostly_sqlite
async def test_every_connection_that_comes_twice_changes_nothing(database: Database):
    """Criterion: the same bytes on two connections at once (F11) leave one connection and every message stored once."""
    async with gateway(database, STATIONS) as house, Proxy(house.addresses["plain"]) as proxy:
        fleet = Fleet(proxy.url, STATIONS, seed=34, habits=Habits(retry_s=0.05))
        proxy.doubles = True
        async with charging(fleet):
            await asyncio.sleep(by_length(1.0, 30.0))
            proxy.doubles = False
            proxy.cut()
            await fleet.wait_for(100, timeout_s=PATIENCE_S)
        await judge(house, fleet)


@mostly_sqlite
async def test_damaged_bytes_end_connections_and_nothing_else(database: Database):
    """Criterion: no failure inside, other stations unaffected, and the damaged station works once the line is mended."""
    with capture_logs() as logs:
        async with gateway(database, 2 * STATIONS) as house, Proxy(house.addresses["plain"], seed=35) as proxy:
            sound = Fleet(house.url().rstrip("/"), STATIONS, seed=35, habits=PATIENT)
            async with charging(sound):
                proxy.up.set(damage=0.002)
                for number in range(by_length(40, 2000)):
                    try:
                        async with wired(proxy.url, STATIONS + number % STATIONS, boots=False) as wire:
                            for _ in range(5):
                                await wire.call("StatusNotification", STATUS, timeout_s=0.1)
                    except (Lost, TimeoutError):
                        continue
                proxy.up.set(damage=0.0)
                async with wired(proxy.url, STATIONS) as wire:
                    assert (await wire.call("Heartbeat", {}, timeout_s=PATIENCE_S))[0] == 3
            assert house.gateway.counters is not None
            assert house.gateway.counters.handler_failures == 0
            assert house.gateway.counters.violations > 0
            await judge_quietly(house, sound)
    assert [entry for entry in logs if entry["log_level"] in {"error", "critical"}] == []


async def judge_quietly(house: Running, fleet: Fleet) -> None:
    """Compare the records, and show that nobody was cut off, left without an answer, or waited long."""
    await judge(house, fleet)
    assert {notebook.connections for notebook in fleet.notebooks} == {1}
    assert sum(notebook.timeouts for notebook in fleet.notebooks) == 0
    heartbeats_s = sorted(time for notebook in fleet.notebooks for time in notebook.heartbeats_s)
    assert within(heartbeats_s[int(len(heartbeats_s) * 0.99)], HEARTBEAT_S)


@mostly_sqlite
async def test_f7_a_station_that_hardly_reads_is_given_up_and_harms_nobody(database: Database):
    """Criterion: its write buffer is capped, commands to it time out and are reported, it is closed by policy."""
    async with gateway(database, STATIONS + 1) as house, Proxy(house.addresses["plain"]) as proxy:
        fleet = Fleet(house.url().rstrip("/"), STATIONS, seed=36, habits=PATIENT)
        async with charging(fleet):
            async with wired(proxy.url, STATIONS) as wire:
                station = await house.services.stations.find_by_identity(identity(STATIONS))
                assert station is not None
                proxy.down.set(bytes_per_s=1.0, piece=1)
                kinds: list[ReplyKind] = []
                acknowledged = fleet.acknowledged
                payload = b'{"vendorId":"V","data":"%s"}' % (b"x" * 200_000)
                while ReplyKind.OFFLINE not in kinds:
                    reply = await house.link.call_raw(
                        station.id, "DataTransfer", payload, validate=False, timeout_s=0.05
                    )
                    kinds.append(reply.kind)
                    connection = house.link.get(station.id)
                    assert len(kinds) < 200
                    if connection is not None and connection._socket is not None:
                        waiting = connection._socket._frames.write_buffer_bytes()  # type: ignore[attr-defined]
                        assert waiting <= WRITE_BUFFER_BYTES
                assert set(kinds) == {ReplyKind.TIMEOUT, ReplyKind.OFFLINE}
                assert house.gateway.counters is not None
                assert house.gateway.counters.stalled == 1
                assert wire.is_open  # it has not even heard of it
                assert fleet.acknowledged > acknowledged  # the others went on meanwhile
            await fleet.wait_for(100, timeout_s=PATIENCE_S)
        await judge_quietly(house, fleet)


@pytest.mark.parametrize("is_back_early", [False, True], ids=["back later", "back before it is noticed"])
async def test_f8_a_peer_that_vanished_is_noticed_and_its_return_is_one_connection(
    database: Database, is_back_early: bool
):
    """Criterion: offline within the ping intervals and one more (45 s of 15 s each); a command to it fails as such; one
    session after.
    """
    interval_s, silent = by_length(0.2, 15.0), 2
    settings = {"ping_interval_s": interval_s, "silent_intervals": silent}
    async with gateway(database, 1, **settings) as house, Proxy(house.addresses["plain"]) as proxy:
        (station,) = await house.services.stations.all()
        async with wired(proxy.url):
            assert await online(house) == [True]
            old = house.link.get(station.id)
            assert old is not None
            proxy.up.set(is_lost=True)
            proxy.down.set(is_lost=True)
            command = asyncio.create_task(
                house.link.call_raw(station.id, "ClearCache", b"{}", timeout_s=2 * PATIENCE_S)
            )
            if not is_back_early:
                took_s = await eventually(lambda: house.link.get(station.id) is None)
                assert within(took_s, interval_s * (silent + 1))
                assert (await command).kind is ReplyKind.OFFLINE
                await becomes(house, [False])
                assert (await house.link.call_raw(station.id, "ClearCache", b"{}")).kind is ReplyKind.OFFLINE
            async with wired(house.url().rstrip("/")):
                assert (await command).kind is ReplyKind.OFFLINE
                assert await online(house) == [True]
                assert len(house.link) == 1
                assert (await house.link.call_raw(station.id, "ClearCache", b"{}")).kind is ReplyKind.RESULT
                await eventually(lambda: old._socket is None)  # its end, coming now, ends nothing else
                assert await online(house) == [True]
                assert (await house.link.call_raw(station.id, "ClearCache", b"{}")).kind is ReplyKind.RESULT
        await eventually(lambda: len(house.link) == 0)
        await becomes(house, [False])


@mostly_sqlite
async def test_f11_two_stations_of_one_identity_displace_each_other_once_a_second_and_leak_nothing(database: Database):
    """Criterion: one connection at any time, the displaced one is told, at most one change a second however often they
    try (10 Hz and more), no task and no socket stays behind.
    """
    async with gateway(database, STATIONS + 1) as house:
        await database.writer.flush()
        before = things()
        codes: Counter[int | None] = Counter()
        fleet = Fleet(house.url().rstrip("/"), STATIONS, seed=37, habits=PATIENT)
        loop = asyncio.get_running_loop()
        began = loop.time()
        until = began + by_length(2.5, 120.0)

        async def persist() -> None:
            """Come back whenever the other has taken the place, for as long as the test runs."""
            while (left_s := until - loop.time()) > 0:
                try:
                    async with wired(house.url().rstrip("/"), STATIONS) as wire:
                        await asyncio.wait([wire.ended], timeout=left_s)
                        if not wire.is_open:
                            codes[wire.close_code] += 1
                except Lost as error:  # displaced before it had booted
                    codes[error.code] += 1
                assert len(house.link) <= STATIONS + 1
                await asyncio.sleep(0.01)

        async with charging(fleet):
            await asyncio.gather(persist(), persist())
            took_s = loop.time() - began
            await fleet.wait_for(1, timeout_s=PATIENCE_S)
        assert 1 <= codes[REPLACED] <= took_s + 2
        assert set(codes) == {REPLACED}
        await eventually(lambda: len(house.link) == 0)
        await database.writer.flush()
        await eventually(lambda: things() <= before)
        await judge_quietly(house, fleet)


@mostly_sqlite
async def test_f11_a_crowd_of_one_identity_is_refused_beyond_what_may_wait(database: Database):
    """Criterion: whoever would wait too long is told to come later, and it is on record."""
    async with gateway(database, 1) as house, contextlib.AsyncExitStack() as stack:

        async def come() -> bool:
            try:
                await stack.enter_async_context(wired(house.url().rstrip("/"), boots=False))
            except Lost:
                return False
            return True

        came = await asyncio.gather(*(come() for _ in range(12)))
        assert 2 <= sum(came) <= 8
        assert len(house.link) == 1
        house.gateway.flush()
        await database.writer.flush()
        refused = await database.select(select(attempts.c.outcome).where(attempts.c.http_status == 503))
        assert {row["outcome"] for row in refused} == {"too-many-attempts"}


def things() -> tuple[int, int]:
    """Return how many tasks and open sockets there are."""
    gc.collect()
    files = [str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    return len(asyncio.all_tasks()), sum(file.startswith("socket:") for file in files)
