"""Live events over a real connection: what is told, to whom, and what becomes of slow readers and lost connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from ingufu.accounts.model import Role, Scope
from ingufu.charging.events import TransactionUpdated
from ingufu.infra.storage.database import Database
from ingufu.stations.events import ConnectionRefused, StationChanged
from ingufu.views.timeline import EventFilter
from ingufu.web import live
from ingufu.web.app import close_streams
from ingufu.web.live import LiveHub
from web.api.conftest import House
from web.api.engines import both_engines

DEADLINE_S = 10
live_at = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Reader:
    """Reads frames of a stream as they come."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def frame(self) -> dict[str, str]:
        """Return the next frame that has fields; comments are passed over."""
        found: dict[str, str] = {}
        async with asyncio.timeout(DEADLINE_S):
            async for line in self._lines:
                if not line and found:
                    return found
                name, colon, value = line.partition(": ")
                if name and colon:
                    found[name] = value
        raise EOFError

    async def event(self) -> dict[str, Any]:
        frame = await self.frame()
        while "data" not in frame:
            frame = await self.frame()
        return {"event": frame["event"], "id": frame.get("id"), **msgspec.json.decode(frame["data"])}


@asynccontextmanager
async def listening(client: httpx.AsyncClient, query: str = "", **headers: str) -> AsyncIterator[Reader]:
    async with client.stream("GET", f"/api/v1/live{query}", headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        reader = Reader(answer)
        assert (await reader.frame()) == {"retry": "3000"}
        yield reader


async def change(house: House, station_id: str, *changed: str) -> None:
    async with house.database.work() as work:
        work.emit(StationChanged(occurred_at=house.clock.now(), station_id=station_id, changed=changed))


@both_engines
async def test_stored_events_come_with_their_id(house: House, admin) -> None:
    station = await house.station("CP1")
    async with listening(admin) as reader:
        await change(house, station, "name")
        heard = await reader.event()
    assert heard["event"] == heard["kind"] == "StationChanged"
    assert heard["station_identity"] == "CP1"
    assert heard["details"] == {"changed": ["name"]}
    listed = (await admin.get("/api/v1/events?limit=1")).json()["items"][0]
    assert heard["id"] == listed["id"]


async def test_live_only_events_come_without_an_id(house: House, admin) -> None:
    station = await house.station("CP1")
    async with listening(admin) as reader:
        event = TransactionUpdated(
            occurred_at=house.clock.now(), station_id=station, transaction_id="t1", evse=1, state="Charging",
            energy_wh=Decimal("1500.5"), power_w=11_000.0, soc_percent=None,
        )  # fmt: skip
        async with house.database.work() as work:
            work.announce(event)
        heard = await reader.event()
    assert heard["id"] is None
    assert (heard["transaction_id"], heard["details"]["energy_wh"]) == ("t1", "1500.5")


async def test_filters_let_through_what_they_name(house: House, admin) -> None:
    first, second = await house.station("CP1"), await house.station("CP2")
    async with listening(admin, "?station=CP2&kind=StationChanged") as reader:
        async with house.database.work() as work:
            work.announce(ConnectionRefused(occurred_at=house.clock.now(), station_id=second, outcome="x", address="y"))
        await change(house, first, "name")
        await change(house, second, "note")
        assert (await reader.event())["details"] == {"changed": ["note"]}


@both_engines
async def test_who_comes_back_hears_what_was_stored_meanwhile(house: House, admin) -> None:
    station = await house.station("CP1")
    async with listening(admin) as reader:
        await change(house, station, "one")
        last_id = (await reader.event())["id"]
    for name in ("two", "three"):
        await change(house, station, name)
    async with listening(admin, **{"Last-Event-ID": str(last_id)}) as reader:
        await change(house, station, "four")
        heard = [(await reader.event())["details"]["changed"] for _ in range(3)]
    assert heard == [["two"], ["three"], ["four"]]


async def test_more_than_a_page_can_be_missed(house: House, admin, monkeypatch) -> None:
    monkeypatch.setattr(live, "PAGE", 7)
    station = await house.station("CP1")
    for number in range(30):
        await change(house, station, str(number))
    async with listening(admin, "?last_event_id=0&kind=StationChanged") as reader:
        heard = [(await reader.event())["details"]["changed"] for _ in range(31)]
    assert heard == [["created"], *([str(number)] for number in range(30))]


async def test_bound_to_sites_one_hears_only_of_their_stations(house: House) -> None:
    site = await house.site("Kigali")
    ours, theirs = await house.station("CP1", site_id=site), await house.station("CP2")
    await house.user(Role.VIEWER, site)
    client = await house.log_in()
    async with listening(client) as reader:
        await change(house, theirs, "name")
        async with house.database.work() as work:
            work.announce(ConnectionRefused(occurred_at=house.clock.now(), station_id=None, outcome="x", address="y"))
            work.announce(ConnectionRefused(occurred_at=house.clock.now(), station_id=theirs, outcome="x", address="y"))
        await change(house, ours, "note")
        assert (await reader.event())["details"] == {"changed": ["note"]}
        async with house.database.work() as work:
            work.announce(ConnectionRefused(occurred_at=house.clock.now(), station_id=ours, outcome="z", address="y"))
        assert (await reader.event())["details"]["outcome"] == "z"
    assert (await client.get("/api/v1/live?station=CP2")).status_code == 404


async def test_stream_ends_when_its_listener_is_logged_out(house: House, monkeypatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    await house.user(Role.VIEWER)
    client, other = await house.log_in(), await house.log_in()
    async with listening(client) as reader:
        other.cookies, other.headers["X-CSRF-Token"] = client.cookies, client.headers["X-CSRF-Token"]
        assert (await other.post("/api/v1/logout")).status_code == 204
        house.clock.advance(live.RECHECK_S + 1)
        with pytest.raises(EOFError):
            await reader.frame()


async def test_silence_is_filled_with_comments(house: House, admin, monkeypatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    async with admin.stream("GET", "/api/v1/live") as answer:
        heard = b""
        async with asyncio.timeout(DEADLINE_S):
            async for part in answer.aiter_raw():
                heard += part
                if b": heartbeat\n\n" in heard:
                    break


async def test_stream_ends_when_the_server_does(house: House, admin) -> None:
    async with listening(admin) as reader:
        close_streams(house.app)
        with pytest.raises(EOFError):
            await reader.frame()


async def test_listener_that_leaves_is_forgotten(house: House, admin) -> None:
    hub: LiveHub = house.app.state["hub"]
    async with listening(admin):
        assert hub.listener_count == 1
    async with asyncio.timeout(DEADLINE_S):
        while hub.listener_count:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("header", ["-1", "1.5", "x", "9" * 30])
async def test_nonsense_for_a_last_id_is_refused(house: House, admin, header: str) -> None:
    assert (await admin.get("/api/v1/live", headers={"Last-Event-ID": header})).status_code == 422


async def test_listening_needs_its_scope(house: House) -> None:
    client = house.client(await house.key(Scope.STATIONS_READ))
    assert (await client.get("/api/v1/live")).status_code == 403


@both_engines
async def test_slow_reader_loses_live_only_events_and_is_told(house: House, monkeypatch) -> None:
    monkeypatch.setattr(live, "QUEUE_LENGTH", 10)
    hub: LiveHub = house.app.state["hub"]
    station = await house.station("CP1")
    listener = await hub.listen(EventFilter())
    assert await hub.next_events(listener, 0) == []
    refused = ConnectionRefused(occurred_at=house.clock.now(), station_id=station, outcome="x", address="y")
    async with house.database.work() as work:
        for _ in range(15):
            work.announce(refused)
    async with asyncio.timeout(DEADLINE_S):
        while listener.lost < 5:
            await listener.stirred.wait()
            listener.stirred.clear()
    for name in ("one", "two", "three"):
        await change(house, station, name)
    await _until(lambda: listener.is_behind)
    assert listener.lost == 15
    stream = live.stream(hub, listener, house.clock, _yes)
    heard = b"".join([await anext(stream) for _ in range(5)])
    assert b'event: lost\ndata: {"count": 15}\n\n' in heard
    assert heard.count(b"event: StationChanged") == 3, "what is stored is never lost"
    await stream.aclose()


@both_engines
async def test_later_commit_of_an_earlier_id_is_told(house: House, admin) -> None:
    """On PostgreSQL two processes' ids may become visible out of order."""
    station = await house.station("CP1")
    async with listening(admin) as reader:
        await _insert(house.database, 1000, station)
        await _publish(house, station)
        assert (await reader.event())["id"] == 1000
        await _insert(house.database, 999, station)
        await _publish(house, station)
        assert (await reader.event())["id"] == 999


async def _insert(database: Database, number: int, station: str) -> None:
    async with database.work() as work:
        work.execute_once(
            live.timeline.events.insert().values(
                id=number, occurred_at=live_at, kind="StationChanged", station_id=station, details={}
            )
        )


async def _publish(house: House, station: str) -> None:
    event = StationChanged(occurred_at=house.clock.now(), station_id=station, changed=())
    house.bus.publish("events", msgspec.json.encode(event))


async def _until(condition: Any) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.005)


async def _yes() -> bool:
    return True
