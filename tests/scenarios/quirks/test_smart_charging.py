"""Quirks 65 to 68: charging profiles as single models take them, over a real socket."""

from typing import Any

import pytest

from ingufu.core.errors import StationUnsupported
from ingufu.stations.tables import lessons
from running import Running, StandingClock
from scenarios.quirks.odd import AT, Asked, any_station, id_of, met, odd_station
from scenarios.records import only

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


def profile(*limits: float, unit: str = "A", **changes: Any) -> dict[str, Any]:
    """Return a profile whose limit changes each minute."""
    periods = [{"startPeriod": 60 * number, "limit": limit} for number, limit in enumerate(limits)]
    schedule = {"chargingRateUnit": unit, "chargingSchedulePeriod": periods, "startSchedule": AT}
    return {
        "chargingProfileId": 1, "stackLevel": 3, "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute", "chargingSchedule": schedule,
    } | changes  # fmt: skip


def asked_to_set(house: Running, station: Any, its: dict[str, Any], connector: int = 1) -> Asked:
    return Asked(house, station, "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": its})


async def test_quirk_65_profiles_go_out_with_stack_level_0(house: Running):
    async with odd_station(house, "ABB", "Terra AC") as station, asked_to_set(house, station, profile(16)) as asked:
        assert (await asked.answer({"status": "Accepted"}))[3]["csChargingProfiles"]["stackLevel"] == 0
        assert await asked.payload() == {"status": "Accepted"}
    assert await met(house, 65) == 1


async def test_quirk_66_limits_go_out_in_watts(house: Running):
    its = profile(16, 10)
    its["chargingSchedule"]["chargingSchedulePeriod"][1]["numberPhases"] = 1
    async with odd_station(house, "HUAWEI", "SCharger") as station, asked_to_set(house, station, its) as asked:
        sent = (await asked.answer({"status": "Accepted"}))[3]["csChargingProfiles"]["chargingSchedule"]
        await asked.payload()
    assert sent["chargingRateUnit"] == "W"
    assert [period["limit"] for period in sent["chargingSchedulePeriod"]] == [11_040, 2_300]
    assert await met(house, 66) == 1


@pytest.mark.parametrize(("after", "lesson"), [("SuspendedEVSE", "pauses"), ("Finishing", "ends")])
async def test_quirk_67_what_a_limit_of_nothing_does_is_learnt_for_the_model(house: Running, after: str, lesson: str):
    async with odd_station(house, "Wall Box Chargers", "Copper SB") as station:
        await station.get(
            "BootNotification", {"chargePointVendor": "Wall Box Chargers", "chargePointModel": "Copper SB"}
        )
        async with asked_to_set(house, station, profile(0)) as asked:
            await asked.answer({"status": "Accepted"})
            await asked.payload()
        status = {"connectorId": 1, "status": after, "errorCode": "NoError"}
        await station.get("StatusNotification", status)
        kept = await only(house, lessons)
        assert (kept["vendor"], kept["model"], kept["lesson"]) == ("wall box chargers", "copper sb", lesson)
        async with asked_to_set(house, station, profile(0)) as asked:
            if lesson == "ends":
                with pytest.raises(StationUnsupported, match="quirk 67"):
                    await asked.comes_of_it()
            else:
                await asked.answer({"status": "Accepted"})
                assert await asked.payload() == {"status": "Accepted"}
    known = await house.services.stations.get(await id_of(house))
    shown = {one.number: one for one in await house.services.stations.quirks.of(known)}
    assert shown[67].lesson == lesson


@pytest.mark.parametrize("refusal", [{"status": "Rejected"}, None])
async def test_quirk_68_a_schedule_that_it_cannot_tell_is_made_from_what_it_accepted(
    house: Running, clock: StandingClock, refusal: dict[str, Any] | None
):
    async with any_station(house) as station:
        whole = profile(20, chargingProfileId=2, chargingProfilePurpose="ChargePointMaxProfile", stackLevel=0)
        for its, connector in ((profile(32, 16, 8), 1), (whole, 0)):
            async with asked_to_set(house, station, its, connector) as asked:
                await asked.answer({"status": "Accepted"})
                await asked.payload()
        clock.advance(30)
        async with Asked(house, station, "GetCompositeSchedule", {"connectorId": 1, "duration": 600}) as asked:
            call = await asked.hears()
            await station.say([3, call[1], refusal] if refusal else [4, call[1], "NotImplemented", "", {}])
            told = await asked.payload()
        assert told["status"] == "Accepted"
        assert told["chargingSchedule"]["chargingSchedulePeriod"] == [
            {"startPeriod": 0, "limit": 20},
            {"startPeriod": 30, "limit": 16},
            {"startPeriod": 90, "limit": 8},
        ]
        async with Asked(house, station, "ClearChargingProfile", {}) as asked:
            await asked.answer({"status": "Accepted"})
            await asked.payload()
        async with Asked(house, station, "GetCompositeSchedule", {"connectorId": 1, "duration": 600}) as asked:
            await asked.answer({"status": "Rejected"})
            assert await asked.payload() == {"status": "Rejected"}
    assert await met(house, 68) == 1
