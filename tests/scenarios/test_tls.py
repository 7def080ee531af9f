"""Security profiles 2 and 3: TLS, client certificates, and that a station never falls back."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
import websockets

from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker
from ingufu.gateway.websocket import CertificateFiles, Endpoint, ServerTls, TlsSettings
from ingufu.infra.storage.database import Database
from ingufu.simulator.script import LinkRefused, simulated
from ingufu.simulator.spec import spec
from running import PASSWORD, Running, running_gateway
from scenarios.door import basic, knock
from scenarios.foreign import headers
from scenarios.line import BOOTS, Line
from scenarios.records import attempts, rows, stations

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


class Pki:
    """A network's authority, and one of strangers."""

    def __init__(self, folder: Path) -> None:
        self.ours = trustme.CA(organization_name="Our roots")
        self.theirs = trustme.CA(organization_name="Other roots")
        self.bundle = folder / "ours.pem"
        self.ours.cert_pem.write_to_path(self.bundle)
        server = self.ours.issue_cert("127.0.0.1")
        self.files = CertificateFiles(certificate=folder / "server.pem", key=folder / "server.key")
        self.files.certificate.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
        server.private_key_pem.write_to_path(self.files.key)

    def client(self, common_name: str | None = None, **options: Any) -> ssl.SSLContext:
        """Return what a station uses, with a certificate of this name if one is given."""
        context = ssl.create_default_context()
        self.ours.configure_trust(context)
        if common_name is not None:
            authority = options.pop("authority", self.ours)
            leaf = authority.issue_cert("station.example", common_name=common_name, **options)
            leaf.configure_cert(context)
        return context


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
async def house(database: Database, clock: Clock, ids: IdMaker, pki: Pki) -> AsyncIterator[Running]:
    tls = ServerTls(TlsSettings(certificates=(pki.files,)))
    mutual = ServerTls(TlsSettings(certificates=(pki.files,), client_authorities=pki.bundle))
    endpoints = (
        Endpoint(name="plain", host="127.0.0.1", port=0),
        Endpoint(name="tls", host="127.0.0.1", port=0, tls=tls),
        Endpoint(name="mutual-tls", host="127.0.0.1", port=0, tls=mutual),
    )
    async with running_gateway(database, clock, ids, endpoints=endpoints) as running:
        yield running


def dial(house: Running, identity: str, context: ssl.SSLContext, listener: str, **options: Any) -> websockets.connect:
    return websockets.connect(
        house.url(identity, listener=listener), ssl=context, subprotocols=["ocpp2.0.1"], **options
    )  # fmt: skip


async def outcomes(house: Running) -> list[str]:
    return [row["outcome"] for row in await rows(house, attempts)]


async def test_a_station_with_a_password_connects_by_tls_and_then_never_without(house: Running, pki: Pki):
    await house.add_station("CP")
    async with dial(house, "CP", pki.client(), "tls", additional_headers=headers("CP")) as socket:
        assert (await Line(socket, "2.0.1").boot())["status"] == "Accepted"
    [station] = await rows(house, stations)
    assert (station["used_security_profile"], station["security_profile"]) == (2, 2)
    assert (await knock(house, "/ocpp/CP", authorization=basic("CP"), subprotocols="ocpp2.0.1")).status == 403
    async with dial(house, "CP", pki.client(), "tls", additional_headers=headers("CP")):
        pass
    kept = await rows(house, attempts)
    assert [row["outcome"] for row in kept] == ["connected", "profile-too-low", "connected"]
    assert kept[0]["tls_version"] == "TLSv1.3"
    assert kept[0]["listener"] == "tls"


async def test_tls_alone_proves_nothing_of_the_station(house: Running, pki: Pki):
    await house.add_station("CP")
    with pytest.raises(websockets.InvalidStatus, match="401"):
        async with dial(house, "CP", pki.client(), "tls"):
            pass
    assert await outcomes(house) == ["no-credentials"]


async def test_a_certificate_opens_without_a_password_and_raises_the_profile_for_ever(house: Running, pki: Pki):
    await house.add_station("CP", certificate_name="SN-42")
    async with dial(house, "CP", pki.client("sn-42"), "mutual-tls") as socket:
        assert (await Line(socket, "2.0.1").boot())["status"] == "Accepted"
    [station] = await rows(house, stations)
    assert (station["used_security_profile"], station["security_profile"]) == (3, 3)
    with pytest.raises(websockets.InvalidStatus, match="401"):
        async with dial(house, "CP", pki.client(), "tls", additional_headers=headers("CP")):
            pass
    assert (await knock(house, "/ocpp/CP", authorization=basic("CP"))).status == 403
    kept = await rows(house, attempts)
    assert [row["outcome"] for row in kept] == ["connected", "no-client-certificate", "profile-too-low"]
    assert kept[0]["certificate_name"] == "sn-42"


