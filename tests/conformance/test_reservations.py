"""Reservations: places kept by EVSE, by plug or anywhere, used, given up and expired."""

from typing import Any

from conformance.bench import Bench
from conformance.cases import case
from conformance.counterpart import Counterpart
from conformance.transacting import CARD, Session
from web.api.engines import both_engines

TWO = ("2.0.1", "2.1")
UNTIL = "2026-03-01T13:00:00Z"


async def prepare(bench: Bench, *, group: str | None = None) -> None:
    """Have a station and two cards be there, of one group or none; it hears nothing but what the case is about."""
    await bench.add_station(is_silent=True)
    fields = {} if group is None else {"group_id": await bench.group(group)}
    for value in (CARD, "OTHER"):
        await bench.token(value, **fields)


async def reserve(bench: Bench, station: Counterpart, answer: str = "Accepted", **wanted: Any) -> Any:
    """Reserve for the card, and return what a person sees; what was sent is the last ReserveNow."""
    station.answer("ReserveNow", {"status": answer})
    told = await bench.post("/stations/CS/reservations", {"token": CARD, "expires_at": UNTIL} | wanted)
    assert told["status"] == ("kept" if answer == "Accepted" else "refused")
    assert {action for action, _ in station.asked} == {"ReserveNow"}
    return told


async def state(bench: Bench, reservation: Any) -> str:
    return str((await bench.get(f"/reservations/{reservation['id']}"))["status"])


def check_sent(sent: dict[str, Any], reservation: Any, **rest: Any) -> None:
    """Hold what was sent: the fields that are always there, and exactly the others that are given."""
    told = dict(sent)
    assert told.pop("id") == reservation["id"] > 0
    assert told.pop("expiryDateTime").startswith("2026-03-01T13:00:00")
    assert told.pop("idToken") == {"idToken": CARD, "type": "ISO14443"}
    assert told == rest


async def use(bench: Bench, station: Counterpart, reservation: Any, token: str = CARD) -> None:
    session = Session(station)
    said = await session.tell(
        "Started", "Authorized", "EVConnected", token=token, has_evse=True, context="Transaction.Begin",
        reservationId=reservation["id"],
    )  # fmt: skip
    assert said["idTokenInfo"]["status"] == "Accepted"
    assert await state(bench, reservation) == "used"
    assert (await bench.transaction())["reservation_id"] == reservation["id"]


