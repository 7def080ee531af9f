"""Quirks 1 to 11: how stations connect, over a real socket."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from ingufu.app.settings import OcppSettings
from ingufu.core.ids import IdMaker
from ingufu.gateway.websocket import CertificateFiles, Endpoint, ServerTls, TlsSettings
from ingufu.infra.storage.database import Database
from ingufu.stations.model import AttemptOutcome
from ingufu.stations.tables import attempts
from ingufu.views import diagnosis
from running import Running, StandingClock, running_gateway
from scenarios.door import basic, knock
from scenarios.foreign import headers
from scenarios.line import Line, line
from scenarios.quirks.odd import any_station, id_of, met, odd_station, switch
from scenarios.records import kinds, only, rows, stations

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


async def test_quirk_01_a_station_that_offers_no_version_is_taken_for_16(house: Running):
    await house.add_station("GRS-1705")
    await house.add_station("OTHER")
    async with websockets.connect(house.url("GRS-1705"), additional_headers=headers("GRS-1705")) as socket:
        assert socket.subprotocol is None
        assert (await Line(socket, "1.6").boot())["status"] == "Accepted"
    assert (await knock(house, "/ocpp/OTHER", authorization=basic("OTHER"), subprotocols=None)).status == 400
    assert (await met(house, 1, "GRS-1705"), await met(house, 1, "OTHER")) == (1, 0)


async def test_quirk_01_is_switched_for_a_station_by_hand(house: Running):
    await house.add_station("CS")
    await switch(house, 1, is_on=True)
    answer = await knock(house, "/ocpp/CS", authorization=basic("CS"), subprotocols=None)
    assert (answer.status, "sec-websocket-protocol" in answer.headers) == (101, False)
    await switch(house, 1, is_on=None)
    assert (await knock(house, "/ocpp/CS", authorization=basic("CS"), subprotocols=None)).status == 400


async def test_quirk_02_an_upgrade_without_connection_header_is_taken(house: Running):
    await house.add_station("CS")
    request = (
        "GET /ocpp/CS HTTP/1.1\r\nHost: csms.example\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n"
        f"Authorization: {basic('CS')}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(*house.addresses["plain"])
    writer.write(request.encode())
    async with asyncio.timeout(15):
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    writer.transport.abort()
    assert (await only(house, attempts))["detail"] == "connection-header"
    assert await met(house, 2) == 1


async def test_quirk_03_a_station_that_offers_201_and_means_16_is_spoken_to_in_16(house: Running):
    async with odd_station(house, "FoxESS", "A011"):
        pass
    async with line(house, "CS", "2.0.1") as station:
        assert station.socket.subprotocol == "ocpp2.0.1"
        boot = {"chargePointVendor": "FoxESS", "chargePointModel": "A011"}
        assert (await station.get("BootNotification", boot))["interval"] > 0
        status = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
        assert await station.get("StatusNotification", status) == {}
        probe = await knock(house, "/ocpp/CS", authorization=basic("CS"), subprotocols="ocpp1.6")
        assert probe.status == 503
        assert await station.get("Heartbeat", {})
    assert await met(house, 3) == 2
    outcomes = {row["outcome"] for row in await rows(house, attempts)}
    assert AttemptOutcome.PROBE.value in outcomes


async def test_quirk_04_a_station_that_does_not_know_our_authority_is_told_of_and_may_come_without_tls(
    database: Database, clock: StandingClock, ids: IdMaker, tmp_path: Path
):
    server = trustme.CA().issue_cert("127.0.0.1")
    files = CertificateFiles(certificate=tmp_path / "server.pem", key=tmp_path / "server.key")
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    server.private_key_pem.write_to_path(files.key)
    endpoints = (
        Endpoint(name="plain", host="127.0.0.1", port=0),
        Endpoint(name="tls", host="127.0.0.1", port=0, tls=ServerTls(TlsSettings(certificates=(files,)))),
    )
    async with running_gateway(database, clock, ids, endpoints=endpoints) as house:
        await house.add_station("CS")
        with pytest.raises(ssl.SSLError):
            await websockets.connect(house.url("CS", listener="tls"), ssl=ssl.create_default_context())
        async with line(house, "CS") as station:
            assert (await station.boot())["status"] == "Accepted"
        refused = next(row for row in await rows(house, attempts) if row["outcome"] != "connected")
    assert (refused["outcome"], refused["listener"]) == ("tls-failed", "tls")
    assert refused["detail"].startswith(("tls.rejected: ", "tls.broken: "))  # an alert, or only an end


@pytest.mark.parametrize("called", ["kgl-01 ä", "KGL-01 Ä", "KGL%2D01%20%C3%A4"])
async def test_quirk_05_an_identity_in_other_letters_is_the_same_station(house: Running, called: str):
    station_id = await house.add_station("KGL-01 Ä")
    path = (
        f"/ocpp/{called}"
        if "%" in called
        else "/ocpp/" + called.replace(" ", "%20").replace("ä", "%C3%A4").replace("Ä", "%C3%84")
    )
    answer = await knock(house, path, authorization=basic("KGL-01 Ä"))
    assert answer.status == 101
    assert (await only(house, attempts))["station_id"] == station_id
    assert await met(house, 5, "KGL-01 Ä") == (0 if called == "KGL-01 Ä" else 1)


async def test_quirk_06_a_key_opens_as_digits_and_as_bytes(house: Running):
    station_id = await house.add_station("CS")
    key = "0001020304050607FFFEFDFCFBFAF9F8F7F6F5F4"
    async with house.services.database.work() as work:
        await house.services.stations.set_password(work, station_id, key)
    for sent in (key.encode(), key.lower().encode(), bytes.fromhex(key)):
        assert (await knock(house, "/ocpp/CS", authorization=basic("CS", sent))).status == 101
    assert (await knock(house, "/ocpp/CS", authorization=basic("CS", bytes.fromhex(key)[:-1]))).status == 401


async def test_quirk_07_the_newest_connection_wins(house: Running):
    await house.add_station("CS")
    async with line(house, "CS") as old:
        await old.boot()
        async with line(house, "CS") as new:
            assert (await old.hear_end())[0] == 4001
            assert await new.get("Heartbeat", {})
    assert await met(house, 7) == 1


async def test_quirk_08_a_station_that_never_pongs_lives_as_long_as_it_speaks_and_may_be_left_unpinged(
    database: Database, clock: StandingClock, ids: IdMaker
):
    ocpp = OcppSettings(drain_s=0.0, ping_interval_s=0.2, silent_intervals=1)
    async with running_gateway(database, clock, ids, ocpp=ocpp) as house:
        await house.add_station("CS")
        counters = house.gateway.counters
        assert counters is not None
        async with line(house, "CS") as station:
            station.socket.transport.pause_reading()  # no pong can leave
            async with asyncio.timeout(20):
                while not counters.pings_sent:
                    await station.say([2, "1", "Heartbeat", {}])
                    await asyncio.sleep(0.25)
            station.socket.transport.resume_reading()
            assert (await station.hear())[0] == 3
        await switch(house, 8, is_on=True)
        before = counters.pings_sent
        async with line(house, "CS") as station:
            await asyncio.sleep(1.5)  # several intervals of silence: nothing happens that could be waited for
            assert await station.get("Heartbeat", {})
        assert counters.pings_sent == before
        assert await met(house, 8) == 1


async def test_quirk_09_compression_is_off_for_a_station_that_breaks_it(house: Running):
    await house.add_station("CS")
    offer: dict[str, Any] = {"extensions": [ClientPerMessageDeflateFactory()], "compression": None}
    async with line(house, "CS", **offer) as station:
        assert "Sec-WebSocket-Extensions" in station.socket.response.headers
    await switch(house, 9, is_on=True)
    async with line(house, "CS", **offer) as station:
        assert "Sec-WebSocket-Extensions" not in station.socket.response.headers
        assert await station.boot()
    assert await met(house, 9) == 1


async def test_quirk_10_a_long_message_id_is_answered_as_it_came(house: Running):
    async with any_station(house) as station:
        long = "offline-" + "7" * 500
        event = {"type": "StartupOfTheDevice", "timestamp": "2026-03-01T12:00:00Z"}
        assert await station.ask("SecurityEventNotification", event, message_id=long) == [3, long, {}]
    assert await met(house, 10) == 1
    assert "SecurityEventReported" in await kinds(house, await id_of(house))


async def test_quirk_11_a_station_that_takes_long_to_start_is_not_lost_meanwhile(house: Running, clock: StandingClock):
    for identity, model in (("CS", "Amtron 4You 560"), ("OTHER", "Amtron Professional")):
        async with odd_station(house, "MENNEKES", model, identity=identity) as station:
            await station.get("Heartbeat", {})
    clock.advance(600)
    assert (await causes(house, "CS"), await causes(house, "OTHER")) == (["restarting"], ["lost"])
    clock.advance(600)
    assert await causes(house, "CS") == ["lost"]


async def causes(house: Running, identity: str) -> list[str]:
    """Return why a station is not online, as the doctor says it."""
    await rows(house, stations)
    now = house.services.clock.now()
    station = await house.services.stations.get(await id_of(house, identity))
    tried, failed = await diagnosis.attempts_of(house.services.database, station, now - diagnosis.LOOKED_BACK)
    grace_s = house.services.stations.quirks.effects(station).does.offline_grace_s
    return [one.code for one in diagnosis.diagnose(station, tried, failed, now, grace_s).findings]
