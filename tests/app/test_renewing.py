"""Renewed certificates over real TLS: taken into use without a restart, and refused if they cannot be used."""

import asyncio
import os
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from structlog.testing import capture_logs

from app.processes import serving
from ingufu.app.renewing import Renewal
from ingufu.core.clock import SystemClock
from ingufu.gateway.websocket import CertificateFiles, Endpoint, Refuse, ServerTls, TlsSettings, WebSocketServer


class Pair:
    """A certificate with its key, in files that can be written anew."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.files = CertificateFiles(certificate=folder / "server.pem", key=folder / "server.key")
        self.renew()

    def renew(self, *, with_key: bool = True) -> None:
        leaf = self.authority.issue_cert("127.0.0.1")
        replace(self.files.certificate, b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        if with_key:
            replace(self.files.key, leaf.private_key_pem.bytes())


def replace(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(path)


async def serial(address: tuple[str, int]) -> bytes:
    """Return the certificate that a listener shows now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(20):
        _, writer = await asyncio.open_connection(*address, ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return bytes(shown)


async def test_changed_files_are_used_for_new_connections_and_a_bad_pair_keeps_the_old_one(tmp_path: Path):
    pair = Pair(tmp_path)
    endpoint = Endpoint(
        name="tls", host="127.0.0.1", port=0, tls=ServerTls(TlsSettings(certificates=(pair.files,)))
    )  # fmt: skip
    server = WebSocketServer(
        decide=lambda _: Refuse(status=404, reason="nothing"),
        attempt_failed=lambda _: None,
        monotonic=SystemClock().monotonic,
        uniform=lambda: 0.5,
    )
    address = await server.listen(endpoint)
    try:
        renewal = Renewal([endpoint])
        first = await serial(address)
        renewal.look()
        assert await serial(address) == first

        pair.renew()
        renewal.look()
        second = await serial(address)
        assert second != first

        with capture_logs() as logs:
            pair.renew(with_key=False)
            renewal.look()
            renewal.renew()
        assert await serial(address) == second
        assert [line["event"] for line in logs] == ["tls.not_renewed"]  # told once, though tried twice
        assert str(pair.files.certificate) in logs[0]["error"]

        pair.files.key.unlink()
        renewal.look()
        assert await serial(address) == second

        pair.renew()
        watch = asyncio.create_task(renewal.watch(0.05))
        async with asyncio.timeout(20):
            while await serial(address) == second:
                await asyncio.sleep(0.05)
        watch.cancel()
    finally:
        await server.stop(spread_s=0.0, deadline_s=1.0)


@pytest.fixture
def hearable() -> Iterator[None]:
    """Let processes hear SIGHUP, although the tests may have been started where it is ignored (nohup)."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hearable")
def test_sighup_renews_the_certificate_of_a_server_that_goes_on(tmp_path: Path):
    pair = Pair(tmp_path)
    more = {
        "INGUFU_OCPP_TLS_LISTEN": "127.0.0.1:0",
        "INGUFU_OCPP_CERTIFICATES": str(pair.files.certificate),
        "INGUFU_OCPP_PRIVATE_KEYS": str(pair.files.key),
    }
    with serving(tmp_path / "data", **more) as server:
        found = server.until(r"Stations connect to wss://127\.0\.0\.1:(\d+)/")
        server.ready()
        address = ("127.0.0.1", int(found[1]))
        first = asyncio.run(serial(address))
        pair.renew()
        os.kill(server.process.pid, signal.SIGHUP)
        server.until(r'"why":"SIGHUP","event":"tls\.renewed"')
        assert asyncio.run(serial(address)) != first
        assert server.process.poll() is None