@both_engines
@case("TC_H_01", "One EVSE is reserved, and used by the one it was kept for", *TWO)
async def test_tc_h_01_one_evse(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        kept = await reserve(bench, station, evse=1)
        check_sent(station.payloads("ReserveNow")[0], kept, evseId=1)
        await station.report("Reserved")
        assert (await station.authorize(CARD))["status"] == "Accepted"
        await use(bench, station, kept)


@case("TC_H_07", "Nobody came: the station says that the reservation has expired", *TWO)
async def test_tc_h_07_nobody_came(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        kept = await reserve(bench, station, evse=1)
        await station.report("Reserved")
        said = {"reservationId": kept["id"], "reservationUpdateStatus": "Expired"}
        assert await station.get("ReservationStatusUpdate", said) == {}
        await station.report("Available")
    assert await state(bench, kept) == "expired"


@case("TC_H_08", "A place anywhere is reserved: neither EVSE nor plug is named", *TWO)
async def test_tc_h_08_anywhere(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        await station.report("Available")
        kept = await reserve(bench, station)
        check_sent(station.payloads("ReserveNow")[0], kept)
        await use(bench, station, kept)


@case("TC_H_14", "As many places anywhere as there are EVSEs: all show Reserved, and one more is refused", *TWO)
async def test_tc_h_14_all_places(bench: Bench):
    await prepare(bench)
    await bench.token("THIRD")
    async with bench.connected() as station:
        for evse in (1, 2):
            await station.report("Available", evse)
        for token in (CARD, "OTHER"):
            await reserve(bench, station, token=token)
        for evse in (1, 2):
            await station.report("Reserved", evse)
        sent = station.payloads("ReserveNow")
        assert len({one["id"] for one in sent}) == 2
        assert not any("evseId" in one or "connectorType" in one for one in sent)
        third = {"token": "THIRD", "expires_at": UNTIL}
        await bench.post("/stations/CS/reservations", third, expects=409)
    assert {await bench.status(evse) for evse in (1, 2)} == {"Reserved"}


@case("TC_H_15", "A place with a kind of plug is reserved: only the plug is named", *TWO)
async def test_tc_h_15_by_plug(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        await station.report("Available")
        await bench.put("/stations/CS/evses/1/connectors/1", {"kind": "cType2"})
        kept = await reserve(bench, station, plug="cType2")
        check_sent(station.payloads("ReserveNow")[0], kept, connectorType="cType2")
        await use(bench, station, kept)


@case("TC_H_17", "A reservation is given up", *TWO)
async def test_tc_h_17_given_up(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        kept = await reserve(bench, station, evse=1)
        await station.report("Reserved")
        told = await bench.post(f"/reservations/{kept['id']}/cancel", {"reason": "The driver called."})
        assert told["status"] == "cancelled"
        assert station.payloads("CancelReservation") == [{"reservationId": kept["id"]}]
        await station.report("Available")


@case("TC_H_19", "A place kept for one of a group is used by another one of it: the group is named", *TWO)
async def test_tc_h_19_by_group(bench: Bench):
    await prepare(bench, group="FAMILY")
    async with bench.connected() as station:
        kept = await reserve(bench, station, evse=1)
        family = {"idToken": "FAMILY", "type": "Central"}
        check_sent(station.payloads("ReserveNow")[0], kept, evseId=1, groupIdToken=family)
        told = await station.authorize("OTHER")
        assert (told["status"], told["groupIdToken"]) == ("Accepted", family)
        await use(bench, station, kept, token="OTHER")


@case("TC_H_20", "The EVSE fails: the station says that the reservation is removed", *TWO)
async def test_tc_h_20_removed(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        kept = await reserve(bench, station, evse=1)
        await station.report("Faulted")
        said = {"reservationId": kept["id"], "reservationUpdateStatus": "Removed"}
        assert await station.get("ReservationStatusUpdate", said) == {}
    assert await state(bench, kept) == "removed"


@case("TC_H_22", "A station that takes no reservations refuses, and is shown so", *TWO)
async def test_tc_h_22_refused(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        told = await reserve(bench, station, "Rejected", evse=1)
        assert "Rejected" in told["detail"]


def start(station: Counterpart, tag: str, reservation: Any) -> dict[str, Any]:
    return {
        "connectorId": 1, "idTag": tag, "meterStart": 1000, "timestamp": station.time,
        "reservationId": reservation["id"],
    }  # fmt: skip


def check_sent_16(sent: dict[str, Any], reservation: Any, connector: int, **rest: Any) -> None:
    told = dict(sent)
    assert told.pop("expiryDate").startswith("2026-03-01T13:00:00")
    assert told == {"connectorId": connector, "idTag": CARD, "reservationId": reservation["id"]} | rest


async def used_16(bench: Bench, station: Counterpart, reservation: Any, tag: str = CARD) -> None:
    told = await station.get("StartTransaction", start(station, tag, reservation))
    assert (told["idTagInfo"]["status"], told["transactionId"] > 0) == ("Accepted", True)
    assert await state(bench, reservation) == "used"


@case("TC_046", "A connector is reserved, and used by the one it was kept for", "1.6")
async def test_tc_046_a_connector(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        kept = await reserve(bench, station, evse=1)
        check_sent_16(station.payloads("ReserveNow")[0], kept, 1)
        await station.report("Reserved")
        assert (await station.authorize(CARD))["status"] == "Accepted"
        await used_16(bench, station, kept)


@case("TC_047", "Nobody came: the reservation expires here too, as the station says nothing of it", "1.6")
async def test_tc_047_expires(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        kept = await reserve(bench, station, evse=1)
        await station.report("Reserved")
        await bench.pass_time(3601)
        await bench.house.services.reservations.expire()
        await station.report("Available")
    assert await state(bench, kept) == "expired"


async def refused_16(bench: Bench, answer: str) -> None:
    await prepare(bench)
    async with bench.connected() as station:
        told = await reserve(bench, station, answer, evse=1)
        assert answer in told["detail"]


@case("TC_048_1", "A connector that has failed is not reserved, and is shown so", "1.6")
async def test_tc_048_1_faulted(bench: Bench):
    await refused_16(bench, "Faulted")


@case("TC_048_2", "A connector that is occupied is not reserved, and is shown so", "1.6")
async def test_tc_048_2_occupied(bench: Bench):
    await refused_16(bench, "Occupied")


@case("TC_048_3", "A connector that is unavailable is not reserved, and is shown so", "1.6")
async def test_tc_048_3_unavailable(bench: Bench):
    await refused_16(bench, "Unavailable")


@case("TC_048_4", "A station that takes no reservations refuses, and is shown so", "1.6")
async def test_tc_048_4_rejected(bench: Bench):
    await refused_16(bench, "Rejected")


@case("TC_049", "A place anywhere is reserved as connector 0, and used", "1.6")
async def test_tc_049_anywhere(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        await station.report("Available")
        kept = await reserve(bench, station)
        check_sent_16(station.payloads("ReserveNow")[0], kept, 0)
        await used_16(bench, station, kept)


@case("TC_051", "A reservation is given up", "1.6")
async def test_tc_051_given_up(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        kept = await reserve(bench, station, evse=1)
        told = await bench.post(f"/reservations/{kept['id']}/cancel")
        assert told["status"] == "cancelled"
        assert station.payloads("CancelReservation") == [{"reservationId": kept["id"]}]


@case("TC_052", "A reservation that the station does not know cannot be given up there, and is told so", "1.6")
async def test_tc_052_unknown(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        station.answer("CancelReservation", {"status": "Rejected"})
        reply = await bench.post("/stations/CS/commands/CancelReservation", {"reservationId": 4711})
        assert (reply["kind"], reply["payload"]) == ("result", {"status": "Rejected"})
        assert station.payloads("CancelReservation") == [{"reservationId": 4711}]


@case("TC_053", "A connector kept for one of a group is used by another one of it: the group is named", "1.6")
async def test_tc_053_by_group(bench: Bench):
    await prepare(bench, group="FAMILY")
    async with bench.connected() as station:
        kept = await reserve(bench, station, evse=1)
        check_sent_16(station.payloads("ReserveNow")[0], kept, 1, parentIdTag="FAMILY")
        told = await station.authorize("OTHER")
        assert (told["status"], told["parentIdTag"]) == ("Accepted", "FAMILY")
        await used_16(bench, station, kept, tag="OTHER")
