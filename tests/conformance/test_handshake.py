"""Handshake: who is let in, and in which words."""

from typing import Any

import websockets

from conformance.bench import Bench
from conformance.cases import case
from running import PASSWORD
from scenarios.door import basic, knock
from scenarios.foreign import SUBPROTOCOLS, headers


@case("TC_A_01", "A station with its own name and password is let in and boots", "2.0.1", "2.1")
async def test_tc_a_01_the_right_password(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        assert await station.get("Heartbeat")


@case("TC_A_02", "A user name that is not the identity is refused before the upgrade, with 401", "2.0.1", "2.1")
async def test_tc_a_02_another_user_name(bench: Bench):
    await bench.add_station()
    await bench.add_station("OTHER")
    bench.is_without_frames = True
    answer = await knock(
        bench.house, "/ocpp/CS", authorization=basic("OTHER"), subprotocols=SUBPROTOCOLS[bench.version]
    )
    assert (answer.status, "sec-websocket-accept" in answer.headers) == (401, False)


@case("TC_A_03", "A wrong password is refused before the upgrade, with 401; the right one is let in", "2.0.1", "2.1")
async def test_tc_a_03_a_wrong_password(bench: Bench):
    await bench.add_station()
    wrong = basic("CS", PASSWORD + "x")
    answer = await knock(bench.house, "/ocpp/CS", authorization=wrong, subprotocols=SUBPROTOCOLS[bench.version])
    assert (answer.status, "sec-websocket-accept" in answer.headers) == (401, False)
    async with bench.connected() as station:
        assert await station.get("Heartbeat")


async def _negotiate(bench: Bench) -> None:
    """Offer what nobody speaks, then that and a version of ours."""
    await bench.add_station()
    answer = await knock(bench.house, "/ocpp/CS", authorization=basic("CS"), subprotocols="ocpp0.1")
    assert (answer.status, "sec-websocket-protocol" in answer.headers) == (400, False)
    ours = SUBPROTOCOLS[bench.version]
    offered = [websockets.Subprotocol("ocpp0.1"), websockets.Subprotocol(ours)]
    async with websockets.connect(
        bench.house.url("CS"), subprotocols=offered, additional_headers=headers("CS")
    ) as socket:
        assert socket.subprotocol == ours
    async with bench.connected() as station:
        assert station.socket.subprotocol == ours


@case("TC_B_58", "No upgrade for an unknown subprotocol; the known one of several is chosen", "2.0.1", "2.1")
async def test_tc_b_58_subprotocols(bench: Bench):
    await _negotiate(bench)


@case("TC_088", "No upgrade for an unknown subprotocol; the known one of several is chosen", "1.6")
async def test_tc_088_subprotocols(bench: Bench):
    await _negotiate(bench)


@case("TC_085", "A station with its own name and password is let in and boots", "1.6")
async def test_tc_085_the_right_password(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        assert await station.get("Heartbeat")


@case("TC_A_09", "A new password is set as a variable, and opens at once; the old one opens no more", "2.0.1", "2.1")
async def test_tc_a_09_a_new_password(bench: Bench):
    await bench.add_station()
    new = "another-horse-battery"
    async with bench.connected() as station:
        (told,) = await bench.post(
            "/stations/CS/variables/set", {"values": [{"variable": "SecurityCtrlr.BasicAuthPassword", "value": new}]}
        )
        assert told["status"] == "Accepted"
        (sent,) = station.payloads("SetVariables")[0]["setVariableData"]
        assert (sent["component"]["name"], sent["variable"]["name"]) == ("SecurityCtrlr", "BasicAuthPassword")
        assert sent["attributeValue"] == new
    words = SUBPROTOCOLS[bench.version]
    for password, status in ((new, 101), (PASSWORD, 401)):
        answer = await knock(bench.house, "/ocpp/CS", authorization=basic("CS", password), subprotocols=words)
        assert answer.status == status


@case("TC_A_10", "A new password that the station refuses is not ours either: the old one opens", "2.0.1", "2.1")
async def test_tc_a_10_a_password_that_is_refused(bench: Bench):
    await bench.add_station()

    def refuse(asked: dict[str, Any]) -> dict[str, Any]:
        one = asked["setVariableData"][0]
        said = {"component": one["component"], "variable": one["variable"], "attributeStatus": "Rejected"}
        return {"setVariableResult": [said]}

    async with bench.connected() as station:
        station.answer("SetVariables", refuse)
        value = {"variable": "SecurityCtrlr.BasicAuthPassword", "value": "another-horse-battery"}
        (told,) = await bench.post("/stations/CS/variables/set", {"values": [value]})
        assert told["status"] == "Rejected"
    async with bench.connected() as station:
        assert await station.get("Heartbeat")


@case("TC_073", "A new password is set as hexadecimal digits, and its bytes open at once", "1.6")
async def test_tc_073_a_new_password(bench: Bench):
    await bench.add_station()
    new = "0123456789abcdef0123456789abcdef01234567"
    async with bench.connected() as station:
        values = [{"variable": "SecurityCtrlr.BasicAuthPassword", "value": new}]
        (told,) = await bench.post("/stations/CS/variables/set", {"values": values})
        assert told["status"] == "Accepted"
        assert station.payloads("ChangeConfiguration") == [{"key": "AuthorizationKey", "value": new}]
    for password, status in ((bytes.fromhex(new), 101), (PASSWORD.encode(), 401)):
        answer = await knock(bench.house, "/ocpp/CS", authorization=basic("CS", password), subprotocols="ocpp1.6")
        assert answer.status == status
