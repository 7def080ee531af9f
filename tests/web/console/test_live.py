"""What changes while somebody looks is told to their page: figures, parts and new entries, and to nobody else."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import update

from ingufu.accounts.model import OrganisationKind, Role, RoleGrant
from ingufu.authorization.tables import drivers
from ingufu.charging.model import ChargingState, ReportKind, TransactionReport
from ingufu.stations.model import Attempt, AttemptOutcome, ConnectorStatus
from ingufu.web.app import close_streams
from kept import keep
from web.console.conftest import PASSWORD, House, Person, person, words
from web.console.network import Network, disconnect, exchange, reading, status

DEADLINE_S = 10


class Follower:
    """Reads what a page is told."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def change(self) -> dict[str, Any]:
        """Return the next change."""
        async with asyncio.timeout(DEADLINE_S):
            async for line in self._lines:
                if line.startswith("data: "):
                    told: dict[str, Any] = json.loads(line.removeprefix("data: "))
                    return told
        raise EOFError

    async def until(self, kind: str, name: str, text: str = "") -> str:
        """Return what is told of this figure, part or list, once it has this text in it."""
        while True:
            told = (await self.change()).get(kind, {}).get(name)
            if told is not None and text in words(told):
                return str(told)


@asynccontextmanager
async def following(someone: Person, path: str) -> AsyncIterator[Follower]:
    async with someone.client.stream("GET", path) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Follower(answer)


async def meter(house: House, net: Network, name: str, kw: float, wh: float) -> None:
    it = await house.services.charging.get(net.sessions[name])
    at = house.clock.now() + timedelta(seconds=1)
    async with house.database.work() as work:
        await house.services.charging.record(
            work,
            TransactionReport(
                kind=ReportKind.UPDATED,
                at=at,
                received_at=at,
                seq=(it.last_seq or 0) + 1,
                station_id=it.station_id,
                version="2.0.1",
                evse=it.evse,
                connector=1,
                reference=it.reference,
                state=ChargingState.CHARGING,
                trigger="MeterValuePeriodic",
                readings=(reading(at, wh, kw, 71),),
            ),
        )


async def test_everything_is_told_at_once_for_what_changed_since_the_page_was_made(
    operator: Person, net: Network
) -> None:
    async with following(operator, f"/console/stations/{net.stations['NYA-01']}/live") as page:
        first = await page.change()
    assert set(first["parts"]) == {"station-marks", "station-lead", "station-notices", "cards"}
    assert "Eric Habimana" in words(first["parts"]["cards"])


async def test_meter_values_change_figures_alone(house: House, operator: Person, net: Network) -> None:
    async with following(operator, f"/console/stations/{net.stations['NYA-01']}/live") as page:
        await page.change()
        await meter(house, net, "NYA-01-live", 33.3, 190_000)
        told = await page.change()
    assert told["figures"]["power-1"] == "33.3"
    assert told["figures"]["soc-1"] == "71%"
    assert "parts" not in told


async def test_fault_is_told_to_the_page_and_its_timeline(house: House, operator: Person, net: Network) -> None:
    async with following(operator, f"/console/stations/{net.stations['KIG-03']}/live") as page:
        await page.change()
        await status(
            net, "KIG-03", 2, "Faulted", ConnectorStatus.FAULTED, net.now, "HighTemperature", "cabinet at 71 C"
        )
        told = await page.change()
    assert "HighTemperature, cabinet at 71 C" in words(told["parts"]["cards"])
    assert "EVSE 2: Faulted" in words(told["entries"]["feed"])


async def test_rows_of_a_list_are_told_anew(operator: Person, net: Network) -> None:
    shown = f"{net.stations['KIG-03']},{net.stations['NYA-02']}"
    async with following(operator, f"/console/live/stations?of={shown}") as page:
        first = await page.change()
        assert set(first["parts"]) == {f"row-{net.stations['KIG-03']}", f"row-{net.stations['NYA-02']}"}
        await disconnect(net, "KIG-03", net.now)
        told = await page.until("parts", f"row-{net.stations['KIG-03']}", "Offline")
    assert told.startswith("<tr ")


async def test_overview_tells_figures_troubles_and_news(house: House, operator: Person, net: Network) -> None:
    async with following(operator, "/console/live/overview") as page:
        first = await page.change()
        assert first["figures"]["stations-online"] == "11"
        house.clock.advance(10)
        await disconnect(net, "NYA-02", net.now)
        told = await page.change()
    assert told["figures"]["stations-online"] == "10"
    assert "NYA-02" in words(told["entries"]["feed"])
    assert "attention" in told["parts"]


