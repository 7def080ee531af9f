"""The network in memory: WebSockets as the gateway knows them, over lines that are slow, break, or break unnoticed."""

from collections import deque
from functools import partial
from typing import Protocol

from ingufu.gateway.websocket import ClosedBy, Closure, Handler
from simulation.conversation import Conversation
from simulation.loop import Owner
from simulation.world import World

SILENCE_S = 100.0  # after which the server notices a half-open connection, by its pings
KEEPALIVE_S = 240.0  # after which a station does
CLOSE_TIMEOUT_S = 5.0
GAP_S = 0.000_01  # between two texts on one line
LATE_S = 60.0  # the longest that the second of two equal texts takes
REPLACED = 4001  # the server's word for a connection that a newer one of the station has taken the place of


class StationEnd(Protocol):
    """Who holds the station's end of a line."""

    owner: Owner

    def opened(self, line: "Line") -> None: ...

    def received(self, line: "Line", text: bytes) -> None: ...

    def closed(self, line: "Line", code: int) -> None: ...


class Line:
    """One connection. Texts arrive in order, unless the line is cut: then what is under way is lost.

    Each arrives once, but for stations that at times send one twice, the second time at once or much later.
    """

    def __init__(
        self,
        world: World,
        name: str,
        station: StationEnd,
        latency_s: float,
        *,
        loss_chance: float = 0.0,
        twice_chance: float = 0.0,
    ) -> None:
        self.world = world
        self.name = name
        self.is_cut = False
        self.is_open = False  # as the station sees it
        self.server: ServerEnd | None = None
        self._loop = world.loop
        self._chance = world.dice(f"line/{name}")
        self.latency_s = latency_s
        self._loss_chance = loss_chance
        self._twice_chance = twice_chance
        self._station = station
        self._next_up_s = 0.0
        self._next_down_s = 0.0

    # The station's end

    def send(self, text: bytes) -> None:
        """Let a text go up."""
        self.world.trace.note(self.name, "->", text)
        self._send(text)
        if not self.world.is_calm and self._chance.random() < self._twice_chance:
            self.world.count("a frame was sent twice")
            self._loop.at_for(
                self._station.owner, self._loop.time() + self._chance.choice((0.0, LATE_S)), self._again, text
            )

    def _send(self, text: bytes) -> None:
        if self.server is not None:
            self._next_up_s = self._due(self._next_up_s)
            self._loop.at_for(self.server.owner, self._next_up_s, self._up, text)

    def _again(self, text: bytes) -> None:
        if self.is_open and not self.is_cut:
            self.world.trace.note(self.name, "-> again", text)
            self._send(text)

    def close(self, code: int = 1000) -> None:
        """End it from the station's side, with a close frame."""
        self.world.trace.note(self.name, "closes", code)
        self.is_open = False
        if self.server is not None:
            self._next_up_s = self._due(self._next_up_s)
            self._loop.at_for(self.server.owner, self._next_up_s, self._closed_up, code)

    def _up(self, text: bytes) -> None:
        if self.is_cut:
            self.world.count("a frame was lost on its way to the server")
        elif self.server is not None:
            self.server.arrived(text)

    def _closed_up(self, code: int) -> None:
        if not self.is_cut and self.server is not None:
            self.server.ended(Closure(code=code, reason="", is_clean=True, by=ClosedBy.STATION))

    # The server's end

    def let_in(self) -> None:
        """Let the server's consent go down."""
        self._next_down_s = self._due(self._next_down_s)
        self._loop.at_for(self._station.owner, self._next_down_s, self._station.opened, self)

    def down(self, text: bytes) -> None:
        """Let a text of the server's go down."""
        self._next_down_s = self._due(self._next_down_s)
        self._loop.at_for(self._station.owner, self._next_down_s, self._down, text)
        if not self.world.is_calm and self._chance.random() < self._loss_chance:
            self.break_soon(within_s=0.0)

    def close_down(self, code: int) -> None:
        """Let the server's close frame go down; the station answers it."""
        self._next_down_s = self._due(self._next_down_s)
        self._loop.at_for(self._station.owner, self._next_down_s, self._closed_down, code)

    def _down(self, text: bytes) -> None:
        if self.is_cut:
            self.world.count("a frame was lost on its way to a station")
        elif self.is_open:
            self.world.trace.note(self.name, "<-", text)
            self._station.received(self, text)

    def _closed_down(self, code: int) -> None:
        if self.is_cut or not self.is_open:
            return
        self.close(code)
        self._station.closed(self, code)

    # What befalls it

    def break_soon(self, *, within_s: float) -> None:
        """Let it break before long; each side notices at once, later, or only by silence."""
        station_s, server_s = self._chance.choice((0.1, 5.0, None)), self._chance.choice((0.0, 0.1, 20.0, None))
        at_s = self._loop.time() + self._chance.random() * within_s
        cut = partial(self.cut, station_notices_s=station_s, server_notices_s=server_s)
        self._loop.at_for(self._loop.world, at_s, cut)

    def cut(self, *, station_notices_s: float | None = None, server_notices_s: float | None = None) -> None:
        """Break it. Who does not notice believes in it until silence tells."""
        if self.is_cut:
            return
        self.is_cut = True
        if self.server is not None and self.server.is_open:
            self.world.count("a line was cut")
            self.world.counts["a cut was noticed by silence only"] += (
                station_notices_s is None or server_notices_s is None
            )
        self.world.trace.note(self.name, "cut", f"noticed by station {station_notices_s}, by server {server_notices_s}")
        now_s = self._loop.time()
        notices_s = KEEPALIVE_S if station_notices_s is None else station_notices_s
        self._loop.at_for(self._station.owner, now_s + notices_s, self._lost)
        if self.server is not None:
            if server_notices_s is None and not self.world.plan.pings:
                return
            by = ClosedBy.SILENCE if server_notices_s is None else ClosedBy.NETWORK
            closure = Closure(code=1006, reason="", is_clean=False, by=by)
            notices_s = SILENCE_S if server_notices_s is None else server_notices_s
            self._loop.at_for(self.server.owner, now_s + notices_s, self.server.ended, closure)

    def _lost(self) -> None:
        if self.is_open:
            self.is_open = False
            self._station.closed(self, 1006)

    def _due(self, earliest_s: float) -> float:
        delay_s = self.latency_s * (0.5 + self._chance.random())
        return max(self._loop.time() + delay_s, earliest_s + GAP_S)


