"""Data transfer: what vendors send of their own."""

from conformance.bench import Bench
from conformance.cases import case
from conformance.transacting import CARD, Session

TWO = ("2.0.1", "2.1")
REFUSED = ("UnknownVendorId", "UnknownMessageId", "Rejected")


@case("TC_P_02", "A transfer of a vendor that is not known here is refused by a word of the standard", *TWO)
async def test_tc_p_02_unknown_vendor(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        said = {"vendorId": "org.example", "messageId": "Ping", "data": {"a": [1, "b"]}}
        assert (await station.get("DataTransfer", said))["status"] in REFUSED


@case("TC_064", "A transfer of a vendor that is not known here is refused by a word of the standard", "1.6")
async def test_tc_064_unknown_vendor(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        said = {"vendorId": "org.example", "messageId": "Ping", "data": "text"}
        assert (await station.get("DataTransfer", said))["status"] in REFUSED


@case("TC_P_03", "What vendors add to messages is taken and changes nothing", *TWO)
async def test_tc_p_03_custom_data(bench: Bench):
    await bench.add_station()
    await bench.token(CARD)
    custom = {"vendorId": "org.example", "inner": {"a": [1, "b"]}}
    async with bench.connected(boots=False) as station:
        told = await station.boot(
            chargingStation={"model": "M", "vendorName": "V", "customData": custom}, customData=custom
        )
        assert told["status"] == "Accepted"
        await station.report("Available", customData=custom)
        assert await station.get("Heartbeat", {"customData": custom})
        card = {"idToken": CARD, "type": "ISO14443", "customData": custom}
        assert (await station.get("Authorize", {"idToken": card}))["idTokenInfo"]["status"] == "Accepted"
        session = Session(station)
        said = await session.tell("Started", "Authorized", "EVConnected", token=CARD, has_evse=True, customData=custom)
        assert said["idTokenInfo"]["status"] == "Accepted"
    assert (await bench.transaction())["anomaly_count"] == 0
