"""What a station says beside its transactions: heartbeats, statuses, tokens, and at times far too much at once."""

from typing import TYPE_CHECKING, Any

import msgspec

from simulation.network import Line
from simulation.record import Told, action_of, payload_of, written

if TYPE_CHECKING:
    from simulation.client import Station

BURST = (10, 40, 70)  # requests at once, on top of all that has gathered
BURST_S = 1.0  # that the server may take for each of them, besides its commits
LATE_S = 60.0  # within which a connection that was given up is still heard of
_VERDICTS = {"KNOWN-1": "Accepted", "KNOWN-2": "Accepted", "EXPIRED": "Expired", "STRANGER": "Invalid"}


class Talk:
    """Of one station."""

    def __init__(self, station: "Station") -> None:
        self._station = station
        self._world = station.world
        self._plan = station.plan
        self._chance = station.world.dice(f"{station.plan.identity}/talk")
        self._told: dict[int, list[dict[str, Any]]] = {}  # by connector: the latest status and the one before

    async def chatter(self, line: Line) -> None:
        """Say what has nothing to do with transactions, beside what has: so two requests may be under way."""
        station, plan = self._station, self._plan
        if plan.tells_status and self._chance.random() < 0.4:
            for connector in range(1, plan.connectors + 1):
                await self.tell_status(line, connector)
                if self._chance.random() < 0.3:
                    await self.tell_old_status(line, connector)
        while station.is_mine(line):
            await self._world.loop.pause(plan.chatter_s * self._chance.uniform(0.5, 1.5))
            if self._world.is_calm or not station.is_mine(line):
                return
            await self._say(line)

    async def _say(self, line: Line) -> None:
        match self._chance.randrange(4):
            case 0:
                await self._station.call(line, "Heartbeat", {})
            case 1:
                await self.tell_status(line, self._chance.randint(1, self._plan.connectors))
            case 2:
                await self.ask_for_token(line)
            case _:
                self._station.meters.read_idle()

    async def tell_status(self, line: Line, connector: int) -> None:
        """Report a connector, and remember what was acknowledged."""
        if not self._station.is_mine(line):
            return
        word = self._chance.choice(("Available", "Unavailable", "Faulted"))
        payload: dict[str, Any] = {"connectorId": connector, "timestamp": written(self._station.clock.stamp())}
        if self._plan.version == "ocpp1.6":
            payload |= {"status": word, "errorCode": "NoError"}
        else:
            payload |= {"evseId": connector, "connectorId": 1, "connectorStatus": word}
        self._told[connector] = [*self._told.get(connector, ())[-1:], payload]
        acknowledge = self._station.record.statuses.setdefault(connector, Told()).say(word)
        reply = await self._station.call(line, "StatusNotification", payload)
        if isinstance(reply, dict):
            acknowledge()
            self._world.count("a status was acknowledged")

    async def tell_old_status(self, line: Line, connector: int) -> None:
        """Tell the status before the latest once more, as stations do that keep what they could not tell."""
        told = self._told.get(connector, ())
        if len(told) > 1 and self._plan.clock == "right":
            self._world.count("an old status was told")
            await self._station.call(line, "StatusNotification", told[0])

    async def ask_for_token(self, line: Line) -> None:
        """Ask about a token whose answer is known."""
        token = self._chance.choice(tuple(_VERDICTS))
        is_16 = self._plan.version == "ocpp1.6"
        payload = {"idTag": token} if is_16 else {"idToken": {"idToken": token, "type": "ISO14443"}}
        reply = await self._station.call(line, "Authorize", payload)
        if isinstance(reply, dict):
            verdict = reply["idTagInfo" if is_16 else "idTokenInfo"]["status"]
            is_expected = verdict == _VERDICTS[token] or (token == "STRANGER" and verdict == "Unknown")
            if not is_expected and (token != "EXPIRED" or not self._world.has_jumped):
                self._world.wrong(f"{self._plan.identity} was told {verdict} of {token}.")
            self._world.count("a token was judged")

    # Too much, and too late

    def burst(self) -> None:
        """Say everything at once, without waiting for any answer."""
        station, line = self._station, self._station.line
        if self._world.is_calm or line is None or not station.is_mine(line) or not station.is_accepted:
            return
        loop, many = self._world.loop, self._chance.choice(BURST)
        self._world.trace.note(line.name, "BURST", many)
        self._world.count("a station said everything at once")
        outbox = [one for one in station.meters.outbox if one.charging is None or self._can_be_told(one.kind, one)]
        plan = self._world.plan
        self._world.trouble((many + len(outbox)) * (BURST_S + 2 * plan.commit_s + 8 * plan.read_s) + 60.0)
        for message in outbox:
            loop.spawn(station.owner, station.tell(line, message))
        for _ in range(many):
            loop.spawn(station.owner, self._say(line))

    def _can_be_told(self, kind: str, message: Any) -> bool:
        return self._plan.version != "ocpp1.6" or kind == "start" or bool(message.charging.numbers)

    def late_reading(self, line: Line) -> None:
        """Let a reading come by a connection that was given up: once the server has closed it, it must not count."""
        message = self._station.meters.idle_reading(connector=0)
        self._station.record.late.append(message)
        version = self._plan.version
        text = [2, f"late-{len(self._station.record.late)}", action_of(version, message), payload_of(version, message)]
        at_s = self._world.loop.time() + self._chance.uniform(0, LATE_S)
        self._world.loop.at_for(self._world.loop.world, at_s, line.send, msgspec.json.encode(text))
