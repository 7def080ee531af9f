"""What the web process is given: services, the way to the stations, the bus, and the few settings it needs."""

from dataclasses import dataclass

import msgspec

from ingufu.core.commands import CALL_TIMEOUT_S, CommandCatalogue, StationLink
from ingufu.infra.bus.port import Bus
from ingufu.services import Services


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What of the settings the web side reads."""

    version: str
    public_url: str = ""  # empty: as browsers ask
    trusted_proxies: frozenset[str] = frozenset()
    call_timeout_s: float = CALL_TIMEOUT_S
    ocpp_addresses: tuple[str, ...] = ()  # what to type into a station, without its identity

    @property
    def is_https(self) -> bool:
        """Whether browsers are known to come by TLS."""
        return self.public_url.startswith("https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContext:
    """Everything a handler may use."""

    services: Services
    link: StationLink
    bus: Bus
    catalogue: CommandCatalogue
    settings: WebSettings
