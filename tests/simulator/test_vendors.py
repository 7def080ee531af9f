"""Every vendor's manner: a whole session valid by the schemas, and the oddities that are meant to be odd."""

import base64
import random

import msgspec
import pytest

from ingufu.simulator.script import LinkRefused, simulated
from ingufu.simulator.spec import StationSpec, ac, dc
from ingufu.simulator.vehicle import MODELS, Vehicle
from ingufu.simulator.vendors import MANNERS, Version
from simulator.csms import running
from simulator.running import on_loop

PASSWORD = "0123456789abcdef0123456789abcdef01234567"
KINDS = [(manner, version) for manner in MANNERS for version in manner.versions]


def calm(manner):
    return msgspec.structs.replace(manner, starts_twice=0, loses_replies=0, forgets_number=0)


def station_of(manner, version, **changes):
    return StationSpec(
        identity="X-1", version=version, manner=manner, evses=(dc(1), ac(2)), password=PASSWORD, **changes
    )


@pytest.mark.parametrize(("manner", "version"), KINDS, ids=lambda value: getattr(value, "vendor", str(value)))
def test_a_day_with_a_vendor_is_valid_and_complete(manner, version):
    @on_loop
    async def run():
        async with running() as csms, simulated(station_of(calm(manner), version), csms.url) as station:
            csms.validates = manner.vendor != "Bluegum"  # whose times have no zone
            await station.boot()
            for evse in (1, 2):
                await station.plug_in(evse)
                await station.present("04A1B2C3", evse)
                await station.charge(evse, seconds=400)
                await station.go_offline()
                await station.charge(evse, seconds=200)
                await station.come_back()
                await station.present("04A1B2C3", evse)
                await station.advance(60)
                await station.unplug(evse)
            await station.advance(1000)
            assert station.station.peer.queued_transaction_messages == 0
            assert station.station.peer.lost == 0
            if version is Version.V16:
                assert len(station.calls("StopTransaction")) == len(station.calls("StartTransaction")) == 2
            else:
                kinds = [f.payload["eventType"] for f in station.calls("TransactionEvent")]
                assert (kinds.count("Started"), kinds.count("Ended")) == (2, 2)

    run()


def of(vendor):
    return next(manner for manner in MANNERS if manner.vendor == vendor)


@pytest.mark.parametrize(
    ("vendor", "expected"), [("Harmattan", bytes.fromhex(PASSWORD)), ("Quillon", PASSWORD.encode())]
)
def test_hex_passwords_are_sent_decoded_or_as_digits(vendor, expected):
    @on_loop
    async def run():
        async with running() as csms, simulated(station_of(of(vendor), Version.V16), csms.url) as station:
            await station.connect()
            scheme, _, text = csms.headers["X-1"]["Authorization"].partition(" ")
            assert scheme == "Basic"
            assert base64.b64decode(text) == b"X-1:" + expected

    run()


@on_loop
async def test_the_free_spirit_offers_no_subprotocol_and_begins_in_1970_without_zones():
    async with running() as csms, simulated(station_of(of("Bluegum"), Version.V16), csms.url) as station:
        csms.validates = False
        csms.answers["BootNotification"] = {"status": "Rejected", "currentTime": "2025-06-01T08:00:00Z", "interval": 60}
        assert station.station.stamp() == "1970-01-01T00:00:00"
        await station.boot()
        assert "Sec-WebSocket-Protocol" not in csms.headers["X-1"]
        assert station.station.stamp()[:4] == str(station.timeline.now().year)
        del csms.answers["BootNotification"]
        await station.advance(61)
        stamp = station.calls("StatusNotification")[0].payload["timestamp"]
        assert len(stamp) == 19
        assert station.calls()[0].message_id.startswith("offline-")


@on_loop
async def test_a_start_sent_twice_has_two_message_ids_and_one_content():
    manner = msgspec.structs.replace(calm(of("Quillon")), starts_twice=1.0)
    async with running() as csms, simulated(station_of(manner, Version.V16), csms.url) as station:
        await station.boot()
        await station.plug_in(1)
        await station.present("A")
        first, second = station.calls("StartTransaction")
        assert first.payload == second.payload
        assert first.message_id != second.message_id


@on_loop
async def test_a_forgotten_number_is_minus_one_for_ever():
    manner = msgspec.structs.replace(calm(of("Akagera Works")), forgets_number=1.0)
    async with running() as csms, simulated(station_of(manner, Version.V16), csms.url) as station:
        await station.boot()
        await station.plug_in(1)
        await station.present("A")
        await station.charge(seconds=100)
        await station.stop()
        assert station.calls("MeterValues")[0].payload["transactionId"] == -1
        assert station.calls("StopTransaction")[0].payload["transactionId"] == -1


@on_loop
async def test_units_phases_and_counters_differ_by_vendor():
    async with running() as csms, simulated(station_of(calm(of("Quillon")), Version.V16), csms.url) as station:
        await station.boot()
        await station.plug_in(2, Vehicle(MODELS[1], soc=20))
        await station.present("A", 2)
        await station.charge(2, seconds=100)
        values = station.calls("MeterValues")[0].payload["meterValue"][0]["sampledValue"]
        assert values[0]["unit"] == "kWh"
        assert [v["phase"] for v in values if v["measurand"] == "Current.Import"] == ["L1", "L2", "L3"]
    async with running() as csms, simulated(station_of(calm(of("Pampero")), Version.V201), csms.url) as station:
        await station.boot()
        for _ in range(2):
            await station.plug_in(1)
            await station.present("A")
            await station.charge(seconds=100)
            await station.stop()
            await station.unplug()
        said = [f.payload for f in station.calls("TransactionEvent")]
        assert [e["seqNo"] for e in said] == list(range(len(said)))
        assert len({e["transactionInfo"]["transactionId"] for e in said}) == 2
        assert all("evse" in e for e in said if e["eventType"] != "Ended")
        units = {v["unitOfMeasure"]["multiplier"] for v in said[1]["meterValue"][0]["sampledValue"][:1]}
        assert units == {3}
        assert next(f.payload["evseId"] for f in station.calls("StatusNotification")) == 0


@on_loop
async def test_a_refusal_at_the_door_is_told_and_dialing_goes_on_with_growing_waits():
    async with running() as csms, simulated(station_of(of("Akagera Works"), Version.V16), csms.url) as station:
        csms.refuses_with = 401
        with pytest.raises(LinkRefused) as refusal:
            await station.connect()
        assert refusal.value.status == 401
        station.station.rng = random.Random(0)
        csms.refuses_with = None
        await station.advance(25)
        await station.until(lambda: station.station.is_connected)
        await station.settle()
        assert station.station.is_accepted


@on_loop
async def test_nobody_there_is_a_refusal_without_status():
    async with simulated(station_of(of("Akagera Works"), Version.V16), "ws://127.0.0.1:9/ocpp") as station:
        with pytest.raises(LinkRefused) as refusal:
            await station.connect()
        assert refusal.value.status is None
