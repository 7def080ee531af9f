"""The parts list: settings in, everything wired out. The only place that knows which implementation is used."""

import hashlib
import os
import random
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ingufu.accounts.service import Accounts
from ingufu.app.settings import OcppSettings, Settings, split_address
from ingufu.authorization.model import AuthorizationRules
from ingufu.authorization.service import Authorization
from ingufu.charging.service import Charging, OpenCount
from ingufu.core.clock import Clock, SystemClock
from ingufu.core.events import Event
from ingufu.core.ids import IdMaker
from ingufu.gateway.admission import AdmissionRules
from ingufu.gateway.gateway import Gateway, GatewayRules
from ingufu.gateway.link import Connections
from ingufu.gateway.websocket import CertificateFiles, Endpoint, ServerLimits, ServerTls, SocketLimits, TlsSettings
from ingufu.infra import remote_link
from ingufu.infra.bus.dialled import DialledBus
from ingufu.infra.bus.hub import HubBus
from ingufu.infra.bus.port import Bus
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from ingufu.services import Services
from ingufu.sites.service import Sites
from ingufu.stations.model import StationRules, UnknownPolicy
from ingufu.stations.service import Stations

EVENTS_TOPIC = "events"
BUS_SOCKET = "bus.sock"
SOCKET_PATH_LIMIT = 100  # bytes; Linux allows 107, others 103


@dataclass(frozen=True, slots=True)
class GatewayProcess:
    """What runs in the process that holds the sockets."""

    services: Services
    gateway: Gateway
    bus: HubBus
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class AskingProcess:
    """What a process has that holds no sockets: web pages, the command line."""

    services: Services
    link: remote_link.RemoteLink
    bus: DialledBus


def storage_url(settings: Settings) -> StorageUrl:
    return StorageUrl.parse(settings.database or None, settings.data_folder)


def services_of(settings: Settings, database: Database, clock: Clock, ids: IdMaker) -> Services:
    """Return all services on one database."""
    authorization = Authorization(database, clock, ids, OpenCount(database), authorization_rules(settings))
    return Services(
        database=database,
        clock=clock,
        ids=ids,
        accounts=Accounts(database, clock, ids),
        sites=Sites(database, clock, ids),
        stations=Stations(database, clock, ids, station_rules(settings.ocpp)),
        authorization=authorization,
        charging=Charging(database, clock, ids, authorization),
    )


@asynccontextmanager
async def gateway_process(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[GatewayProcess]:
    """Open what the gateway's process needs, and close it in the right order.

    The gateway is not started yet. Raises Unavailable, SettingsError, OSError.
    """
    clock = clock or SystemClock()
    ids = IdMaker(clock)
    database = await open_database(storage_url(settings), inline_reads=True)
    bus = HubBus(bus_socket(settings))
    try:
        await bus.open()
        services = services_of(settings, database, clock, ids)
        connections = Connections(services.stations, ids)
        gateway = Gateway(services, connections, gateway_rules(settings.ocpp), uniform=random.SystemRandom().random)
        _publish_events(database, bus)
        remote_link.serve(bus, connections)
        yield GatewayProcess(services, gateway, bus, endpoints(settings.ocpp))
    finally:
        await bus.close()
        await database.close()


@asynccontextmanager
async def asking_process(settings: Settings, *, wait_s: float = 5.0) -> AsyncIterator[AskingProcess]:
    """Open what a process needs that reaches stations through the gateway's."""
    clock = SystemClock()
    ids = IdMaker(clock)
    database = await open_database(storage_url(settings))
    bus = DialledBus(bus_socket(settings))
    try:
        await bus.open(wait_s=wait_s)
        _publish_events(database, bus)
        yield AskingProcess(services_of(settings, database, clock, ids), remote_link.RemoteLink(bus), bus)
    finally:
        await bus.close()
        await database.close()


def bus_socket(settings: Settings) -> Path:
    """Return where the local bus listens: in the data folder, or nearby where its path is too long for a socket."""
    path = settings.data_folder.resolve() / BUS_SOCKET
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"ingufu-{os.getuid()}-{digest}.sock"


def authorization_rules(settings: Settings) -> AuthorizationRules:
    return AuthorizationRules(
        ghost_age_s=settings.authorization.open_transaction_counts_h * 3600,
        late_start_s=settings.authorization.late_start_s,
    )


def station_rules(ocpp: OcppSettings) -> StationRules:
    return StationRules(
        heartbeat_interval_s=ocpp.heartbeat_interval_s,
        pending_retry_s=ocpp.pending_retry_s,
        unknown_policy=UnknownPolicy(ocpp.unknown_stations),
        max_waiting=ocpp.max_waiting_stations,
        default_security_profile=ocpp.default_security_profile,
        password_grace_s=ocpp.password_grace_s,
        certificate_organisation=ocpp.client_organisation or None,
    )


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


def station_urls(ocpp: OcppSettings) -> dict[str, str]:
    """Return by listener what is typed into stations, without their identity."""
    if ocpp.public_url:
        return {"public": ocpp.public_url.rstrip("/") + ocpp.base_path.rstrip("/")}
    listeners = (
        ("plain", "ws", ocpp.listen),
        ("tls", "wss", ocpp.tls_listen),
        ("mutual-tls", "wss", ocpp.mutual_tls_listen),
    )
    return {name: f"{scheme}://{text}{ocpp.base_path.rstrip('/')}" for name, scheme, text in listeners if text}


def _publish_events(database: Database, bus: Bus) -> None:
    encode = msgspec.json.Encoder().encode

    def publish(events: Sequence[Event]) -> None:
        for event in events:
            bus.publish(EVENTS_TOPIC, encode(event))

    database.publish = publish
