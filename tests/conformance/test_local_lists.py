"""Local lists: sent whole and in parts, with versions that rise."""

from typing import Any

from conformance.bench import Bench
from conformance.cases import case
from conformance.counterpart import Counterpart
from web.api.engines import both_engines

TWO = ("2.0.1", "2.1")


def keep_list(station: Counterpart, *, answers: str = "Accepted") -> None:
    """Let the station know which version it has."""
    name = "listVersion" if station.version == "1.6" else "versionNumber"
    held = {name: 0}

    def take(asked: dict[str, Any]) -> dict[str, Any]:
        if answers == "Accepted":
            held[name] = asked[name]
        return {"status": answers}

    station.answer("SendLocalList", take)
    station.answer("GetLocalListVersion", lambda _: dict(held))
    if station.version == "1.6":
        station.answer("GetConfiguration", {"unknownKey": ["SendLocalListMaxLength"]})


async def listing(bench: Bench, *tokens: str) -> None:
    """Have these tokens stand on the lists of all stations."""
    await bench.add_station()
    for value in tokens:
        await bench.token(value)
    await bench.put("/admission-rule", {"list_mode": "all"})


async def send(bench: Bench, *, is_full: bool = False) -> Any:
    return await bench.post("/stations/CS/local-list/send", {"is_full": is_full})


def entries(sent: dict[str, Any]) -> dict[str, bool]:
    """Return which tokens a message names, and whether each is entered (or taken from the list)."""
    told = sent.get("localAuthorizationList", [])
    if "listVersion" in sent:
        return {one["idTag"]: "idTagInfo" in one for one in told}
    return {one["idToken"]["idToken"]: "idTokenInfo" in one for one in told}


@case("TC_D_01", "A whole list is sent: a version above 0, and each entry with what holds of its token", *TWO)
async def test_tc_d_01_full(bench: Bench):
    await listing(bench, "CARD", "OTHER")
    async with bench.connected() as station:
        keep_list(station)
        assert (await send(bench))["state"] == "in-step"
        (sent,) = station.payloads("SendLocalList")
        assert (sent["updateType"], sent["versionNumber"] > 0) == ("Full", True)
        assert entries(sent) == {"CARD": True, "OTHER": True}


@both_engines
@case("TC_D_02", "A token more: only it is sent, with a higher version", *TWO)
async def test_tc_d_02_differential(bench: Bench):
    await listing(bench, "CARD")
    async with bench.connected() as station:
        keep_list(station)
        await send(bench)
        await bench.token("OTHER")
        assert (await send(bench))["state"] == "in-step"
        full, sent = station.payloads("SendLocalList")
        assert (sent["updateType"], sent["versionNumber"] > full["versionNumber"]) == ("Differential", True)
        assert entries(sent) == {"OTHER": True}


@case("TC_D_03", "A token less: only it is named, without what holds of it", *TWO)
async def test_tc_d_03_differential_removal(bench: Bench):
    await listing(bench, "CARD")
    other = await bench.token("OTHER")
    async with bench.connected() as station:
        keep_list(station)
        await send(bench)
        await bench.post(f"/tokens/{other['id']}/block", {"reason": "Lost."})
        assert (await send(bench))["state"] == "in-step"
        full, sent = station.payloads("SendLocalList")
        assert (sent["updateType"], sent["versionNumber"] > full["versionNumber"]) == ("Differential", True)
        assert entries(sent) == {"OTHER": False}


@case("TC_D_04", "An empty list is sent whole, without any list in the message", *TWO)
async def test_tc_d_04_empty(bench: Bench):
    await listing(bench, "CARD")
    async with bench.connected() as station:
        keep_list(station)
        await send(bench)
        await bench.put("/admission-rule", {"list_mode": "none"})
        assert (await send(bench, is_full=True))["entry_count"] == 0
        sent = station.payloads("SendLocalList")[-1]
        assert (sent["updateType"], "localAuthorizationList" in sent) == ("Full", False)
        assert sent["versionNumber"] > station.payloads("SendLocalList")[0]["versionNumber"]


@case("TC_D_08", "The version of the list is asked for, and shown", *TWO)
async def test_tc_d_08_version(bench: Bench):
    await listing(bench, "CARD")
    async with bench.connected() as station:
        keep_list(station)
        await send(bench)
        assert (await send(bench))["station_version"] == 1
        assert station.payloads("GetLocalListVersion") == [{}, {}]
        assert len(station.payloads("SendLocalList")) == 1


@case("TC_D_09", "A station without a list says so by version 0", *TWO)
async def test_tc_d_09_no_list(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        keep_list(station)
        reply = await bench.post("/stations/CS/commands/GetLocalListVersion")
        assert (reply["kind"], reply["payload"]) == ("result", {"versionNumber": 0})
        assert station.payloads("GetLocalListVersion") == [{}]


@case("TC_042_1", "A station that knows no lists says so by version -1", "1.6")
async def test_tc_042_1_not_supported(bench: Bench):
    await listing(bench, "CARD")
    async with bench.connected() as station:
        keep_list(station)
        station.answer("GetLocalListVersion", {"listVersion": -1})
        assert (await send(bench))["state"] == "unsupported"
        assert (station.payloads("GetLocalListVersion"), station.payloads("SendLocalList")) == ([{}], [])


@case("TC_042_2", "A station with an empty list says so by version 0", "1.6")
async def test_tc_042_2_empty(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        keep_list(station)
        reply = await bench.post("/stations/CS/commands/GetLocalListVersion")
        assert (reply["kind"], reply["payload"]) == ("result", {"listVersion": 0})


@case("TC_043_1", "A station that takes no lists says NotSupported, and is shown so", "1.6")
async def test_tc_043_1_not_supported(bench: Bench):
    await listing(bench, "CARD")
    async with bench.connected() as station:
        keep_list(station, answers="NotSupported")
        assert (await send(bench))["state"] == "unsupported"
        (sent,) = station.payloads("SendLocalList")
        assert sent["updateType"] == "Full"


@case("TC_043_3", "A station that fails to store a list is shown so, and the version does not count", "1.6")
async def test_tc_043_3_failed(bench: Bench):
    await listing(bench, "CARD")
    async with bench.connected() as station:
        keep_list(station, answers="Failed")
        told = await send(bench)
        assert (told["state"], told["version"]) == ("refused", 0)
        assert {one["updateType"] for one in station.payloads("SendLocalList")} == {"Full"}


@case("TC_043_4", "A whole list is sent: each entry with what holds of its token", "1.6")
async def test_tc_043_4_full(bench: Bench):
    await listing(bench, "CARD", "OTHER")
    async with bench.connected() as station:
        keep_list(station)
        assert (await send(bench))["state"] == "in-step"
        (sent,) = station.payloads("SendLocalList")
        assert (sent["updateType"], sent["listVersion"] > 0) == ("Full", True)
        assert entries(sent) == {"CARD": True, "OTHER": True}


@case("TC_043_5", "A token more and one less: only these are sent, with a higher version", "1.6")
async def test_tc_043_5_differential(bench: Bench):
    await listing(bench, "CARD")
    gone = await bench.token("GONE")
    async with bench.connected() as station:
        keep_list(station)
        await send(bench)
        await bench.token("OTHER")
        await bench.post(f"/tokens/{gone['id']}/block", {"reason": "Lost."})
        await send(bench)
        full, sent = station.payloads("SendLocalList")
        assert (sent["updateType"], sent["listVersion"] > full["listVersion"]) == ("Differential", True)
        assert entries(sent) == {"OTHER": True, "GONE": False}
