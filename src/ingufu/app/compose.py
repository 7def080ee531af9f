"""The process that holds the sockets: settings in, everything wired out. `parts` has what all processes share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ingufu.app.parts import bus_socket, publish_events, services_of, storage_url
from ingufu.app.settings import OcppSettings, Settings, split_address
from ingufu.core.clock import Clock, SystemClock
from ingufu.core.ids import IdMaker
from ingufu.gateway.admission import AdmissionRules
from ingufu.gateway.gateway import Gateway, GatewayRules
from ingufu.gateway.link import Connections
from ingufu.gateway.websocket import CertificateFiles, Endpoint, ServerLimits, ServerTls, SocketLimits, TlsSettings
from ingufu.infra import remote_link
from ingufu.infra.bus.hub import HubBus
from ingufu.infra.randomness import SystemRandomness
from ingufu.infra.storage.opening import open_database
from ingufu.services import Services


@dataclass(frozen=True, slots=True)
class GatewayProcess:
    """What runs in the process that holds the sockets."""

    services: Services
    gateway: Gateway
    bus: HubBus
    endpoints: tuple[Endpoint, ...]


@asynccontextmanager
async def gateway_process(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[GatewayProcess]:
    """Open what the gateway's process needs, and close it in the right order.

    The gateway is not started yet. Raises Unavailable, SettingsError, OSError.
    """
    clock = clock or SystemClock()
    randomness = SystemRandomness()
    ids = IdMaker(clock, randomness.bytes)
    database = await open_database(storage_url(settings), inline_reads=True, defers=True)
    bus = HubBus(bus_socket(settings))
    try:
        await bus.open()
        services = services_of(settings, database, clock, ids)
        connections = Connections(services.stations, ids)
        gateway = Gateway(services, connections, gateway_rules(settings.ocpp), uniform=randomness.uniform)
        publish_events(database, bus)
        remote_link.serve(bus, connections)
        yield GatewayProcess(services, gateway, bus, endpoints(settings.ocpp))
    finally:
        await bus.close()
        await database.close()


def gateway_rules(ocpp: OcppSettings) -> GatewayRules:
    return GatewayRules(
        admission=AdmissionRules(
            base_path=tuple(part for part in ocpp.base_path.split("/") if part),
            closes_on_mismatch=ocpp.subprotocol_mismatch == "close",
            allows_compression=ocpp.allows_compression,
            ping_interval_s=ocpp.ping_interval_s or None,
            limits=SocketLimits(
                max_message_bytes=ocpp.max_message_bytes,
                messages_per_s=ocpp.messages_per_s,
                silent_intervals=ocpp.silent_intervals,
            ),
        ),
        limits=ServerLimits(handshakes_per_s=ocpp.handshakes_per_s),
        drain_s=ocpp.drain_s,
    )


def endpoints(ocpp: OcppSettings) -> tuple[Endpoint, ...]:
    """Return where to listen for stations. Raises SettingsError if a certificate cannot be used."""
    files = tuple(
        CertificateFiles(certificate=Path(certificate), key=Path(key))
        for certificate, key in zip(ocpp.certificates, ocpp.private_keys, strict=True)
    )
    found: list[Endpoint] = []
    for name, text, authorities in (
        ("plain", ocpp.listen, None),
        ("tls", ocpp.tls_listen, None),
        ("mutual-tls", ocpp.mutual_tls_listen, Path(ocpp.client_authorities) if ocpp.client_authorities else None),
    ):
        if not text:
            continue
        host, port = split_address(text, f"the address of the {name} listener")
        tls = None if name == "plain" else ServerTls(TlsSettings(certificates=files, client_authorities=authorities))
        found.append(Endpoint(name=name, host=host, port=port, tls=tls))
    return tuple(found)
