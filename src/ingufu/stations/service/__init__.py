"""Use cases of stations: the only door to them for other packages."""

from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.stations.availability.service import Wishes
from ingufu.stations.model import StationRules
from ingufu.stations.quirks import reading
from ingufu.stations.quirks.model import Quirk
from ingufu.stations.service.connections import Connections
from ingufu.stations.service.frames import Frames
from ingufu.stations.service.quirks import Quirks
from ingufu.stations.service.registry import Registry, StationFields
from ingufu.stations.service.reports import Reports
from ingufu.stations.streams.service import Streams

__all__ = ["Frames", "Quirks", "StationFields", "StationRules", "Stations"]


class Stations(Registry, Connections, Reports):
    """Everything about stations: who they are, whether they are connected, what they say of themselves."""

    def __init__(  # the five of all, and the quirks of an operator's own
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        rules: StationRules,
        quirks: tuple[Quirk, ...] | None = None,
    ) -> None:
        Registry.__init__(self, database, clock, ids, rules)
        Connections.__init__(self, database, clock, rules, self.forget)
        Reports.__init__(self, database, clock, rules, self.skew_s)
        self.frames = Frames(database)
        self.wishes = Wishes(database, clock)
        self.streams = Streams(database, clock)
        self.quirks = Quirks(database, clock, reading.shipped() if quirks is None else quirks)
