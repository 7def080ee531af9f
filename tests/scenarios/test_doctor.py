"""What the connection doctor says of stations that really fail, over real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from ingufu.core.ids import IdMaker
from ingufu.gateway.websocket import CertificateFiles, Endpoint, ServerTls, TlsSettings
from ingufu.infra.storage.database import Database
from ingufu.stations.model import BootAnswer
from ingufu.views import diagnosis
from ingufu.views.diagnosis import Finding
from running import Running, StandingClock, running_gateway
from scenarios.door import basic, knock
from scenarios.line import line
from scenarios.records import rows, stations

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


@pytest.fixture
async def house(database: Database, clock: StandingClock, ids: IdMaker, tmp_path: Path) -> AsyncIterator[Running]:
    leaf = trustme.CA().issue_cert("127.0.0.1")
    files = CertificateFiles(certificate=tmp_path / "server.pem", key=tmp_path / "server.key")
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(files.key)
    endpoints = (
        Endpoint(name="plain", host="127.0.0.1", port=0),
        Endpoint(name="tls", host="127.0.0.1", port=0, tls=ServerTls(TlsSettings(certificates=(files,)))),
    )
    async with running_gateway(database, clock, ids, endpoints=endpoints) as running:
        yield running


async def findings(house: Running, identity: str = "CS") -> list[Finding]:
    """Return what the doctor finds, when it has come to rest."""
    await rows(house, stations)
    station = await house.services.stations.find_by_identity(identity)
    assert station is not None
    now = house.services.clock.now()
    tried, failed = await diagnosis.attempts_of(house.services.database, station, now - diagnosis.LOOKED_BACK)
    return list(diagnosis.diagnose(station, tried, failed, now).findings)


async def codes(house: Running) -> list[str]:
    return [one.code for one in await findings(house)]


async def test_a_wrong_password_is_named_with_what_was_wrong(house: Running, clock: StandingClock):
    await house.add_station("CS")
    clock.advance(60)
    for _ in range(3):
        await knock(house, "/ocpp/CS", authorization=basic("CS", "not-the-password"))
    (first, *_) = await findings(house)
    assert (first.code, first.facts["outcome"]) == ("turned-away", "wrong-credentials")
    assert "The password is not the station's." in first.says


async def test_an_unsupported_version_is_named(house: Running):
    await house.add_station("CS")
    await knock(house, "/ocpp/CS", authorization=basic("CS"), subprotocols="ocpp1.5")
    (first, *_) = await findings(house)
    assert (first.facts["outcome"], "ocpp1.5" in first.says) == ("unsupported-subprotocol", True)


async def test_an_unknown_station_waits(house: Running):
    await knock(house, "/ocpp/CS", authorization=basic("CS"))
    assert await codes(house) == ["waiting"]


async def test_http_to_the_port_of_tls_is_put_to_the_station_by_its_address(house: Running, clock: StandingClock):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
    clock.advance(60)
    reader, writer = await asyncio.open_connection(*house.addresses["tls"])
    writer.write(b"GET /ocpp/CS HTTP/1.1\r\nHost: csms\r\n\r\n")
    async with asyncio.timeout(15):
        await reader.read()
    writer.close()
    (first, *_) = await findings(house)
    assert (first.code, first.facts["address"]) == ("address-failed", "127.0.0.1")
    assert first.facts["detail"].startswith("tls.plain-http")


async def test_two_of_one_name_take_each_others_place(house: Running):
    await house.add_station("CS")
    async with contextlib.AsyncExitStack() as both:
        for _ in range(4):  # each comes again, as it was hung up on
            station = await both.enter_async_context(line(house, "CS"))
            await station.boot()
        assert "twins" in await codes(house)


async def test_one_that_connects_and_never_boots(house: Running, clock: StandingClock):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.get("Heartbeat", {})
        clock.advance(120)
        assert await codes(house) == ["never-boots"]
        await station.boot()
        assert await codes(house) == ["well"]


@pytest.mark.parametrize(("answer", "code"), [(BootAnswer.PENDING, "pending"), (BootAnswer.REJECTED, "rejected")])
async def test_one_that_is_held(house: Running, answer: BootAnswer, code: str):
    await house.add_station("CS", boot_answer=answer)
    async with line(house, "CS") as station:
        await station.boot()
        assert await codes(house) == [code]


async def test_a_wrong_clock(house: Running, clock: StandingClock):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        for minute in range(0, 12, 2):
            at = f"2026-03-01T14:{minute:02}:00Z"
            status = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": at}
            await station.get("StatusNotification", status)
            clock.advance(120)
        assert await codes(house) == ["clock"]


async def test_one_that_left(house: Running):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
    (first, *_) = await findings(house)
    assert first.code == "lost"
    assert first.remedy
