"""Simulated stations over TLS, with and without a certificate of their own."""

import ssl

import pytest
import trustme

from ingufu.simulator.run import SimulateOptions, _tls
from ingufu.simulator.script import LinkRefused, simulated
from ingufu.simulator.spec import spec
from simulator.csms import running
from simulator.running import on_loop


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    ca.issue_cert("S-1.example", common_name="S-1").private_key_and_cert_chain_pem.write_to_path(folder / "S-1.pem")
    return ca, folder


def server_context(ca, *, asks_for_certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    if asks_for_certificate:
        ca.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.mark.parametrize("asks", [False, True])
def test_a_station_boots_over_tls(authority, asks):
    ca, folder = authority

    @on_loop
    async def run():
        async with running(tls=server_context(ca, asks_for_certificate=asks)) as csms:
            options = SimulateOptions(
                url=csms.url, ca_file=folder / "ca.pem", certificate_folder=folder if asks else None
            )
            station_spec = spec("S-1", "2.0.1")
            async with simulated(station_spec, csms.url, tls=_tls(options)(station_spec)) as station:
                assert (await station.boot())["status"] == "Accepted"

    run()


def test_without_its_certificate_a_station_is_not_let_in(authority):
    ca, folder = authority

    @on_loop
    async def run():
        async with running(tls=server_context(ca, asks_for_certificate=True)) as csms:
            context = ssl.create_default_context(cafile=folder / "ca.pem")
            async with simulated(spec("S-1"), csms.url, tls=context) as station:
                with pytest.raises(LinkRefused):
                    await station.connect()

    run()
