"""Resets and network profiles: how stations start anew, and where they connect then."""

from typing import Any

from conformance.bench import Bench
from conformance.cases import case
from conformance.transacting import Session
from running import PASSWORD

TWO = ("2.0.1", "2.1")
KINDS = {"immediate": "Immediate", "on-idle": "OnIdle", "immediate-and-resume": "ImmediateAndResume"}


async def reset(bench: Bench, kind: str, evse: int | None = None, *, answer: str = "Accepted") -> None:
    """Reset a station that answers so and then boots, or reports its EVSE again."""
    async with bench.connected() as station:
        await station.report("Available")
        station.answer("Reset", {"status": answer})
        told = await bench.post("/stations/CS/reset", {"kind": kind} | ({} if evse is None else {"evse": evse}))
        assert (told["status"], told["is_accepted"]) == (answer, True)
        sent = {"type": KINDS[kind]} | ({} if evse is None else {"evseId": evse})
        assert station.payloads("Reset") == [sent]
        if evse is not None:
            await station.report("Unavailable")
            await station.report("Available")
    if evse is None:
        async with bench.connected(boots=False) as station:
            assert (await station.boot(reason="RemoteReset"))["status"] == "Accepted"
            await station.report("Available")
    assert await bench.status() == "Available"


async def reset_while_charging(bench: Bench, kind: str, evse: int | None, reason: str | None) -> None:
    """Reset while a transaction runs; one that is not ended by it ends before the station boots."""
    await bench.add_station()
    await bench.token("CARD")
    async with bench.connected() as station:
        session = Session(station)
        await session.start()
        answer = "Accepted" if reason else "Scheduled"
        station.answer("Reset", {"status": answer})
        told = await bench.post("/stations/CS/reset", {"kind": kind} | ({} if evse is None else {"evse": evse}))
        assert (told["status"], told["is_accepted"]) == (answer, True)
        assert station.payloads("Reset") == [{"type": KINDS[kind]} | ({} if evse is None else {"evseId": evse})]
        assert (await bench.transaction())["is_open"]
        if reason:
            await session.end("ResetCommand", reason)
        else:
            await session.end("StopAuthorized", "Local", token="CARD")
        kept = await bench.transaction()
        assert (kept["is_open"], kept["stop_reason"]) == (False, reason or "Local")
    async with bench.connected(boots=False) as station:
        said = "RemoteReset" if reason else "ScheduledReset"
        assert (await station.boot(reason=said))["status"] == "Accepted"
        await station.report("Available")
    assert (await bench.get("/stations/CS/resets"))[0]["state"] == "done"


@case("TC_B_20", "A station without a transaction is reset when idle", *TWO)
async def test_tc_b_20_on_idle(bench: Bench):
    await bench.add_station()
    await reset(bench, "on-idle")


@case("TC_B_21", "A reset when idle is scheduled while something charges", *TWO)
async def test_tc_b_21_on_idle_while_charging(bench: Bench):
    await reset_while_charging(bench, "on-idle", None, None)


@case("TC_B_22", "A reset at once ends what charges", *TWO)
async def test_tc_b_22_at_once_while_charging(bench: Bench):
    await reset_while_charging(bench, "immediate", None, "ImmediateReset")


@case("TC_B_25", "One EVSE without a transaction is reset", *TWO)
async def test_tc_b_25_one_evse(bench: Bench):
    await bench.add_station()
    await reset(bench, "on-idle", 1)


@case("TC_B_26", "A reset of one EVSE when idle is scheduled while it charges", *TWO)
async def test_tc_b_26_one_evse_on_idle_while_charging(bench: Bench):
    await reset_while_charging(bench, "on-idle", 1, None)


@case("TC_B_27", "A reset of one EVSE at once ends what charges there", *TWO)
async def test_tc_b_27_one_evse_at_once_while_charging(bench: Bench):
    await reset_while_charging(bench, "immediate", 1, "ImmediateReset")


@case("TC_B_103", "A reset that resumes: the transaction goes on after the boot", "2.1")
async def test_tc_b_103_resuming(bench: Bench):
    await bench.add_station()
    await bench.token("CARD")
    async with bench.connected() as station:
        session = Session(station)
        await session.start()
        told = await bench.post("/stations/CS/reset", {"kind": "immediate-and-resume"})
        assert told["is_accepted"]
        assert station.payloads("Reset") == [{"type": "ImmediateAndResume"}]
        await session.update("ResetCommand", "SuspendedEVSE")
    async with bench.connected(boots=False) as station:
        assert (await station.boot(reason="RemoteReset"))["status"] == "Accepted"
        session.station = station
        await session.update("TxResumed", "Charging")
        kept = await bench.transaction()
        assert (kept["is_open"], kept["state"], kept["anomaly_count"]) == (True, "Charging", 0)
        await session.end("StopAuthorized", "Local", token="CARD")
    assert not (await bench.transaction())["is_open"]


