"""Stations of a foreign library connect, charge and stop in each version, and everything they said is on record."""

from decimal import Decimal
from typing import Any

import pytest
from ocpp.exceptions import SecurityError

from ingufu.core.commands import StartCharging, StopCharging
from ocpp import v16, v21, v201
from running import Running, StandingClock
from scenarios.foreign import foreign_station
from scenarios.records import (
    add_token,
    connectors,
    decisions,
    kinds,
    only,
    readings,
    rows,
    stations,
    transaction_events,
    transactions,
)

NOW = "2026-03-01T12:00:00.000Z"


async def test_a_16_station_of_the_ocpp_package_charges_and_stops(house: Running, clock: StandingClock):
    station_id = await house.add_station("CP-16")
    token_id = await add_token(house, "04A1B2C3")
    async with foreign_station(house, "1.6", "CP-16") as station:
        booted = await station.call(
            v16.call.BootNotification(charge_point_model="M", charge_point_vendor="V", charge_point_serial_number="S1")
        )
        assert (booted.status, booted.interval, booted.current_time) == ("Accepted", 300, NOW)
        assert (await station.call(v16.call.Heartbeat())).current_time == NOW
        for connector, status in ((0, "Available"), (1, "Preparing")):
            assert (
                await station.call(
                    v16.call.StatusNotification(connector_id=connector, error_code="NoError", status=status)
                )
                == v16.call_result.StatusNotification()
            )
        authorized = await station.call(v16.call.Authorize(id_tag="04A1B2C3"))
        assert authorized.id_tag_info == {"status": "Accepted"}

        outcome = await house.link.call(station_id, StartCharging(token="04A1B2C3", evse=1, remote_start_id=7))
        assert outcome.is_accepted
        assert station.asked == [("RemoteStartTransaction", {"id_tag": "04A1B2C3", "connector_id": 1})]

        started = await station.call(
            v16.call.StartTransaction(
                connector_id=1, id_tag="04A1B2C3", meter_start=1000, timestamp="2026-03-01T12:00:00Z"
            )
        )
        assert started.id_tag_info == {"status": "Accepted"}
        number = started.transaction_id
        assert number > 0
        for minute, value in ((5, "1.25"), (10, "2.5")):
            clock.advance(300)
            sample = {"value": value, "unit": "kWh", "measurand": "Energy.Active.Import.Register"}
            power = {"value": "11040.5", "unit": "W", "measurand": "Power.Active.Import"}
            values = [{"timestamp": f"2026-03-01T12:{minute:02}:00Z", "sampledValue": [sample, power]}]
            answer = await station.call(v16.call.MeterValues(connector_id=1, transaction_id=number, meter_value=values))
            assert answer == v16.call_result.MeterValues()

        clock.advance(300)
        assert (await house.link.call(station_id, StopCharging(reference=str(number)))).is_accepted
        assert station.asked[-1] == ("RemoteStopTransaction", {"transaction_id": number})
        stopped = await station.call(
            v16.call.StopTransaction(
                meter_stop=4321, timestamp="2026-03-01T12:15:00Z", transaction_id=number, reason="Remote",
                id_tag="04A1B2C3",
            )
        )  # fmt: skip
        assert stopped.id_tag_info == {"status": "Accepted"}

    transaction = await only(house, transactions, station_id=station_id)
    assert transaction["number"] == number
    assert (transaction["evse"], transaction["token_id"], transaction["is_open"]) == (1, token_id, False)
    assert (transaction["energy_wh"], transaction["energy_source"]) == (Decimal(3321), "registers")
    assert (transaction["verdict"], transaction["stop_reason"]) == ("Accepted", "Remote")
    assert transaction["anomaly_count"] == 0
    measured = await rows(house, readings, transaction_id=transaction["id"])
    assert [(row["energy_wh"], row["power_w"]) for row in measured][:2] == [
        (Decimal(1250), 11040.5), (Decimal(2500), 11040.5),
    ]  # fmt: skip
    told = await rows(house, transaction_events, transaction_id=transaction["id"])
    assert [row["kind"] for row in told] == ["started", "ended"]
    judged = await rows(house, decisions, station_id=station_id)
    assert [(row["occasion"], row["status"]) for row in judged] == [
        ("authorize", "Accepted"), ("start", "Accepted"), ("stop", "Accepted"),
    ]  # fmt: skip
    assert await kinds(house, station_id) == [
        "StationChanged", "StationChanged", "StationConnected", "StationBooted", "StatusChanged", "StatusChanged",
        "TransactionStarted", "TransactionEnded", "StationDisconnected",
    ]  # fmt: skip
    kept = await only(house, stations, id=station_id)
    assert (kept["vendor"], kept["model"], kept["serial_number"]) == ("V", "M", "S1")
    assert (kept["is_online"], kept["ocpp_version"], kept["boot_status"]) == (False, "1.6", "Accepted")
    assert (await only(house, connectors, station_id=station_id))["raw_status"] == "Preparing"


WORDS: dict[str, Any] = {"2.0.1": v201, "2.1": v21}


