"""Use cases of configuration: the only door to it for other packages."""

from collections.abc import Sequence
from datetime import datetime

from ingufu.configuration import store
from ingufu.configuration.decide import HEARTBEAT
from ingufu.configuration.model import Change, ConfigurationRules, DesiredChange, Monitor, StationState, Variable
from ingufu.configuration.service.asking import Asking, Reading
from ingufu.configuration.service.care import Care
from ingufu.configuration.service.keeping import Keeping
from ingufu.configuration.service.means import Means
from ingufu.configuration.service.network import Network
from ingufu.configuration.service.reporting import Reporting
from ingufu.configuration.service.reporting import Wish as ReportWish
from ingufu.configuration.service.resetting import Resetting
from ingufu.configuration.service.wishes import Wishes
from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work
from ingufu.infra.vault import Vault
from ingufu.stations.decide import is_restart
from ingufu.stations.model import BootAnswer, Station
from ingufu.stations.service import Stations

__all__ = ["Change", "Configuration", "ConfigurationRules", "Monitor", "Reading", "ReportWish"]


class Configuration:
    """What stations are set to and should be set to."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        stations: Stations,
        vault: Vault,
        rules: ConfigurationRules = ConfigurationRules(),  # noqa: B008 - frozen
    ) -> None:
        means = Means(database=database, clock=clock, ids=ids, stations=stations, vault=vault, rules=rules)
        self._database = database
        self.rules = rules
        self.keeping = Keeping(means)
        self.asking = Asking(means, self.keeping)
        self.reporting = Reporting(means, self.keeping, self.asking)
        self.wishes = Wishes(means, self.asking)
        self.care = Care(means, self.keeping, self.asking, self.reporting, self.wishes)
        self.network = Network(means, self.asking)
        self.resetting = Resetting(means)

    async def desire(self, work: Work, station_id: str, changes: Sequence[DesiredChange], *, actor: str = "") -> None:
        """Desire these values of a station from now on; None takes a wish away. See `Wishes.desire`.

        Names are those of OCPP 2.x for every version (`core.variables.parse("SampledDataCtrlr.TxUpdatedInterval")`);
        a 1.6 station gets the key that means the same. Raises NotFound, InvalidInput.
        """
        await self.wishes.desire(work, station_id, changes, actor=actor)

    async def variables(self, station_id: str) -> list[Variable]:
        """Return every value that a station has told; that of a secret is hidden."""
        return await store.variables_of(self._database, station_id)

    async def value(self, station_id: str, key: str) -> str | None:
        """Return the actual value of a variable by the key of its name, as last told; None: not known."""
        found = await store.variable_of(self._database, station_id, key)
        return next((one.value for one in found if one.attribute == "Actual"), None)

    async def state(self, station_id: str) -> StationState:
        return await store.state_of(self._database, station_id)

    async def monitors(self, station_id: str) -> list[Monitor]:
        """Return a station's monitors as it last reported them."""
        return await store.monitors_of(self._database, station_id)

    async def booted(
        self, work: Work, station: Station, answer: BootAnswer, reason: str | None, at: datetime
    ) -> int | None:
        """Settle what waited for a restart; return the heartbeat interval that is desired of the station, if one is."""
        found = await store.at_boot(self._database, station.id, HEARTBEAT.key)
        has_restarted = is_restart(reason)
        if has_restarted and found.has_resets:
            await self.resetting.booted(work, station, reason, at)
        if has_restarted and found.reboot_needed_since is not None:
            store.change_state(work, station.id, reboot_needed_since=None, reboot_reason="", is_stale=True)
        if answer is not BootAnswer.ACCEPTED:
            return None
        text = found.wanted
        return int(text) if text is not None and text.isascii() and text.isdecimal() and 0 < len(text) < 10 else None

    def forget_station(self, work: Work, station_id: str) -> None:
        """Forget everything about a station that is deleted."""
        store.remove_station(work, station_id)
