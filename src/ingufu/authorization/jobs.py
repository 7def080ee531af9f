"""What keeps local lists in step: changed tokens, stations that come back, and a look from time to time."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

import structlog

from ingufu.authorization.model import TokenFacts
from ingufu.authorization.service.local_lists import LocalLists
from ingufu.core.commands import StationLink
from ingufu.core.errors import Conflict, IngufuError
from ingufu.infra.delays import Delays

GATHER_S = 3.0  # changes within it are sent together: an import changes thousands of tokens
SPREAD_S = 20.0  # over which many stations are served, so that a change is no burst
SETTLE_S = 25.0  # after a connection or boot: the station tells how it is first
LOOK_S = 3600.0  # between looks at all stations: tokens expire, and become valid, without anybody doing anything
AGAIN_S = 60.0  # after something went wrong: all are looked at, for what was to be done then is not known any more
AT_ONCE = 8  # stations that are sent to at a time

log = structlog.get_logger(__name__)


class ListKeeper:
    """Runs in the process that holds the sockets. What it is told is not lost in a crash: a look finds it again."""

    def __init__(  # what a test sets
        self,
        lists: LocalLists,
        link: StationLink,
        *,
        uniform: Callable[[], float],
        gather_s: float = GATHER_S,
        spread_s: float = SPREAD_S,
        settle_s: float = SETTLE_S,
        look_s: float = LOOK_S,
        again_s: float = AGAIN_S,
    ) -> None:
        self._lists = lists
        self._link = link
        self._uniform = uniform
        self._gather_s = gather_s
        self._spread_s = spread_s
        self._wake = asyncio.Event()
        self._stations: set[str] = set()
        self._conflicts: set[str] = set()
        self._concerns_all = True
        self._look_s = look_s
        self._again_s = again_s
        self._look_at = 0.0  # by the time of the loop, however often something wakes us before
        self._changes = 0
        self._tokens: Sequence[TokenFacts] | None = None
        self._waiting: Delays[str] = Delays(settle_s, self.station_asked)

    def station_came(self, station_id: str) -> None:
        """Look at the station's list in a while."""
        self._waiting.put(station_id)

    def station_asked(self, station_id: str) -> None:
        """Look at the station's list now."""
        self._stations.add(station_id)
        self._wake.set()

    def tokens_changed(self) -> None:
        """Look at every list soon."""
        self._concerns_all = True
        self._changes += 1
        self._tokens = None
        self._wake.set()

    def list_contradicted(self, station_id: str) -> None:
        """Send the station its whole list."""
        self._conflicts.add(station_id)
        self.station_asked(station_id)

    async def run(self) -> None:
        """Keep lists in step until cancelled. What goes wrong is logged and tried again."""
        try:
            while True:
                await asyncio.sleep(self._gather_s)
                try:
                    await self.step()
                except IngufuError as error:
                    log.warning("local_list.not_kept", error=error.message)
                    self._look_again()
                except Exception:
                    log.exception("local_list.not_kept")
                    self._look_again()
                left_s = self._look_at - asyncio.get_running_loop().time()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(left_s, 0.0)):
                        await self._wake.wait()
        finally:
            self._waiting.close()

    def _look_again(self) -> None:
        self._look_at = min(self._look_at, asyncio.get_running_loop().time() + self._again_s)

    async def step(self) -> None:
        """Do what has gathered."""
        self._wake.clear()
        now = asyncio.get_running_loop().time()
        if now >= self._look_at:
            self._concerns_all, self._tokens = True, None
        chosen, self._stations = self._stations, set()
        concerns_all, self._concerns_all = self._concerns_all, False
        if concerns_all:
            self._look_at = now + self._look_s
        for station_id in sorted(self._conflicts):
            await self._lists.demand_full(station_id, "The station reports that its list contradicts our answers.")
            self._conflicts.discard(station_id)
        if concerns_all:
            due = await self._lists.stations_to_serve()
        else:
            due = await self._lists.stations_to_serve(sorted(chosen))
        if not due:
            return
        tokens = await self._read_tokens()
        room = asyncio.Semaphore(AT_ONCE)
        many = len(due) > AT_ONCE
        await asyncio.gather(*(self._serve(one, tokens, room, many=many, asks=one in chosen) for one in due))

    async def _read_tokens(self) -> Sequence[TokenFacts]:
        """Return the tokens. Those that change meanwhile are not held: the next step reads them again."""
        if self._tokens is not None:
            return self._tokens
        seen, tokens = self._changes, await self._lists.tokens()
        if seen == self._changes:
            self._tokens = tokens
        return tokens

    async def _serve(
        self, station_id: str, tokens: Sequence[TokenFacts], room: asyncio.Semaphore, *, many: bool, asks: bool
    ) -> None:
        if many:
            await asyncio.sleep(self._uniform() * self._spread_s)
        async with room:
            try:
                await self._lists.send(self._link, station_id, tokens=tokens, asks=asks)
            except Conflict:  # somebody sends to it already, perhaps by what was true before
                self.station_came(station_id)
            except IngufuError as error:
                log.warning("local_list.not_sent", station=station_id, error=error.message)
            except Exception:
                log.exception("local_list.not_sent", station=station_id)
