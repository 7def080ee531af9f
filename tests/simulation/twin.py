"""Another device that calls itself as a station does: it connects, says little, and holds on until it is thrown out."""

import msgspec

from simulation.loop import Owner
from simulation.network import Line
from simulation.plan import StationPlan
from simulation.server import Server
from simulation.world import World

STAYS_S = 300.0


class Twin:
    """Somebody copied a station's settings. It has nothing to tell that must not be lost."""

    def __init__(self, world: World, server: Server, plan: StationPlan) -> None:
        self.owner = Owner(f"{plan.identity}'")
        self._world = world
        self._server = server
        self._plan = plan

    def call(self) -> None:
        """Connect as the station."""
        if self._world.is_calm:
            return
        name = f"{self._plan.identity}'/{self._world.loop.time():.0f}"
        line = Line(self._world, name, self, self._plan.latency_s)
        self._server.admit(line, self, self._plan.identity, self._plan.version)
        self._world.loop.at_for(self._world.loop.world, self._world.loop.time() + STAYS_S, line.cut)

    def opened(self, line: Line) -> None:
        line.is_open = True
        self._world.trace.note(line.name, "open")
        self._world.count("another device called itself as a station does")
        status = {"connectorId": 1, "evseId": 1, "timestamp": "2026-03-01T12:00:00Z"}
        words = {"status": "Faulted", "errorCode": "NoError", "connectorStatus": "Faulted"}
        line.send(msgspec.json.encode([2, "twin", "StatusNotification", status | words]))

    def received(self, line: Line, text: bytes) -> None:
        """Ignore what it is told and asked."""

    def closed(self, line: Line, code: int) -> None:
        self._world.trace.note(line.name, "ended", code)