async def fleet_of(house: House, session: str) -> Person:
    """Have the driver of a session be of a fleet; return somebody of it."""
    accounts, it = house.services.accounts, await house.services.charging.get(session)
    async with house.database.work() as work:
        fleet = await accounts.create_organisation(work, "Moto Fleet", OrganisationKind.FLEET)
    async with house.database.work() as work:
        await accounts.create_user(
            work, organisation_id=fleet.id, email="fleet@example.org", name="Moses", password=PASSWORD,
            grants=[RoleGrant(role=Role.FLEET_MANAGER)],
        )  # fmt: skip
        work.execute(update(drivers).where(drivers.c.id == it.driver_id).values(organisation_id=fleet.id), {})
    client = await house.log_in("fleet@example.org")
    return Person(client, client.headers.pop("x-csrf-token"))


async def test_a_fleet_follows_its_own_sessions_and_no_others(house: House, net: Network) -> None:
    own, foreign = net.sessions["MUS-01-live"], net.sessions["KIG-02-live"]
    fleet = await fleet_of(house, own)
    async with following(fleet, f"/console/live/sessions?of={own},{foreign}") as rows:
        async with following(fleet, f"/console/sessions/{own}/live") as page:
            await page.change()
            await meter(house, net, "KIG-02-live", 11.3, 190_000)
            await meter(house, net, "MUS-01-live", 21.5, 140_000)
            assert (await page.change())["figures"]["session-power"] == "21.5"
        assert (await rows.change())["figures"].keys() == {f"session-power-{own}", f"session-energy-{own}"}
    await fleet.page(f"/console/sessions/{foreign}/live", 404)


async def test_session_tells_its_figures_and_its_end(house: House, operator: Person, net: Network) -> None:
    session = net.sessions["MUS-01-live"]
    async with following(operator, f"/console/sessions/{session}/live") as page:
        await page.change()
        await meter(house, net, "MUS-01-live", 21.5, 140_000)
        told = await page.change()
        assert told["figures"]["session-power"] == "21.5"
        it = await house.services.charging.get(session)
        async with house.database.work() as work:
            await house.services.charging.record(
                work,
                TransactionReport(
                    kind=ReportKind.ENDED,
                    at=net.now,
                    received_at=net.now,
                    seq=(it.last_seq or 0) + 1,
                    station_id=it.station_id,
                    version="2.0.1",
                    evse=1,
                    connector=1,
                    reference=it.reference,
                    stop_reason="EVDisconnected",
                    state=ChargingState.IDLE,
                ),
            )
        ended = await page.change()
        while "parts" not in ended:
            ended = await page.change()
    assert "Ended" in words(ended["parts"]["session-status"])
    assert ended["parts"]["stop"] == ""
    assert words(ended["parts"]["session-reports"]).count("Ended") == 1
    assert "140" in words(ended["parts"]["session-readings"])


async def test_messages_are_told_as_they_come_if_they_fit(house: House, operator: Person, net: Network) -> None:
    async with following(
        operator, f"/console/stations/{net.stations['NYA-01']}/log/live?direction=in&action=Heartbeat"
    ) as page:
        keep(house.services.stations.frames, exchange(net, "NYA-01", 700, net.now, "Heartbeat"))
        keep(house.services.stations.frames, exchange(net, "NYA-01", 701, net.now, "StatusNotification"))
        await house.database.writer.flush()
        told = await page.until("entries", "frames", "Heartbeat")
    assert told.count("<li") == 1
    assert "StatusNotification" not in told


async def test_attempts_look_again_when_somebody_is_refused(house: House, operator: Person, net: Network) -> None:
    async with following(operator, "/console/live/attempts") as page:
        assert (await page.change())["is_stale"] is True  # what came since the page was made
        at = house.clock.now()
        house.services.stations.record_attempt(
            Attempt(id=house.services.ids.new(), at=at, last_at=at, listener="plain", address="203.0.113.9", identity="NEW-9", path="/ocpp/NEW-9", outcome=AttemptOutcome.UNKNOWN_STATION)
        )  # fmt: skip
        assert (await page.change())["is_stale"] is True


async def test_who_sees_one_site_is_told_of_no_other(house: House, net: Network) -> None:
    mine = await person(house, Role.VIEWER, net.sites["Kigali Heights"], email="heights@example.org")
    async with following(mine, "/console/live/overview") as page:
        await page.change()
        await disconnect(net, "NYA-02", net.now)
        house.clock.advance(10)
        await disconnect(net, "KIG-03", net.now)
        told = await page.until("entries", "feed", "Disconnected")
    assert "KIG-03" in told
    assert "NYA-02" not in told
    async with following(mine, f"/console/live/stations?of={net.stations['NYA-01']}") as page:
        await status(net, "NYA-01", 2, "Faulted", ConnectorStatus.FAULTED, net.now)
        close_streams(house.app)
        try:
            told_of = await page.change()
        except EOFError:
            told_of = {}
    assert "parts" not in told_of


async def test_streams_end_when_the_server_stops(house: House, operator: Person, net: Network) -> None:
    async with following(operator, "/console/live/overview") as page:
        await page.change()
        close_streams(house.app)
        while True:
            try:
                await page.change()
            except EOFError:
                break
    assert house.app.state["hub"].listener_count == 0