async def test_another_stations_certificate_is_refused(house: Running, pki: Pki):
    await house.add_station("CP", security_profile=3, certificate_name="SN-42")
    await house.add_station("CP-2", security_profile=3, certificate_name="SN-43")
    with pytest.raises(websockets.InvalidStatus, match="401"):
        async with dial(house, "CP", pki.client("SN-43"), "mutual-tls", additional_headers=headers("CP")):
            pass
    [kept] = await rows(house, attempts)
    assert (kept["outcome"], kept["detail"]) == ("wrong-certificate", "The certificate's common name is 'SN-43'.")


async def test_before_its_first_boot_a_stations_certificate_names_its_identity(house: Running, pki: Pki):
    await house.add_station("CP-7", security_profile=3)
    with pytest.raises(websockets.InvalidStatus, match="401"):
        async with dial(house, "CP-7", pki.client("SN-99"), "mutual-tls"):
            pass
    async with dial(house, "CP-7", pki.client("CP-7"), "mutual-tls"):
        pass
    assert await outcomes(house) == ["wrong-certificate", "connected"]


@pytest.mark.parametrize(
    ("kind", "outcome", "cause"),
    [
        ("none", "no-client-certificate", "tls.no-certificate"),
        ("strangers", "wrong-certificate", "tls.unknown-ca"),
        ("expired", "wrong-certificate", "tls.expired"),
    ],
)
async def test_a_certificate_that_proves_nothing_ends_tls_and_the_operator_reads_why(
    house: Running, pki: Pki, kind: str, outcome: str, cause: str
):
    await house.add_station("CP", security_profile=3, certificate_name="SN-42")
    context = {
        "none": pki.client,
        "strangers": lambda: pki.client("SN-42", authority=pki.theirs),
        "expired": lambda: pki.client("SN-42", not_after=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
    }[kind]()
    with pytest.raises((ssl.SSLError, OSError, EOFError, websockets.InvalidMessage)):
        async with dial(house, "CP", context, "mutual-tls"):
            pass
    kept = await until_attempt(house)
    assert (kept["outcome"], kept["detail"].split(":")[0]) == (outcome, cause)
    context = pki.client("SN-42")
    async with dial(house, "CP", context, "mutual-tls"):
        pass


async def test_a_boot_that_tells_another_serial_than_the_certificate_ends_the_connection(house: Running, pki: Pki):
    station_id = await house.add_station("CP", security_profile=3, certificate_name="SN-42")
    boot = BOOTS["2.0.1"] | {"chargingStation": {"model": "M", "vendorName": "V", "serialNumber": "SN-1"}}
    async with dial(house, "CP", pki.client("SN-42"), "mutual-tls") as socket:
        station = Line(socket, "2.0.1")
        answer = await station.ask("BootNotification", boot)
        assert (answer[0], answer[2]) == (4, "SecurityError")
        assert await station.hear_end() == (1008, "The serial number is not the one in the certificate.")
    [kept] = await rows(house, stations)
    assert (kept["boot_status"], kept["serial_number"], kept["is_online"]) == (None, None, False)
    boot["chargingStation"]["serialNumber"] = "sn-42"
    async with dial(house, "CP", pki.client("SN-42"), "mutual-tls") as socket:
        assert (await Line(socket, "2.0.1").get("BootNotification", boot))["status"] == "Accepted"
    assert station_id


async def test_plain_talk_to_a_tls_port_is_kept_as_such(house: Running):
    with pytest.raises((OSError, EOFError, websockets.InvalidMessage)):
        async with websockets.connect(house.url("CP", listener="tls").replace("wss", "ws")):
            pass
    kept = await until_attempt(house)
    assert (kept["outcome"], kept["detail"].split(":")[0]) == ("tls-failed", "tls.plain-http")


async def test_tls_to_a_plain_port_is_kept_as_such(house: Running, pki: Pki):
    with pytest.raises((ssl.SSLError, OSError)):
        async with websockets.connect(house.url("CP").replace("ws", "wss"), ssl=pki.client()):
            pass
    kept = await until_attempt(house)
    assert (kept["outcome"], kept["detail"].split(":")[0]) == ("tls-failed", "http.tls-on-plain-port")


async def test_the_simulators_stations_connect_by_tls_and_are_refused_without_a_password(house: Running, pki: Pki):
    await house.add_station("SIM")
    url = house.url(listener="tls")
    async with simulated(spec("SIM", "2.0.1", password=PASSWORD), url, tls=pki.client()) as script:
        assert (await script.boot())["status"] == "Accepted"
    async with simulated(spec("SIM", "2.0.1"), url, tls=pki.client()) as script:
        with pytest.raises(LinkRefused) as refused:
            await script.connect()
        assert refused.value.status == 401


async def until_attempt(house: Running, count: int = 1) -> dict[str, Any]:
    """Wait until so many attempts are on record, and return the last."""
    async with asyncio.timeout(5):
        while len(found := await rows(house, attempts)) < count:
            await asyncio.sleep(0)
    return found[-1]