@case("TC_B_104", "A reset that resumes, of a station where nothing charges", "2.1")
async def test_tc_b_104_resuming_nothing(bench: Bench):
    await bench.add_station()
    await reset(bench, "immediate-and-resume")


@case("TC_013", "A hard reset", "1.6")
async def test_tc_013_hard(bench: Bench):
    await reset_16(bench, "immediate", "Hard")


@case("TC_014", "A soft reset", "1.6")
async def test_tc_014_soft(bench: Bench):
    await reset_16(bench, "on-idle", "Soft")


async def reset_16(bench: Bench, kind: str, word: str) -> None:
    await bench.add_station()
    async with bench.connected() as station:
        told = await bench.post("/stations/CS/reset", {"kind": kind})
        assert told["is_accepted"]
        assert station.payloads("Reset") == [{"type": word}]
    async with bench.connected() as station:
        await station.report("Available", 0)
        await station.report("Available")
    assert await bench.status() == "Available"


PROFILE: dict[str, Any] = {"url": "wss://csms.example.org/ocpp", "security_profile": 2, "message_timeout_s": 30}


async def send_profile(bench: Bench, answer: str, **fields: Any) -> dict[str, Any]:
    """Send a profile to slot 2 of a station that answers so, and return what was sent."""
    await bench.add_station()
    async with bench.connected() as station:
        station.answer("SetNetworkProfile", {"status": answer})
        told = await bench.put("/stations/CS/network-profiles/2", PROFILE | fields)
        assert told["status"] == answer
        (sent,) = station.payloads("SetNetworkProfile")
    assert sent["configurationSlot"] == 2
    data: dict[str, Any] = sent["connectionData"]
    assert (data["ocppCsmsUrl"], data["ocppTransport"], data["securityProfile"]) == (PROFILE["url"], "JSON", 2)
    return data


@case("TC_B_42", "A network profile is sent and taken", *TWO)
async def test_tc_b_42_a_network_profile(bench: Bench):
    data = await send_profile(bench, "Accepted")
    assert data["messageTimeout"] == 30


@case("TC_B_44", "A network profile that cannot be stored is told so", *TWO)
async def test_tc_b_44_a_profile_that_fails(bench: Bench):
    await send_profile(bench, "Failed")


@case("TC_B_100", "A network profile brings an identity and a password", "2.1")
async def test_tc_b_100_identity_and_password(bench: Bench):
    data = await send_profile(bench, "Accepted", identity="CS-2", password="another-horse-battery")
    assert (data["identity"], data["basicAuthPassword"]) == ("CS-2", "another-horse-battery")
    kept = (await bench.get("/stations/CS/network-profiles"))[0]
    assert "another-horse-battery" not in str(kept)
    stations = bench.house.services.stations
    at = await stations.get(kept["station_id"])
    assert stations.password_matches(at, b"another-horse-battery")
    assert stations.password_matches(at, PASSWORD.encode())  # until it is known which profile the station uses


@case("TC_B_105", "A network configuration is made by setting its variables, and its slot is put first", "2.1")
async def test_tc_b_105_a_configuration_by_variables(bench: Bench):
    await bench.add_station()
    wanted = {"OcppCsmsUrl": PROFILE["url"], "OcppInterface": "Wired0", "OcppTransport": "JSON", "SecurityProfile": "2"}
    values = [{"variable": f"NetworkConfiguration[2].{name}", "value": value} for name, value in wanted.items()]
    async with bench.connected() as station:
        told = await bench.post("/stations/CS/variables/set", {"values": values})
        assert all(one["is_accepted"] for one in told), told
        sent = [one for each in station.payloads("SetVariables") for one in each["setVariableData"]]
        assert {one["variable"]["name"]: one["attributeValue"] for one in sent} == wanted
        assert all(one["component"] == {"name": "NetworkConfiguration", "instance": "2"} for one in sent)
        told = await bench.put("/stations/CS/network-priority", {"slots": [2, 1], "force": True})
        assert told["is_accepted"]
        (first,) = station.payloads("SetVariables")[-1]["setVariableData"]
        assert (first["variable"]["name"], first["attributeValue"]) == ("NetworkConfigurationPriority", "2,1")
