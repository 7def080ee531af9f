"""Remote starts are awaited: what comes of them is known, also when nothing does, and after a restart."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingufu.charging.control.model import NO_LIMIT, RemoteStart, RemoteStartState, TransactionLimit
from ingufu.core.commands import StartCharging
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from running import Running, StandingClock, running_gateway
from scenarios.line import line
from scenarios.records import events, only, transactions

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

AT = "2026-03-01T12:00:00Z"
BOTH = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


async def ask(
    house: Running,
    station_id: str,
    *,
    evse: int | None = None,
    token: str = "04AA",
    kind: str = "ISO14443",
    limit: TransactionLimit = NO_LIMIT,
) -> RemoteStart:
    """Keep that a start is asked, as the API does before it asks."""
    async with house.services.database.work() as work:
        start = await house.services.control.ask_start(
            work, station_id, token=token, token_kind=kind, evse=evse, limit=limit, actor="Keza"
        )
    await house.link.reload(station_id)
    return start


async def accept(house: Running, station: Any, start: RemoteStart, **answer: Any) -> None:
    """Ask the station, which accepts, and keep its answer."""
    command = StartCharging(token="04AA", evse=start.evse, remote_start_id=start.number)
    asking = asyncio.create_task(house.link.call(start.station_id, command))
    _, message_id, *_ = await station.hear()
    await station.say([3, message_id, {"status": "Accepted"} | answer])
    outcome = await asking
    async with house.services.database.work() as work:
        await house.services.control.note_start_answer(work, start, outcome)


async def state(house: Running, start: RemoteStart) -> RemoteStartState:
    return (await house.services.control.get_start(start.id)).state


def started(number: int | None, seq: int = 0, **changes: Any) -> dict[str, Any]:
    info = {"transactionId": "TX-1"} | ({} if number is None else {"remoteStartId": number})
    return {
        "eventType": "Started", "timestamp": AT, "triggerReason": "RemoteStart", "seqNo": seq, "transactionInfo": info,
    } | changes  # fmt: skip


@BOTH
async def test_a_start_comes_true_by_its_number(house: Running, version: str):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        start = await ask(house, station_id, evse=1)
        await accept(house, station, start)
        assert await state(house, start) is RemoteStartState.ACCEPTED
        await station.get("TransactionEvent", started(start.number, evse={"id": 1}))
        found = await house.services.control.get_start(start.id)
        assert (found.state, found.answer) == (RemoteStartState.STARTED, "Accepted")
        kept = await only(house, transactions)
        assert (found.transaction_id, kept["remote_start_id"]) == (kept["id"], start.number)
    told = await only(house, events, kind="RemoteStartSucceeded")
    assert told["transaction_id"] == kept["id"]


@BOTH
async def test_a_start_comes_true_in_the_event_after_the_plug(house: Running, version: str):
    """The transaction began with the cable: the answer names it, and its next event the remote start (F02)."""
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        plugged = started(None, triggerReason="CablePluggedIn", evse={"id": 1})
        await station.get("TransactionEvent", plugged)
        start = await ask(house, station_id, evse=1)
        await accept(house, station, start, transactionId="TX-1")
        assert await state(house, start) is RemoteStartState.ACCEPTED
        token = {"idToken": "04AA", "type": "ISO14443"}
        remote = started(start.number, 1, eventType="Updated", idToken=token)
        await station.get("TransactionEvent", remote)
    assert await state(house, start) is RemoteStartState.STARTED
    assert (await house.services.control.get_start(start.id)).reference == "TX-1"


async def test_in_16_token_connector_and_time_tell_which_start_it_is(house: Running, clock: StandingClock):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        other = await ask(house, station_id, evse=2)
        start = await ask(house, station_id, evse=1, limit=TransactionLimit(max_energy_wh=Decimal(500)))
        stranger = await ask(house, station_id, evse=1, token="04BB")
        clock.advance(20)
        later = "2026-03-01T12:00:20Z"
        sent = {"connectorId": 1, "idTag": "04aa", "meterStart": 0, "timestamp": later}
        answer = await station.get("StartTransaction", sent)
        assert await station.get("StartTransaction", sent) == answer
    states = [await state(house, one) for one in (other, start, stranger)]
    assert states == [RemoteStartState.ASKED, RemoteStartState.STARTED, RemoteStartState.ASKED]
    kept = await only(house, transactions)
    control = await house.services.control.of(kept["id"])
    assert control is not None
    assert (control.limit.max_energy_wh, control.limit_set_by) == (500, "Keza")


async def test_an_old_start_of_the_same_card_is_not_taken_for_the_one_that_is_awaited(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        start = await ask(house, station_id)
        before = {"connectorId": 1, "idTag": "04AA", "meterStart": 0, "timestamp": "2026-03-01T10:00:00Z"}
        await station.get("StartTransaction", before)
        assert await state(house, start) is RemoteStartState.ASKED
        await station.get("StartTransaction", before | {"timestamp": AT, "meterStart": 100})
    assert await state(house, start) is RemoteStartState.STARTED


@pytest.mark.parametrize(
    ("told", "status_at"),
    [
        ("1970-01-01T00:05:00Z", None),  # never set
        ("1970-01-01T00:05:00Z", "1970-01-01T00:04:50Z"),
        ("2026-03-01T14:00:10Z", None),  # local time said to be UTC
        ("2026-03-01T12:04:40Z", None),  # ahead, yet believed
        ("2026-03-01T11:58:20Z", None),  # behind by less than what an offline start would be late
        ("2026-03-01T09:00:10Z", "2026-03-01T09:00:00Z"),  # behind by three hours, as its statuses are
    ],
)
async def test_a_start_in_16_is_recognised_and_limited_whatever_the_stations_clock_says(
    house: Running, clock: StandingClock, told: str, status_at: str | None
):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        start = await ask(house, station_id, evse=1, limit=TransactionLimit(max_energy_wh=Decimal(500)))
        if status_at is not None:
            status = {"connectorId": 1, "status": "Preparing", "errorCode": "NoError", "timestamp": status_at}
            await station.get("StatusNotification", status)
        clock.advance(10)
        sent = {"connectorId": 1, "idTag": "04AA", "meterStart": 0, "timestamp": told}
        await station.get("StartTransaction", sent)
        clock.advance(400)
        await house.gateway.attendant.look()
    assert await state(house, start) is RemoteStartState.STARTED
    control = await house.services.control.of((await only(house, transactions))["id"])
    assert control is not None
    assert control.limit.max_energy_wh == 500
    happened = await only(house, events, kind="RemoteStartSucceeded")
    assert abs(happened["occurred_at"] - start.asked_at) < timedelta(days=1)


async def test_a_start_that_an_unset_clock_tells_again_is_not_taken_for_a_later_one(
    house: Running, clock: StandingClock
):
    station_id = await house.add_station("CS")
    sent = {"connectorId": 1, "idTag": "04AA", "meterStart": 0, "timestamp": "1970-01-01T00:05:00Z"}
    async with line(house, "CS") as station:
        await station.boot()
        await station.get("StartTransaction", sent)
        clock.advance(3600)
        start = await ask(house, station_id, evse=1)
        await station.get("StartTransaction", sent)
    assert await state(house, start) is RemoteStartState.ASKED


async def test_a_start_that_was_kept_offline_is_old_by_a_clock_that_is_known_to_be_ahead(
    house: Running, clock: StandingClock
):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        status = {"connectorId": 1, "status": "Charging", "errorCode": "NoError", "timestamp": "2026-03-01T12:03:20Z"}
        await station.get("StatusNotification", status)
        start = await ask(house, station_id, evse=1)
        before = {"connectorId": 1, "idTag": "04AA", "meterStart": 0, "timestamp": "2026-03-01T11:55:00Z"}
        await station.get("StartTransaction", before)
    assert await state(house, start) is RemoteStartState.ASKED


async def test_a_limit_goes_with_the_first_answer_of_the_transaction_that_was_asked_for(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        limit = TransactionLimit(max_energy_wh=Decimal(10_000), max_cost=Decimal("7.25"))
        start = await ask(house, station_id, evse=1, limit=limit)
        await accept(house, station, start)
        answer = await station.get("TransactionEvent", started(start.number, evse={"id": 1}))
        assert answer == {"transactionLimit": {"maxEnergy": 10000, "maxCost": 7.25}}
        assert await station.get("TransactionEvent", started(None, 1, eventType="Updated")) == {}


async def test_nothing_began_in_time_and_everybody_can_see_it(house: Running, clock: StandingClock):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.0.1") as station:
        await station.boot()
        start = await ask(house, station_id, evse=1)
        await accept(house, station, start)
        clock.advance(179)
        await house.gateway.attendant.look()
        assert await state(house, start) is RemoteStartState.ACCEPTED
        clock.advance(2)
        await house.gateway.attendant.look()
        assert await state(house, start) is RemoteStartState.EXPIRED
        told = await only(house, events, kind="RemoteStartExpired")
        assert told["details"] == {"evse": 1, "was_accepted": True}
        # A station that was away tells late, by the number: it came true after all.
        await station.get("TransactionEvent", started(start.number, evse={"id": 1}, offline=True))
    assert await state(house, start) is RemoteStartState.STARTED


async def test_what_is_awaited_survives_a_restart(database: Database, clock: StandingClock, ids: IdMaker):
    async with running_gateway(database, clock, ids) as house:
        station_id = await house.add_station("CS")
        first = await ask(house, station_id, evse=1)
        second = await ask(house, station_id, evse=2)
    async with running_gateway(database, clock, ids) as house, line(house, "CS") as station:
        await station.boot()
        await station.get("StartTransaction", {"connectorId": 1, "idTag": "04AA", "meterStart": 0, "timestamp": AT})
        assert await state(house, first) is RemoteStartState.STARTED
        clock.advance(200)
        await house.gateway.attendant.look()
        assert await state(house, second) is RemoteStartState.EXPIRED


async def test_a_secret_token_is_not_kept_yet_recognised(house: Running):
    station_id = await house.add_station("CS")
    start = await ask(house, station_id, token="1234", kind="KeyCode")
    assert start.token_value != "1234"
    async with line(house, "CS") as station:
        await station.boot()
        await station.get("StartTransaction", {"connectorId": 1, "idTag": "1234", "meterStart": 0, "timestamp": AT})
    assert await state(house, start) is RemoteStartState.STARTED


@BOTH
async def test_the_number_of_another_stations_start_means_nothing(house: Running, version: str):
    other = await house.add_station("OTHER")
    await house.add_station("CS")
    start = await ask(house, other, evse=1)
    async with line(house, "CS", version) as station:
        await station.boot()
        await station.get("TransactionEvent", started(start.number, evse={"id": 1}))
    assert await state(house, start) is RemoteStartState.ASKED
    assert (await only(house, transactions))["remote_start_id"] == start.number