class ServerEnd:
    """The server's end of a line; see `ingufu.gateway.websocket.Connection`."""

    def __init__(self, line: Line, handler: Handler, owner: Owner, conversation: Conversation) -> None:
        self.owner = owner
        self.last_received_at = line.world.loop.time()
        self.is_open = True
        self.is_writable = True
        self._line = line
        self._handler = handler
        self._conversation = conversation
        self._held: deque[bytes] = deque()
        self._is_paused = False
        self.is_ended = False
        self._closing: Closure | None = None

    def send(self, text: bytes) -> bool:
        if not self.is_open or self.owner.is_dead:
            return False
        self._conversation.said(text)
        self._line.down(text)
        return True

    def ping(self) -> None:
        """Pings are not simulated; see SILENCE_S."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        if not self.is_open or self.owner.is_dead:
            return
        self.is_open = False
        self._line.world.trace.note(self._line.name, "closed", f"{code} {reason}")
        if code == REPLACED:
            self._line.world.count("a connection was displaced")
        self._closing = Closure(code=code, reason=reason, is_clean=False, by=ClosedBy.OWNER)
        self._line.close_down(code)
        self._line.world.loop.call_later(CLOSE_TIMEOUT_S, self.ended, self._closing)

    def abort(self, reason: str) -> None:
        if not self.is_ended and not self.owner.is_dead:
            self.is_open = False
            self._closing = self._closing or Closure(code=1006, reason=reason, is_clean=False, by=ClosedBy.OWNER)
            self._line.cut(station_notices_s=0.1, server_notices_s=0.0)

    def pause_reading(self) -> None:
        self._is_paused = True
        if self.is_writable and not self.owner.is_ending:
            self._line.world.count("a queue was full")

    def resume_reading(self) -> None:
        self._is_paused = False
        while self._held and not self._is_paused and self.is_open:
            self._hear(self._held.popleft())

    # What the line tells it

    def opened(self) -> None:
        self._handler.opened(self)

    def arrived(self, text: bytes) -> None:
        self.last_received_at = self._line.world.loop.time()
        if not self.is_open:
            self._line.world.count("a frame came by a closed connection")
            self._line.world.unheard.append(text)
        elif self._is_paused or self._held:
            self._held.append(text)
        else:
            self._hear(text)

    def _hear(self, text: bytes) -> None:
        self._conversation.heard(text)
        self._handler.received(text)

    def clogged(self) -> None:
        """Let the handler know that the station does not read."""
        if self.is_open:
            self.is_writable = False
            self._handler.write_paused()

    def unclogged(self) -> None:
        """Let the handler know that it reads again."""
        if self.is_open:
            self.is_writable = True
            self._handler.write_resumed()

    def ended(self, closure: Closure) -> None:
        if self.is_ended:
            return
        self.is_ended = True
        self.is_open = False
        self._handler.closed(self._closing or closure)
