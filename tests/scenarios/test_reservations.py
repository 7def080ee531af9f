"""Reservations with simulated stations of all versions: kept, used, expired, given up, and restored."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

import ocpp_schemas
from ingufu.authorization.model import GroupDetails, TokenDetails
from ingufu.core.commands import Outcome
from ingufu.core.errors import Conflict, InvalidInput, StationOffline, StationTimeout, StationUnsupported
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.reservations.jobs import ReservationKeeper
from ingufu.reservations.model import ReservationStatus, Wanted
from ingufu.simulator.script import Script
from ingufu.simulator.spec import ac
from ingufu.simulator.timeline import VirtualTimeline
from running import Running
from scenarios.line import Line, line
from scenarios.records import add_token, events, only, rows, transactions
from scenarios.virtual import START, station, virtual_house

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
EACH = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
TWO = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
HOUR = timedelta(hours=1)
SOON = timedelta(minutes=1)


@pytest.fixture
def timeline() -> VirtualTimeline:
    return VirtualTimeline(START)


@pytest.fixture
async def house(database: Database, timeline: VirtualTimeline, ids: IdMaker) -> AsyncIterator[Running]:
    async with virtual_house(database, timeline, ids) as running:
        await add_token(running, "CARD", concurrent_limit=None)
        await add_token(running, "OTHER", concurrent_limit=None)
        yield running


async def reserve(house: Running, station_id: str, script: Script, **wanted: Any) -> Any:
    given = {"token_value": "CARD", "expires_at": script.timeline.now() + HOUR, "evse": 1} | wanted
    kept = await house.services.reservations.reserve(house.link, Wanted(station_id=station_id, **given), by="Ada")
    await script.settle()
    return kept


async def now_of(house: Running, reservation: Any) -> Any:
    return await house.services.reservations.get(reservation.id)


async def told(house: Running) -> list[str]:
    names = ("PlaceReserved", "ReservationUsed", "ReservationEnded", "ReservationOvertaken", "ReservationRefused")
    return [row["kind"] for row in await rows(house, events) if row["kind"] in names]


@EACH
async def test_whom_a_place_is_kept_for_uses_it(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        kept = await reserve(house, station_id, script)
        assert (kept.status, kept.id, kept.created_by) == (ReservationStatus.KEPT, 1, "Ada")
        sent = script.calls_received("ReserveNow")[0].payload
        assert ocpp_schemas.oracle(ocpp_schemas.message(version, "ReserveNow"), sent) is None
        await script.plug_in(1)
        await script.present("CARD")
        await script.charge(seconds=60)
        used = await now_of(house, kept)
        running = await only(house, transactions, is_open=True)
        assert (used.status, used.transaction_id) == (ReservationStatus.USED, running["id"])
        assert running["reservation_id"] == kept.id
    assert await told(house) == ["PlaceReserved", "ReservationUsed"]


@EACH
async def test_one_of_the_same_group_uses_it(house: Running, timeline: VirtualTimeline, version: str):
    async with house.services.database.work() as work:
        group = await house.services.authorization.create_group(
            work, GroupDetails(value="FAMILY"), organisation_id="operator"
        )
    for value in ("MUM", "DAD"):
        await add_token(house, value, group_id=group.id)
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        kept = await reserve(house, station_id, script, token_value="MUM")
        assert kept.group_value == "FAMILY"
        await script.plug_in(1)
        await script.present("DAD")
        await script.charge(seconds=60)
        assert (await now_of(house, kept)).status is ReservationStatus.USED


class Willing:
    """A station that keeps whatever it is asked to."""

    async def call(self, station_id: str, command: Any, *, timeout_s: float = 30.0) -> Outcome:
        del station_id, command, timeout_s
        return Outcome(status="Accepted", is_accepted=True)


async def start(script: Line, timeline: VirtualTimeline, token: str, off_s: float) -> None:
    """Have a station whose clock is so far off tell of a start, without a word on the reservation."""
    at = (timeline.now() + timedelta(seconds=off_s)).isoformat()
    if script.version == "1.6":
        payload = {"connectorId": 1, "idTag": token, "meterStart": 0, "timestamp": at}
        await script.get("StartTransaction", payload)
        return
    payload = {
        "eventType": "Started",
        "timestamp": at,
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": f"of {token}"},
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": token, "type": "ISO14443"},
    }
    await script.get("TransactionEvent", payload)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize("off_s", [-40, -4, 0, 90])
async def test_whoever_comes_in_time_uses_a_place_though_the_clock_of_the_station_is_off(
    house: Running, timeline: VirtualTimeline, version: str, off_s: float
):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as script:
        await script.boot()
        wanted = Wanted(station_id=station_id, token_value="CARD", evse=1, expires_at=timeline.now() + SOON)
        kept = await house.services.reservations.reserve(Willing(), wanted)  # type: ignore[arg-type]
        await start(script, timeline, "OTHER", off_s)
        assert (await now_of(house, kept)).status is ReservationStatus.KEPT
        await start(script, timeline, "CARD", off_s)
        used = await now_of(house, kept)
        assert used.status is ReservationStatus.USED
        (mine,) = [row for row in await rows(house, transactions) if row["id"] == used.transaction_id]
        assert mine["token_value"] == "CARD"
    assert await told(house) == ["PlaceReserved", "ReservationOvertaken", "ReservationUsed"]


@pytest.mark.parametrize(
    ("off_s", "ago_s", "status"),
    [
        (-3600, 300, ReservationStatus.USED),
        (1800, 300, ReservationStatus.USED),
        (0, 300, ReservationStatus.USED),
        (0, 900, ReservationStatus.KEPT),  # before there was a place to use
    ],
)
async def test_a_start_that_was_offline_counts_by_what_is_known_of_the_clock(
    house: Running, timeline: VirtualTimeline, off_s: float, ago_s: float, status: ReservationStatus
):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.0.1") as script:
        await script.boot()
        wanted = Wanted(station_id=station_id, token_value="CARD", evse=1, expires_at=timeline.now() + HOUR)
        kept = await house.services.reservations.reserve(Willing(), wanted)  # type: ignore[arg-type]
        shown = (timeline.now() + timedelta(seconds=off_s)).isoformat()
        plugged = {"timestamp": shown, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}
        await script.get("StatusNotification", plugged)
        timeline.run_next(timeline.monotonic() + 600)
        await start(script, timeline, "CARD", off_s - ago_s)
        assert (await now_of(house, kept)).status is status


@EACH
async def test_nobody_came(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        kept = await reserve(house, station_id, script, expires_at=timeline.now() + timedelta(minutes=10))
        assert await house.services.reservations.expire() == kept.expires_at
        await script.advance(601)
        assert await house.services.reservations.expire() is None
        assert (await now_of(house, kept)).status is ReservationStatus.EXPIRED
    assert await told(house) == ["PlaceReserved", "ReservationEnded"]


@EACH
async def test_an_operator_gives_it_up(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        kept = await reserve(house, station_id, script)
        ended = await house.services.reservations.cancel(house.link, kept.id, why="The driver called.")
        await script.settle()
        assert (ended.status, ended.detail) == (ReservationStatus.CANCELLED, "The driver called.")
        assert script.evse(1).reservation is None
        with pytest.raises(Conflict):
            await house.services.reservations.cancel(house.link, kept.id)


@EACH
async def test_one_that_the_station_has_forgotten_is_given_up_all_the_same(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        kept = await reserve(house, station_id, script)
        script.on("CancelReservation", {"status": "Rejected"})
        assert (await house.services.reservations.cancel(house.link, kept.id)).status is ReservationStatus.CANCELLED


@EACH
@pytest.mark.parametrize("answer", ["Occupied", "Faulted", "Rejected", "Unavailable"])
async def test_what_the_station_answers_is_told(house: Running, timeline: VirtualTimeline, version: str, answer: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        script.on("ReserveNow", {"status": answer})
        refused = await reserve(house, station_id, script)
        assert (refused.status, answer in refused.detail) == (ReservationStatus.REFUSED, True)
        again = await reserve(house, station_id, script, token_value="OTHER")  # a refusal holds no place
        assert again.id == refused.id + 1


@EACH
async def test_the_same_number_replaces(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        kept = await reserve(house, station_id, script)
        later = kept.expires_at + HOUR
        changed = await house.services.reservations.change(house.link, kept.id, expires_at=later, token="OTHER")
        await script.settle()
        assert (changed.id, changed.expires_at, changed.token_value) == (kept.id, later, "OTHER")
        held = script.evse(1).reservation
        assert held is not None
        assert (held.reservation_id, held.token.value, held.expires_at) == (kept.id, "OTHER", later)


@EACH
async def test_a_second_one_for_the_same_place_is_refused_with_the_reason(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        kept = await reserve(house, station_id, script)
        with pytest.raises(Conflict, match=f"EVSE 1 is reserved already, until 2026-03-01 09:00 UTC .no. {kept.id}."):
            await reserve(house, station_id, script, token_value="OTHER")
        assert len(script.calls_received("ReserveNow")) == 1


@EACH
async def test_a_start_by_somebody_else_is_told(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        kept = await reserve(house, station_id, script)
        script.evse(1).reservation = None  # a station that does not keep what it promised
        await script.plug_in(1)
        await script.present("OTHER")
        await script.charge(seconds=60)
        overtaken = await only(house, events, kind="ReservationOvertaken")
        assert overtaken["details"]["reservation"] == kept.id
        assert (await now_of(house, kept)).status is ReservationStatus.KEPT


@EACH
async def test_one_given_up_while_the_station_is_away_is_cancelled_when_it_is_back(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        kept = await reserve(house, station_id, script)
        await script.go_offline()
        given_up = await house.services.reservations.cancel(house.link, kept.id)
        assert given_up.status is ReservationStatus.CANCELLING
        with pytest.raises(StationOffline):
            await reserve(house, station_id, script, token_value="OTHER", evse=1)
        await script.come_back()
        await house.services.reservations.restore(house.link, station_id, has_booted=False)
        assert (await now_of(house, kept)).status is ReservationStatus.CANCELLED
        assert script.calls_received("CancelReservation")[0].payload == {"reservationId": kept.id}


@EACH
async def test_a_station_that_restarted_is_asked_again(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        kept = await reserve(house, station_id, script)
        script.evse(1).reservation = None  # a restart lost it
        await house.services.reservations.restore(house.link, station_id, has_booted=True)
        await script.settle()
        held = script.evse(1).reservation
        assert held is not None
        assert held.reservation_id == kept.id
        script.on("ReserveNow", {"status": "Faulted"})
        await house.services.reservations.restore(house.link, station_id, has_booted=True)
        ended = await now_of(house, kept)
        assert (ended.status, "Faulted" in ended.detail) == (ReservationStatus.REMOVED, True)


@EACH
async def test_an_answer_that_never_comes_leaves_nothing_kept(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        wanted = Wanted(station_id=station_id, token_value="CARD", evse=1, expires_at=timeline.now() + HOUR)
        with pytest.raises(StationTimeout):
            await house.services.reservations.reserve(Deaf(house.link), wanted)
        (unsure,) = await house.services.reservations.pending(station_id)
        assert unsure.status is ReservationStatus.CANCELLING
        await house.services.reservations.restore(house.link, station_id, has_booted=False)
        await script.settle()
        assert script.evse(1).reservation is None
        assert await house.services.reservations.pending(station_id) == []


@EACH
async def test_what_a_connected_station_keeps_after_all_is_given_up_soon(
    house: Running, timeline: VirtualTimeline, version: str
):
    """The station takes a reservation too late for the answer to be heard, and stays connected all the time."""
    station_id = await house.add_station("CS")
    services = house.services
    async with station(house, timeline, version, evses=(ac(1), ac(2))) as script:
        await script.boot()
        other = await reserve(house, station_id, script, evse=2, token_value="OTHER")
        wanted = Wanted(station_id=station_id, token_value="CARD", evse=1, expires_at=timeline.now() + HOUR)
        with pytest.raises(StationTimeout):
            await services.reservations.reserve(Deaf(house.link), wanted)
        (_, unsure) = await services.reservations.pending(station_id)
        keeper = ReservationKeeper(services.reservations, house.link, services.clock)
        await keeper.step()
        async with asyncio.timeout(10.0):
            while (await now_of(house, unsure)).status is ReservationStatus.CANCELLING:
                await asyncio.sleep(0.01)
        await script.settle()
        assert script.evse(1).reservation is None
        assert (await now_of(house, unsure)).status is ReservationStatus.CANCELLED
        assert (await now_of(house, other)).status is ReservationStatus.KEPT
        assert len(script.calls_received("CancelReservation")) == 1


class Deaf:
    """A link that loses the answer to a reservation which the station has given."""

    def __init__(self, link: Any) -> None:
        self._link = link

    async def call(self, station_id: str, command: Any) -> Any:
        outcome = await self._link.call(station_id, command)
        if type(command).__name__ == "ReserveNow":
            raise StationTimeout
        return outcome


@TWO
async def test_any_place_and_one_with_a_plug_are_kept(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version, evses=(ac(1), ac(2))) as script:
        await script.boot()
        await script.settle()
        plug = script.evse(1).spec.connector_type
        for evse in (1, 2):
            async with house.services.database.work() as work:
                await house.services.stations.set_connector(work, station_id, evse, 1, kind=plug)
        first = await reserve(house, station_id, script, evse=None)
        second = await reserve(house, station_id, script, evse=None, plug=plug, token_value="OTHER")
        sent = [frame.payload for frame in script.calls_received("ReserveNow")]
        assert all("evseId" not in payload for payload in sent)
        assert ["connectorType" in payload for payload in sent] == [False, True]
        assert all(ocpp_schemas.oracle(ocpp_schemas.message(version, "ReserveNow"), one) is None for one in sent)
        assert (first.status, second.status) == (ReservationStatus.KEPT, ReservationStatus.KEPT)
        with pytest.raises(Conflict, match="Every place"):
            await reserve(house, station_id, script, evse=None)
        with pytest.raises(InvalidInput, match="no cG105"):
            await reserve(house, station_id, script, evse=None, plug="cG105")


@TWO
@pytest.mark.parametrize("trigger", ["StopAuthorized", "ChargingStateChanged"])
async def test_a_transaction_that_runs_does_not_use_what_is_kept_meanwhile(
    house: Running, timeline: VirtualTimeline, version: str, trigger: str
):
    """The card stops its transaction, or is named again by it, while another place is kept for it."""
    station_id = await house.add_station("CS")
    async with station(house, timeline, version, evses=(ac(1), ac(2))) as script:
        await script.boot()

        async def report(reference: str, evse: int, seq: int, kind: str, trigger: str, **more: Any) -> None:
            await script.call("TransactionEvent", {
                "eventType": kind, "timestamp": f"{timeline.now():%Y-%m-%dT%H:%M:%SZ}", "triggerReason": trigger,
                "seqNo": seq, "transactionInfo": {"transactionId": reference}, "evse": {"id": evse},
            } | more)  # fmt: skip

        card = {"idToken": {"idToken": "CARD", "type": "ISO14443"}}
        await report("T1", 1, 0, "Started", "CablePluggedIn")
        await report("T1", 1, 1, "Updated", "Authorized", **card)
        kept = await reserve(house, station_id, script, evse=None)
        await script.advance(60)
        await report("T1", 1, 2, "Updated", trigger, **card)
        assert (await now_of(house, kept)).status is ReservationStatus.KEPT
        await report("T2", 2, 0, "Started", "CablePluggedIn")
        await report("T2", 2, 1, "Updated", "Authorized", **card)
        used = await now_of(house, kept)
        second = await only(house, transactions, reference="T2")
        assert (used.status, used.transaction_id) == (ReservationStatus.USED, second["id"])
    assert await told(house) == ["PlaceReserved", "ReservationUsed"]


async def test_16_keeps_a_place_without_naming_it_only_where_it_can(house: Running, timeline: VirtualTimeline):
    station_id = await house.add_station("CS")
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        with pytest.raises(Conflict, match="choose an EVSE"):
            await reserve(house, station_id, script, evse=None)
        with pytest.raises(StationUnsupported, match="kind of plug"):
            await reserve(house, station_id, script, evse=None, plug="cType2")
        keys = [
            {"key": "ReserveConnectorZeroSupported", "readonly": True, "value": "true"},
            {"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core,Reservation"},
        ]
        script.on("GetConfiguration", {"configurationKey": keys})
        script.on("ReserveNow", {"status": "Accepted"})
        kept = await reserve(house, station_id, script, evse=None)
        assert kept.status is ReservationStatus.KEPT
        assert script.calls_received("ReserveNow")[-1].payload["connectorId"] == 0
        keys[1]["value"] = "Core,SmartCharging"
        script.on("GetConfiguration", {"configurationKey": keys})
        with pytest.raises(Conflict, match="does not keep reservations"):
            await reserve(house, station_id, script)


@TWO
async def test_what_the_station_says_of_one_ends_it_and_no_other_station_can(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    await house.add_station("THIEF")
    async with station(house, timeline, version) as script:
        await script.boot()
        kept = await reserve(house, station_id, script)
        update = {"reservationId": kept.id, "reservationUpdateStatus": "Removed"}
        async with station(house, timeline, version, "THIEF") as thief:
            await thief.boot()
            assert await thief.call("ReservationStatusUpdate", update) == {}
        assert (await now_of(house, kept)).status is ReservationStatus.KEPT
        for odd in (2**31, 0, kept.id + 7):
            assert await script.call("ReservationStatusUpdate", update | {"reservationId": odd}) == {}
        assert await script.call("ReservationStatusUpdate", update) == {}
        assert (await now_of(house, kept)).status is ReservationStatus.REMOVED
        assert await script.call("ReservationStatusUpdate", update | {"reservationUpdateStatus": "Expired"}) == {}
        assert (await now_of(house, kept)).status is ReservationStatus.REMOVED


async def test_21_tells_that_nothing_followed(house: Running, timeline: VirtualTimeline):
    station_id = await house.add_station("CS")
    async with station(house, timeline, "2.1") as script:
        await script.boot()
        kept = await reserve(house, station_id, script)
        update = {"reservationId": kept.id, "reservationUpdateStatus": "NoTransaction"}
        assert await script.call("ReservationStatusUpdate", update) == {}
        assert (await now_of(house, kept)).status is ReservationStatus.NO_TRANSACTION


async def test_a_place_that_16_shows_as_free_again_is_kept_no_longer(house: Running, timeline: VirtualTimeline):
    station_id = await house.add_station("CS")
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        kept = await reserve(house, station_id, script)
        await house.services.reservations.note_status(station_id, 1, "occupied")
        assert (await now_of(house, kept)).status is ReservationStatus.KEPT
        await house.services.reservations.note_status(station_id, 1, "faulted")
        assert (await now_of(house, kept)).status is ReservationStatus.REMOVED


async def test_a_use_by_the_stations_clock_holds_although_ours_had_ended_it(house: Running, timeline: VirtualTimeline):
    station_id = await house.add_station("CS")
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        kept = await reserve(house, station_id, script, expires_at=timeline.now() + timedelta(minutes=10))
        await script.go_offline()
        await script.plug_in(1)
        script.evse(1).token = None
        await script.advance(700)
        await house.services.reservations.expire()
        assert (await now_of(house, kept)).status is ReservationStatus.EXPIRED
        await script.come_back()
        start = {
            "connectorId": 1,
            "idTag": "CARD",
            "meterStart": 0,
            "timestamp": (START + timedelta(minutes=5)).isoformat(),
            "reservationId": kept.id,
        }
        number = (await script.call("StartTransaction", start))["transactionId"]
        used = await now_of(house, kept)
        assert used.status is ReservationStatus.USED
        assert (await script.call("StartTransaction", start))["transactionId"] == number
        assert (await now_of(house, kept)) == used


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("token", {"token_value": " "}),
        ("expires_at", {"expires_at": START - HOUR}),
        ("expires_at", {"expires_at": START + timedelta(days=90)}),
        ("expires_at", {"expires_at": (START + HOUR).replace(tzinfo=None)}),
        ("evse", {"evse": 7}),
        ("plug", {"plug": "cType2"}),
    ],
)
async def test_what_cannot_be_kept_is_refused_with_the_field(
    house: Running, timeline: VirtualTimeline, field: str, wanted: dict[str, Any]
):
    station_id = await house.add_station("CS")
    async with station(house, timeline, "2.0.1") as script:
        await script.boot()
        await script.settle()
        with pytest.raises(InvalidInput) as refusal:
            await reserve(house, station_id, script, **wanted)
        assert refusal.value.field == field


async def test_a_blocked_token_keeps_no_place(house: Running, timeline: VirtualTimeline):
    station_id = await house.add_station("CS")
    async with house.services.database.work() as work:
        details = TokenDetails(value="BAD")
        token = await house.services.authorization.create_token(work, details, organisation_id="operator")
    async with house.services.database.work() as work:
        await house.services.authorization.block_token(work, token.id)
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        with pytest.raises(InvalidInput, match="blocked"):
            await reserve(house, station_id, script, token_value="BAD")
