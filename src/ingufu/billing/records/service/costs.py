"""Running costs: stations are told what their sessions cost, and sessions are stopped that have come to their limit."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Protocol

import structlog

from ingufu.billing.records import store
from ingufu.billing.records.model import SessionPrice
from ingufu.charging.control.model import LimitKind
from ingufu.charging.control.service import Control
from ingufu.charging.model import ChargingState
from ingufu.core.clock import Clock
from ingufu.core.commands import StationLink
from ingufu.core.costs import TellCost
from ingufu.core.errors import Conflict, IngufuError, NotFound, StationUnsupported
from ingufu.infra.storage.database import Database, Row

AT_ONCE = 8  # stations that are told at a time
TIMEOUT_S = 20.0
ENDING_S = 900.0  # so long a display may wait for what a session came to
NUMBERED = "1.6"
REMEMBERED_DAYS = 30  # for so long a station is not asked again that said that it takes no costs
_IDLE = frozenset({ChargingState.SUSPENDED_EV, ChargingState.EV_CONNECTED, ChargingState.IDLE})

log = structlog.get_logger(__name__)


class Prices(Protocol):
    """Who knows what a session costs."""

    async def running(self, transaction_id: str) -> SessionPrice:
        """Return what a session costs by what is known now."""
        ...


class _Said(NamedTuple):
    """What a station was told last of a transaction."""

    at: datetime
    cost: Decimal
    state: str
    row: Row
    is_taken: bool = False


class Costs:
    """Tells costs and watches limits of cost. Repeating any of it does no harm."""

    def __init__(self, database: Database, clock: Clock, prices: Prices) -> None:
        self._database = database
        self._clock = clock
        self._prices = prices
        self._said: dict[str, _Said] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    async def tell(self, link: StationLink, *, interval_s: float) -> int:
        """Tell stations that take them the costs of their running sessions, each so often, or when its state changed.

        Returns how many were told. One that says that it does not know the message is not told any more, until it has
        another firmware.
        """
        rows = await store.find_open(self._database)
        await self._tell_ended(link, {row["id"] for row in rows})
        due = [row for row in rows if self._is_due(row, interval_s)]
        if not due:
            return 0
        refused = await self._refusing(due)
        told = await asyncio.gather(*(self._tell(link, row) for row in due if row["station_id"] not in refused))
        return sum(told)

    async def enforce(self, control: Control) -> int:
        """Note which running transactions have come to their limit of cost, and return how many; they are stopped then.

        The process that holds the sockets stops them, and again if that comes to nothing.
        """
        reached = 0
        for one in await control.limited_by_cost():
            most = one.limit.max_cost
            try:
                found = await self._prices.running(one.transaction_id)
                if found.price is None or most is None or found.price.billed.gross < most:
                    continue
                async with self._database.work() as work:
                    await control.note_reached(work, one, LimitKind.COST)
                reached += 1
            except (Conflict, NotFound):
                continue  # it was changed, or has ended, in this moment
            except IngufuError as error:
                log.warning("cost.limit_not_checked", transaction=one.transaction_id, error=error.message)
        return reached

    def _is_due(self, row: Row, interval_s: float) -> bool:
        said = self._said.get(row["id"])
        if said is None or said.state != row["state"]:
            return True
        return self._clock.now() - said.at >= timedelta(seconds=interval_s)

    async def _tell_ended(self, link: StationLink, running: set[str]) -> None:
        """Tell stations of 1.6 what the sessions came to whose running cost they took, once their record is issued."""
        over = self._clock.now() - timedelta(seconds=ENDING_S)
        for key in [key for key in self._said if key not in running]:
            said = self._said.pop(key)
            if not said.is_taken or said.row["version"] != NUMBERED or said.at < over:
                continue
            try:
                found = await self._prices.running(key)
            except IngufuError as error:
                log.info("cost.not_known", transaction=key, error=error.message)
                continue
            if found.record_id is None or found.price is None:
                self._said[key] = said  # it is billed in a moment
                continue
            cost, currency = found.price.billed.gross, found.price.currency
            command = TellCost(
                reference=said.row["reference"],
                cost=cost,
                currency=currency,
                at=self._clock.now(),
                is_final=True,
                text=f"{cost:f} {currency}",
            )
            await self._send(link, said.row, command)

    async def _refusing(self, rows: Sequence[Row]) -> set[str]:
        known = await store.find_refusals(self._database)
        since = self._clock.now() - timedelta(days=REMEMBERED_DAYS)
        return {
            row["station_id"]
            for row in rows
            if (said := known.get(row["station_id"])) is not None
            and said["at"] > since
            and (said["version"], said["firmware_version"]) == (row["version"], row["firmware_version"] or "")
        }

    async def _tell(self, link: StationLink, row: Row) -> bool:
        async with self._room:
            try:
                found = await self._prices.running(row["id"])
            except IngufuError as error:
                log.info("cost.not_known", transaction=row["id"], error=error.message)
                return False
            said, now = self._said.get(row["id"]), self._clock.now()
            cost = Decimal(0) if found.price is None else found.price.billed.gross
            self._said[row["id"]] = _Said(now, cost, row["state"], row, said is not None and said.is_taken)
            is_news = said is None or said.cost != cost or said.state != row["state"]
            if found.price is None or not found.is_running or not is_news:
                return False
            command = TellCost(
                reference=row["reference"],
                cost=cost,
                currency=found.price.currency,
                at=now,
                register_wh=row["last_wh"],
                is_idle=row["state"] in _IDLE,
            )
            is_taken = await self._send(link, row, command)
            self._said[row["id"]] = _Said(now, cost, row["state"], row, is_taken)
            return is_taken

    async def _send(self, link: StationLink, station: Row, command: TellCost) -> bool:
        try:
            outcome = await link.call(station["station_id"], command, timeout_s=TIMEOUT_S)
        except StationUnsupported as error:
            await self._note(station, error.message)
            return False
        except IngufuError as error:  # away, busy, or odd: the next cost is on its way
            log.info("cost.not_told", station=station["station_id"], error=error.message)
            return False
        return outcome.is_accepted

    async def _note(self, station: Row, answer: str) -> None:
        async with self._database.work() as work:
            store.note_refusal(
                work,
                station["station_id"],
                version=station["version"],
                firmware=station["firmware_version"] or "",
                answer=answer,
                at=self._clock.now(),
            )
