"""What all use cases of configuration are given."""

from dataclasses import dataclass

from ingufu.configuration.model import ConfigurationRules
from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.infra.vault import Vault
from ingufu.stations.service import Stations


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The collaborators of this capability."""

    database: Database
    clock: Clock
    ids: IdMaker
    stations: Stations
    vault: Vault
    rules: ConfigurationRules

    def request_id(self) -> int:
        """Return a fresh positive number of 31 bits, as OCPP 2.x tells reports apart by."""
        return int(self.ids.new().replace("-", "")[-8:], 16) & 0x7FFF_FFFF or 1
