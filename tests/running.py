"""A real gateway on a real port for tests, with the services behind it in the same process."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec

from ingufu.app.compose import gateway_rules, services_of
from ingufu.app.settings import CertificatesSettings, ConfigurationSettings, OcppSettings, Settings
from ingufu.core.clock import Clock, FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.gateway.gateway import Gateway
from ingufu.gateway.link import Connections
from ingufu.gateway.websocket import Endpoint
from ingufu.infra.storage.database import Database
from ingufu.services import Services

PASSWORD = "correct-horse-battery"
OPERATOR = "Operator"


class StandingClock(FrozenClock):
    """The date moves only when told to; seconds pass, as rate limits and deadlines need them."""

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True)
class Running:
    """A gateway that listens."""

    services: Services
    gateway: Gateway
    addresses: dict[str, tuple[str, int]]

    @property
    def link(self) -> Connections:
        return self.gateway.connections

    def url(self, identity: str = "", *, listener: str = "plain") -> str:
        """Return the address for a station, as it would be typed into one."""
        host, port = self.addresses[listener]
        scheme = "ws" if listener == "plain" else "wss"
        return f"{scheme}://{host}:{port}/ocpp/{identity}"

    async def add_station(self, identity: str, **fields: object) -> str:
        """Add an approved station with the tests' password (unless its profile is 0) and return its id."""
        async with self.services.database.work() as work:
            station = await self.services.stations.create(work, identity, **fields)  # type: ignore[arg-type]
        async with self.services.database.work() as work:
            if station.security_profile > 0:
                await self.services.stations.set_password(work, station.id, PASSWORD)
        return station.id


@asynccontextmanager
async def running_gateway(
    database: Database,
    clock: Clock,
    ids: IdMaker,
    *,
    ocpp: OcppSettings | None = None,
    greeting_delay_s: float = 15.0,
    configuration: ConfigurationSettings | None = None,
    certificates: CertificatesSettings | None = None,
    provisioning_round_s: float = 5.0,
    data: str = "data",
    endpoints: tuple[Endpoint, ...] = (Endpoint(name="plain", host="127.0.0.1", port=0),),
) -> AsyncIterator[Running]:
    """Run a gateway on `endpoints`; with the block it stops, and everything it wrote is stored."""
    ocpp = ocpp or OcppSettings(drain_s=0.0)
    settings = Settings(
        ocpp=ocpp,
        configuration=configuration or ConfigurationSettings(),
        certificates=certificates or CertificatesSettings(),
        data=data,
    )
    services = services_of(settings, database, clock, ids)
    rules = msgspec.structs.replace(
        gateway_rules(ocpp), greeting_delay_s=greeting_delay_s, provisioning_round_s=provisioning_round_s
    )
    gateway = Gateway(services, Connections(services.stations, ids), rules, uniform=lambda: 0.5)
    addresses = await gateway.start(endpoints)
    try:
        yield Running(services, gateway, addresses)
    finally:
        await gateway.stop()
        await database.writer.flush()