def event(words: Any, kind: str, seq: int, minute: int, trigger: str, **more: Any) -> Any:
    """Return a TransactionEvent of the transaction TX-1, with the register where it is given in Wh."""
    register = more.pop("register_wh", None)
    info = {"transaction_id": "TX-1", **more.pop("info", {})}
    at = f"2026-03-01T12:{minute:02}:00Z"
    if register is not None:
        more["meter_value"] = [{"timestamp": at, "sampled_value": [{"value": register}]}]
    return words.call.TransactionEvent(
        event_type=kind, seq_no=seq, timestamp=at, trigger_reason=trigger, transaction_info=info, **more
    )


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_station_of_the_ocpp_package_charges_and_stops_in_the_later_versions(
    house: Running, clock: StandingClock, version: str
):
    words = WORDS[version]
    station_id = await house.add_station("CS-2")
    token_id = await add_token(house, "04A1B2C3")
    card = {"id_token": "04a1b2c3", "type": "ISO14443"}
    async with foreign_station(house, version, "CS-2") as station:
        booted = await station.call(
            words.call.BootNotification(
                charging_station={"model": "M", "vendor_name": "V", "firmware_version": "1.0"}, reason="PowerUp"
            )
        )
        assert (booted.status, booted.interval, booted.current_time) == ("Accepted", 300, NOW)
        assert (await station.call(words.call.Heartbeat())).current_time == NOW
        assert (
            await station.call(
                words.call.StatusNotification(timestamp=NOW, connector_status="Occupied", evse_id=1, connector_id=1)
            )
            == words.call_result.StatusNotification()
        )
        authorized = await station.call(words.call.Authorize(id_token=card))
        assert authorized.id_token_info == {"status": "Accepted"}

        outcome = await house.link.call(
            station_id, StartCharging(token="04A1B2C3", token_kind="ISO14443", evse=1, remote_start_id=7)
        )
        assert outcome.is_accepted
        asked = {"id_token": {"id_token": "04A1B2C3", "type": "ISO14443"}, "evse_id": 1, "remote_start_id": 7}
        assert station.asked == [("RequestStartTransaction", asked)]

        began = await station.call(
            event(
                words, "Started", 0, 0, "RemoteStart", register_wh=1000.5, id_token=card, evse={"id": 1, "connector_id": 1},
                info={"charging_state": "Charging", "remote_start_id": 7},
            )
        )  # fmt: skip
        assert began.id_token_info == {"status": "Accepted"}
        clock.advance(360)
        updated = await station.call(event(words, "Updated", 1, 5, "MeterValuePeriodic", register_wh=2500.25))
        assert updated == words.call_result.TransactionEvent()
        assert await station.call(
            words.call.MeterValues(
                evse_id=1, meter_value=[{"timestamp": "2026-03-01T12:06:00Z", "sampled_value": [
                    {"value": 11.04, "measurand": "Power.Active.Import", "unit_of_measure": {"unit": "W", "multiplier": 3}}]}],
            )
        ) == words.call_result.MeterValues()  # fmt: skip

        clock.advance(540)
        assert (await house.link.call(station_id, StopCharging(reference="TX-1"))).is_accepted
        assert station.asked[-1] == ("RequestStopTransaction", {"transaction_id": "TX-1"})
        ended = await station.call(
            event(words, "Ended", 2, 15, "RemoteStop", register_wh=4321.125, info={"stopped_reason": "Remote"})
        )
        assert ended == words.call_result.TransactionEvent()

    transaction = await only(house, transactions, station_id=station_id)
    assert (transaction["reference"], transaction["version"]) == ("TX-1", version)
    assert (transaction["evse"], transaction["token_id"], transaction["is_open"]) == (1, token_id, False)
    assert transaction["energy_wh"] == Decimal("3320.625")
    assert (transaction["start_wh"], transaction["end_wh"]) == (Decimal("1000.5"), Decimal("4321.125"))
    assert (transaction["remote_start_id"], transaction["stop_reason"]) == (7, "Remote")
    assert (transaction["seq_count"], transaction["anomaly_count"]) == (3, 0)
    told = await rows(house, transaction_events, transaction_id=transaction["id"])
    assert [(row["kind"], row["seq"]) for row in told] == [("started", 0), ("updated", 1), ("ended", 2)]
    measured = await rows(house, readings, transaction_id=transaction["id"])
    assert [row["energy_wh"] for row in measured] == [
        Decimal("1000.5"), Decimal("2500.25"), None, Decimal("4321.125"),
    ]  # fmt: skip
    assert measured[2]["power_w"] == 11040.0
    judged = await rows(house, decisions, station_id=station_id)
    assert [(row["occasion"], row["status"]) for row in judged] == [("authorize", "Accepted"), ("start", "Accepted")]
    assert await kinds(house, station_id) == [
        "StationChanged", "StationChanged", "StationConnected", "StationBooted", "StatusChanged",
        "TransactionStarted", "TransactionEnded", "StationDisconnected",
    ]  # fmt: skip


async def test_a_foreign_station_that_was_not_accepted_hears_a_security_error(house: Running):
    await house.add_station("CS-3", boot_answer="Pending")
    async with foreign_station(house, "2.0.1", "CS-3") as station:
        booted = await station.call(
            v201.call.BootNotification(charging_station={"model": "M", "vendor_name": "V"}, reason="PowerUp")
        )
        assert booted.status == "Pending"
        with pytest.raises(SecurityError):
            await station.call(v201.call.Heartbeat(), suppress=False)
