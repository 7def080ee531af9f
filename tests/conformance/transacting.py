"""Transactions as raw stations of 2.x tell them: one event after the other, with a register that rises."""

from typing import Any

from conformance.counterpart import Counterpart

Payload = dict[str, Any]
CARD = "CARD"


class Session:
    """One transaction. Events count from 0; the register stands at 1000 Wh and rises by 500 with each reading."""

    def __init__(self, station: Counterpart, name: str = "TX-1", evse: int = 1) -> None:
        self.station = station
        self.name = name
        self.evse = evse
        self.seq = 0
        self.register_wh = 1000
        self.answers: list[Payload] = []  # what the CSMS said to each event

    async def tell(self, kind: str, trigger: str, state: str | None = None, **says: Any) -> Payload:
        """Say an event and return the answer; `token`, `reason`, `wh`, `info` are short for parts of it."""
        return await self.send(self.make(kind, trigger, state, **says))

    def make(
        self,
        kind: str,
        trigger: str,
        state: str | None = None,
        *,
        token: str | None = None,
        token_kind: str = "ISO14443",
        reason: str | None = None,
        context: str | None = None,
        has_evse: bool = False,
        info: Payload | None = None,
        **says: Any,
    ) -> Payload:
        """Return an event with the next number, and with a reading if it has a context."""
        about: Payload = {"transactionId": self.name} | (info or {})
        about |= {} if state is None else {"chargingState": state}
        about |= {} if reason in (None, "Local") else {"stoppedReason": reason}
        said: Payload = {
            "eventType": kind, "timestamp": self.station.time, "triggerReason": trigger, "seqNo": self.seq,
            "transactionInfo": about,
        }  # fmt: skip
        self.seq += 1
        if has_evse:
            said["evse"] = {"id": self.evse, "connectorId": 1}
        if token is not None:
            said["idToken"] = {"idToken": token, "type": token_kind}
        if context is not None:
            sample = {"value": self.register_wh, "context": context, "measurand": "Energy.Active.Import.Register"}
            said["meterValue"] = [{"timestamp": self.station.time, "sampledValue": [sample]}]
            self.register_wh += 500
        return said | says

    async def send(self, said: Payload) -> Payload:
        answer = await self.station.get("TransactionEvent", said)
        assert ("idTokenInfo" in answer) is ("idToken" in said)
        self.answers.append(answer)
        return answer

    async def start(self, token: str = CARD) -> Payload:
        """Begin as most do: plugged in and authorised, and charging."""
        answer = await self.tell(
            "Started", "Authorized", "EVConnected", token=token, has_evse=True, context="Transaction.Begin"
        )
        await self.update("ChargingStateChanged", "Charging")
        return answer

    async def update(self, trigger: str, state: str | None = None, **says: Any) -> Payload:
        return await self.tell("Updated", trigger, state, **says)

    async def end(self, trigger: str, reason: str, state: str = "EVConnected", **says: Any) -> Payload:
        return await self.tell("Ended", trigger, state, reason=reason, **({"context": "Transaction.End"} | says))
