"""Authorisation: what is said of tokens, groups, caches and master passes."""

from typing import Any

from conformance.bench import Bench
from conformance.cases import case
from conformance.counterpart import Counterpart
from conformance.transacting import Session

TWO = ("2.0.1", "2.1")
REFUSED = ("Invalid", "Unknown")
BEFORE = "2026-02-01T00:00:00Z"


async def judged(bench: Bench, token: str) -> str:
    """Hold a card before the reader, and return the status that the CSMS gives."""
    await bench.add_station()
    async with bench.connected() as station:
        return str((await station.authorize(token))["status"])


@case("TC_C_02", "A token that nobody knows is invalid or unknown", *TWO)
async def test_tc_c_02_unknown(bench: Bench):
    assert await judged(bench, "NOBODY") in REFUSED


@case("TC_023_1", "A token that nobody knows is invalid", "1.6")
async def test_tc_023_1_unknown(bench: Bench):
    assert await judged(bench, "NOBODY") == "Invalid"


async def block(bench: Bench) -> None:
    token = await bench.token("CARD")
    await bench.post(f"/tokens/{token['id']}/block", {"reason": "Lost."})


@case("TC_C_06", "A blocked token is blocked or invalid", *TWO)
async def test_tc_c_06_blocked(bench: Bench):
    await block(bench)
    assert await judged(bench, "CARD") in ("Blocked", "Invalid")


@case("TC_023_3", "A blocked token is blocked", "1.6")
async def test_tc_023_3_blocked(bench: Bench):
    await block(bench)
    assert await judged(bench, "CARD") == "Blocked"


@case("TC_C_07", "An expired token is expired or invalid", *TWO)
async def test_tc_c_07_expired(bench: Bench):
    await bench.token("CARD", expires_at=BEFORE)
    assert await judged(bench, "CARD") in ("Expired", "Invalid")


@case("TC_023_2", "An expired token is expired", "1.6")
async def test_tc_023_2_expired(bench: Bench):
    await bench.token("CARD", expires_at=BEFORE)
    assert await judged(bench, "CARD") == "Expired"


@case("TC_C_08", "A start with a cached token, without asking first, is judged in the answer to the event", *TWO)
async def test_tc_c_08_cached(bench: Bench):
    await bench.add_station()
    await bench.token("CARD")
    async with bench.connected() as station:
        assert (await station.authorize("CARD"))["status"] == "Accepted"
        session = Session(station)
        assert (await session.start())["idTokenInfo"]["status"] == "Accepted"
        await session.end("StopAuthorized", "Local", token="CARD")
    assert (await bench.transaction())["verdict"] == "Accepted"


@case("TC_C_20", "A token that was cached and is good no longer is refused in the answer to the event", *TWO)
async def test_tc_c_20_cached_and_invalid(bench: Bench):
    await bench.add_station()
    token = await bench.token("CARD")
    async with bench.connected() as station:
        assert (await station.authorize("CARD"))["status"] == "Accepted"
        await bench.post(f"/tokens/{token['id']}/block", {"reason": "Lost."})
        session = Session(station)
        assert (await session.start())["idTokenInfo"]["status"] in (*REFUSED, "Blocked")
        await session.end("Deauthorized", "DeAuthorized")
    kept = await bench.transaction()
    assert (kept["is_open"], kept["stop_reason"]) == (False, "DeAuthorized")


async def clear_cache(bench: Bench, answer: str) -> None:
    await bench.add_station()
    async with bench.connected() as station:
        station.answer("ClearCache", {"status": answer})
        told = await bench.post("/stations/CS/clear-cache")
        assert (told["status"], told["is_accepted"]) == (answer, answer == "Accepted")
        assert station.payloads("ClearCache") == [{}]


@case("TC_C_37", "The cache of a station is cleared", *TWO)
async def test_tc_c_37_the_cache_is_cleared(bench: Bench):
    await clear_cache(bench, "Accepted")


@case("TC_061", "The cache of a station is cleared", "1.6")
async def test_tc_061_the_cache_is_cleared(bench: Bench):
    await clear_cache(bench, "Accepted")


@case("TC_C_38", "A station that does not clear its cache is told so", *TWO)
async def test_tc_c_38_the_cache_is_not_cleared(bench: Bench):
    await clear_cache(bench, "Rejected")


async def family(bench: Bench) -> None:
    """Have two tokens of one group be there."""
    group = await bench.group("FAMILY")
    for value in ("CARD", "OTHER"):
        await bench.token(value, group_id=group)


def group_of(info: dict[str, Any]) -> str:
    assert info["status"] == "Accepted"
    return str(info["groupIdToken"]["idToken"])


async def stopped_by_group(bench: Bench, station: Counterpart) -> None:
    session = Session(station)
    assert group_of((await session.start())["idTokenInfo"]) == "FAMILY"
    assert group_of(await station.authorize("OTHER")) == "FAMILY"
    said = await session.end("StopAuthorized", "Local", token="OTHER")
    assert group_of(said["idTokenInfo"]) == "FAMILY"
    kept = await bench.transaction()
    assert (kept["token_value"], kept["stop_token_value"], kept["is_open"]) == ("CARD", "OTHER", False)


