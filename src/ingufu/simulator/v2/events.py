"""TransactionEvent of a simulated 2.x station: when one starts, goes on and ends, and what each event carries."""

from ingufu.simulator import flow, samples, signing, wording
from ingufu.simulator.evse import Change, ChargingState, Context, Evse, Reason, Transaction, Trigger
from ingufu.simulator.meter import Reading
from ingufu.simulator.peer import Lane, Payload, Request
from ingufu.simulator.v2.memory import Memory, verdict, wire_token
from ingufu.simulator.vendors import Version

_ONLY_16 = {Reason.UNLOCK: "Other", Reason.SOFT_RESET: "ImmediateReset"}
_ONLY_21 = {Trigger.SOC_LIMIT: "EnergyLimitReached"}
_ENERGY_UNITS = {"kWh": ("Wh", 3), "kW": ("W", 3)}


class TransactionEvents:
    """Watches the start and stop points of a station's EVSEs and sends what follows."""

    __slots__ = ("_memory", "_station")

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._station = memory.station

    def changed(self, evse: Evse, change: Change) -> None:
        """Start, update or end the EVSE's transaction (E01 to E06)."""
        settings = self._memory.device_model.settings()
        now = _conditions(evse)
        became = now - evse.conditions
        evse.conditions = now
        tx = evse.transaction
        if tx is None:
            if not change.forces_end and became & settings.start_points:
                self._start(evse, change, now)
            return
        tx.seen |= now
        if change.reason is not None and tx.stop_reason is None:
            tx.stop_reason = change.reason
        if change.trigger is Trigger.AUTHORIZED:
            tx.stop_reason = None
        if change.forces_end or any(point in tx.seen and point not in now for point in settings.stop_points):
            self._end(evse, tx, change)
        else:
            self._send(evse, tx, "Updated", change.trigger.value, self._said(evse, tx, change))

    def sampled(self, evse: Evse, reading: Reading, context: Context) -> None:
        """Send a reading as an update of the transaction."""
        tx = evse.transaction
        if tx is None:
            return
        settings = self._memory.device_model.settings()
        is_aligned = context is Context.CLOCK
        measurands = settings.aligned_measurands if is_aligned else settings.measurands
        value = self.meter_value(reading, measurands, context)
        if value is None:
            return
        triggers = {Context.CLOCK: Trigger.CLOCK, Context.TRIGGER: Trigger.ASKED}
        trigger = triggers.get(context, Trigger.PERIODIC)
        self._send(evse, tx, "Updated", trigger.value, {"meterValue": [value]})

    def repeat(self, evse: Evse) -> None:
        """Tell how the transaction stands, because the CSMS asked (F06)."""
        tx = evse.transaction
        if tx is not None:
            value = self.meter_value(
                flow.read(self._station, evse), self._memory.device_model.settings().measurands, Context.TRIGGER
            )
            said: Payload = {} if value is None else {"meterValue": [value]}
            self._send(evse, tx, "Updated", Trigger.ASKED.value, said)

    def meter_value(
        self, reading: Reading, measurands: tuple[str, ...], context: Context, begin: Reading | None = None
    ) -> Payload | None:
        """Return a meterValue, or None if the meter has none of those measurands. `begin` is signed with an end."""
        taken = samples.taken(reading, measurands, self._station.spec.manner)
        if not taken:
            return None
        at = self._station.stamp(reading.at)
        values = [_sampled_value(sample, context) for sample in taken]
        if (
            context in (Context.BEGIN, Context.END)
            and self._memory.device_model.value("SampledDataCtrlr", "SignReadings") == "true"
        ):
            for value in values:
                if value["measurand"] == samples.REGISTER:
                    value["signedMeterValue"] = self._signed(reading, context, begin)
        return {"timestamp": at, "sampledValue": values}

    def _signed(self, reading: Reading, context: Context, begin: Reading | None) -> Payload:
        serial = self._station.spec.serial
        first = self._moment(begin) if begin is not None else None
        return {
            "signedMeterData": signing.sign(serial, self._moment(reading), context.value, first),
            "signingMethod": signing.METHOD,
            "encodingMethod": signing.ENCODING,
            "publicKey": signing.public_key(serial),
        }

    def _moment(self, reading: Reading) -> signing.Moment:
        return self._station.stamp(reading.at), str(reading.energy_wh)

    def _start(self, evse: Evse, change: Change, now: frozenset[str]) -> None:
        station = self._station
        evse.transactions += 1
        reference = wording.uuid(f"{station.spec.seed}:{station.spec.identity}:{evse.number}", "tx", evse.transactions)
        start = flow.read(station, evse)
        tx = Transaction(reference, evse.number, start, evse.token)
        tx.seen = now
        evse.begin(tx)
        station.around.tally.sessions_started += 1
        rng = station.rng
        if rng.random() < station.spec.manner.loses_replies + station.spec.odds.loses_reply:
            station.peer.unlucky["TransactionEvent"] = 1
        said = self._said(evse, tx, change)
        value = self.meter_value(start, ("Energy.Active.Import.Register",), Context.BEGIN)
        if value is not None:
            said["meterValue"] = [value]
        self._send(evse, tx, "Started", change.trigger.value, said)

    def _end(self, evse: Evse, tx: Transaction, change: Change) -> None:
        station = self._station
        end = flow.read(station, evse)
        said = self._said(evse, tx, change)
        values = [
            self.meter_value(tx.start, ("Energy.Active.Import.Register",), Context.BEGIN),
            self.meter_value(end, self._memory.device_model.settings().ended_measurands, Context.END, tx.start),
        ]
        said["meterValue"] = [value for value in values if value is not None]
        reason = tx.stop_reason or Reason.OTHER
        evse.transaction = None
        evse.is_held = False
        if change.forces_end:
            evse.token = None
            evse.conditions = _conditions(evse)
        station.around.tally.sessions_ended += 1
        station.profiles.transaction_ended(tx.name, evse.number)
        info: Payload = {"timeSpentCharging": int(tx.charging_s)}
        if reason is not Reason.LOCAL:
            info["stoppedReason"] = _ONLY_16.get(reason, reason.value)
        self._send(evse, tx, "Ended", change.trigger.value, said, info)

    def _said(self, evse: Evse, tx: Transaction, change: Change) -> Payload:
        """Return what is said once or only now: token, remote start, reservation, phases."""
        said: Payload = {}
        if change.trigger is Trigger.STOP_AUTHORIZED and change.token is not None:
            said["idToken"] = wire_token(change.token)
        elif evse.token is not None and not tx.has_named_token:
            tx.token = evse.token
            tx.has_named_token = True
            said["idToken"] = wire_token(evse.token)
        if evse.pending_reservation is not None:
            tx.reservation_id, evse.pending_reservation = evse.pending_reservation, None
            said["reservationId"] = tx.reservation_id
        if evse.pending_remote_start is not None and evse.token is not None:
            tx.remote_start_id, evse.pending_remote_start = evse.pending_remote_start, None
            said["remoteStartId"] = tx.remote_start_id  # moved into transactionInfo when sent
        if evse.state is ChargingState.CHARGING and change.trigger is Trigger.STATE and evse.vehicle is not None:
            phases = evse.vehicle.used_phases(evse.spec.phases)
            if phases:
                said["numberOfPhasesUsed"] = phases
        return said

    def _send(
        self, evse: Evse, tx: Transaction, kind: str, trigger: str, said: Payload, info: Payload | None = None
    ) -> None:
        station = self._station
        is_21 = station.spec.version is Version.V21
        transaction_info: Payload = {"transactionId": tx.reference, "chargingState": evse.state.value, **(info or {})}
        if "remoteStartId" in said:
            transaction_info["remoteStartId"] = said.pop("remoteStartId")
        payload: Payload = {
            "eventType": kind,
            "timestamp": station.stamp(),
            "triggerReason": trigger if is_21 else _ONLY_21.get(Trigger(trigger), trigger),
            "seqNo": self._next_seq_no(evse, tx),
            "transactionInfo": transaction_info,
            **said,
        }
        if evse.is_plugged and (not tx.has_named_evse or station.spec.manner.repeats_evse):
            tx.has_named_evse = True
            payload["evse"] = {"id": evse.number, "connectorId": 1}
        if not station.is_online:
            payload["offline"] = True
        has_token = "idToken" in payload

        def answered(reply: Payload) -> None:
            self._answered(evse, tx, reply, has_token=has_token and kind != "Ended")

        station.peer.request(
            Request(
                "TransactionEvent",
                payload,
                Lane.TRANSACTION,
                succeeded=answered,
                is_minor=kind == "Updated" and not has_token,
            )
        )

    def _answered(self, evse: Evse, tx: Transaction, reply: Payload, *, has_token: bool) -> None:
        said = verdict(reply.get("idTokenInfo"))
        limit = reply.get("transactionLimit")
        if isinstance(limit, dict) and evse.transaction is tx:
            self._take_limit(evse, tx, limit)
        if said is None or not has_token or tx.token is None:
            return
        self._station.access.remember(tx.token, said)
        if evse.transaction is tx and not said.is_accepted:
            flow.deauthorize(self._station, evse)

    def _take_limit(self, evse: Evse, tx: Transaction, limit: Payload) -> None:
        """Keep to the limit from now on, and confirm it (2.1, E16)."""
        tx.limit_energy_wh = limit.get("maxEnergy", tx.limit_energy_wh)
        tx.limit_time_s = limit.get("maxTime", tx.limit_time_s)
        tx.limit_soc = limit.get("maxSoC", tx.limit_soc)
        names = ("maxEnergy", "maxTime", "maxSoC")  # the SupportedLimits
        kept = {name: limit[name] for name in names if name in limit}
        if kept and self._station.spec.version is Version.V21:
            self._send(evse, tx, "Updated", Trigger.LIMIT_SET.value, {}, {"transactionLimit": kept})

    def _next_seq_no(self, evse: Evse, tx: Transaction) -> int:
        if self._station.spec.manner.counts_per_evse:
            evse.seq_no += 1
            return evse.seq_no - 1
        tx.seq_no += 1
        return tx.seq_no - 1


def _conditions(evse: Evse) -> frozenset[str]:
    """Return which start and stop points hold (E.2: TxStartPointEnumStringType)."""
    points = set()
    if evse.is_plugged:
        points |= {"EVConnected", "ParkingBayOccupancy"}
    if evse.token is not None:
        points.add("Authorized")
    if evse.is_plugged and evse.token is not None and evse.fault is None:
        points.add("PowerPathClosed")
        if evse.state is ChargingState.CHARGING:
            points.add("EnergyTransfer")
    return frozenset(points)


def _sampled_value(sample: samples.Sample, context: Context) -> Payload:
    value: Payload = {"value": float(sample.value)}
    if context is not Context.PERIODIC:
        value["context"] = context.value
    value["measurand"] = sample.measurand
    if sample.phase is not None:
        value["phase"] = sample.phase
    if sample.location is not None:
        value["location"] = sample.location
    if sample.unit in _ENERGY_UNITS:
        unit, multiplier = _ENERGY_UNITS[sample.unit]
        value["unitOfMeasure"] = {"unit": unit, "multiplier": multiplier}
    elif sample.unit:
        value["unitOfMeasure"] = {"unit": sample.unit}
    return value