@case("TC_C_39", "One token of a group stops what another started: each answer names the group", *TWO)
async def test_tc_c_39_by_group(bench: Bench):
    await bench.add_station()
    await family(bench)
    async with bench.connected() as station:
        assert group_of(await station.authorize("CARD")) == "FAMILY"
        await stopped_by_group(bench, station)


@case("TC_C_40", "The local list names the group of each token, and one of it stops what another started", *TWO)
async def test_tc_c_40_by_group_on_the_list(bench: Bench):
    await bench.add_station()
    await family(bench)
    await bench.put("/admission-rule", {"list_mode": "all"})
    async with bench.connected() as station:
        station.answer("GetLocalListVersion", {"versionNumber": 0})
        await bench.post("/stations/CS/local-list/send")
        (sent,) = station.payloads("SendLocalList")
        assert {group_of(one["idTokenInfo"]) for one in sent["localAuthorizationList"]} == {"FAMILY"}
        assert len(sent["localAuthorizationList"]) == 2
        await stopped_by_group(bench, station)


@case("TC_C_43", "A token that the list has as invalid does not stop what its group started: it is asked about", *TWO)
async def test_tc_c_43_invalid_on_the_list(bench: Bench):
    await bench.add_station()
    group = await bench.group("FAMILY")
    await bench.token("CARD", group_id=group)
    lost = await bench.token("OTHER", group_id=group)
    await bench.post(f"/tokens/{lost['id']}/block", {"reason": "Lost."})
    told = {"type": "ISO14443", "idToken": "FAMILY"}
    entries = [
        {"idToken": {"idToken": value, "type": "ISO14443"}, "idTokenInfo": {"status": status, "groupIdToken": told}}
        for value, status in (("CARD", "Accepted"), ("OTHER", "Invalid"))
    ]
    sent = {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": entries}
    async with bench.connected() as station:
        reply = await bench.post("/stations/CS/commands/SendLocalList", sent)
        assert (reply["kind"], reply["payload"]) == ("result", {"status": "Accepted"})
        assert station.payloads("SendLocalList") == [sent]
        session = Session(station)
        assert group_of((await session.start())["idTokenInfo"]) == "FAMILY"
        assert (await station.authorize("OTHER"))["status"] in ("Invalid", "Blocked")
        await session.update("MeterValuePeriodic", "Charging", context="Sample.Periodic")
    assert (await bench.transaction())["is_open"]


async def master_pass(bench: Bench) -> None:
    """Have a token of a group that may stop everything be there, and one that charges."""
    await bench.add_station()
    await bench.token("CARD")
    await bench.token("MASTER", group_id=await bench.group("MASTERS", is_master_pass=True))


@case("TC_C_47", "A master pass stops everything: it is accepted, and its group is named", *TWO)
async def test_tc_c_47_all_transactions(bench: Bench):
    await master_pass(bench)
    await bench.token("THIRD")
    async with bench.connected() as station:
        sessions = [Session(station, "TX-1", 1), Session(station, "TX-2", 2)]
        for session, token in zip(sessions, ("CARD", "THIRD"), strict=True):
            await session.start(token)
        assert group_of(await station.authorize("MASTER")) == "MASTERS"
        for session in sessions:
            said = await session.end("StopAuthorized", "MasterPass", token="MASTER")
            assert group_of(said["idTokenInfo"]) == "MASTERS"
    assert [one["stop_reason"] for one in await bench.transactions()] == ["MasterPass", "MasterPass"]


@case("TC_C_48", "A master pass stops one of two transactions", *TWO)
async def test_tc_c_48_one_transaction(bench: Bench):
    await master_pass(bench)
    await bench.token("THIRD")
    async with bench.connected() as station:
        first, second = Session(station, "TX-1", 1), Session(station, "TX-2", 2)
        await first.start("CARD")
        await second.start("THIRD")
        assert group_of(await station.authorize("MASTER")) == "MASTERS"
        assert group_of((await first.end("StopAuthorized", "MasterPass", token="MASTER"))["idTokenInfo"]) == "MASTERS"
        await second.update("MeterValuePeriodic", "Charging", context="Sample.Periodic")
    assert {one["reference"]: one["is_open"] for one in await bench.transactions()} == {"TX-1": False, "TX-2": True}


@case("TC_C_49", "A master pass stops the transaction of a station without a display", *TWO)
async def test_tc_c_49_without_a_display(bench: Bench):
    await master_pass(bench)
    async with bench.connected() as station:
        session = Session(station)
        await session.start()
        assert group_of(await station.authorize("MASTER")) == "MASTERS"
        said = await session.end("StopAuthorized", "MasterPass", token="MASTER")
        assert group_of(said["idTokenInfo"]) == "MASTERS"
    kept = await bench.transaction()
    assert (kept["is_open"], kept["stop_token_value"]) == (False, "MASTER")


@case("TC_C_104", "A prepaid token without credit is refused, and the refusal is not cached", "2.1")
async def test_tc_c_104_no_credit(bench: Bench):
    await bench.add_station()
    await bench.token("CARD", has_credit=False)
    async with bench.connected() as station:
        told = await station.authorize("CARD")
    assert told["status"] == "NoCredit"
    assert told["cacheExpiryDateTime"] <= "2026-03-01T12:00:00.000Z"
