"""What a simulated 1.6 station says by itself: boot, status, start and stop of transactions, meter values."""

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import Any

from ingufu.simulator import flow, samples, signing, wording
from ingufu.simulator.access import Token, Verdict
from ingufu.simulator.dialect import Answer, Settings
from ingufu.simulator.evse import Change, ChargingState, Context, Evse, Reason, Reservation, Transaction
from ingufu.simulator.meter import Reading
from ingufu.simulator.peer import Failure, Lane, Payload, Request, Spelling
from ingufu.simulator.station import Station
from ingufu.simulator.v16.answers import answer
from ingufu.simulator.v16.memory import Memory, verdict

SPELLING = Spelling("FormationViolation", None)
_MAX_KEPT_READINGS = 60  # in transactionData, as a station with little memory caps it
_REASONS = {
    Reason.LOCAL: "Local",
    Reason.REMOTE: "Remote",
    Reason.DEAUTHORIZED: "DeAuthorized",
    Reason.EMERGENCY: "EmergencyStop",
    Reason.UNPLUGGED: "EVDisconnected",
    Reason.IMMEDIATE_RESET: "HardReset",
    Reason.SOFT_RESET: "SoftReset",
    Reason.REBOOT: "Reboot",
    Reason.POWER_LOSS: "PowerLoss",
    Reason.UNLOCK: "UnlockCommand",
}
_STATES = {
    ChargingState.CHARGING: "Charging",
    ChargingState.SUSPENDED_EV: "SuspendedEV",
    ChargingState.SUSPENDED_EVSE: "SuspendedEVSE",
}
_AFTER_WHICH_FINISHING = (*_STATES.values(), "Finishing")
_ERROR_CODES = frozenset(
    (
        "ConnectorLockFailure",
        "EVCommunicationError",
        "GroundFailure",
        "HighTemperature",
        "InternalError",
        "LocalListConflict",
        "NoError",
        "OtherError",
        "OverCurrentFailure",
        "OverVoltage",
        "PowerMeterFailure",
        "PowerSwitchFailure",
        "ReaderFailure",
        "ResetFailure",
        "UnderVoltage",
        "WeakSignal",
    )
)


class V16:
    """OCPP 1.6 for one station."""

    __slots__ = ("_memory", "_station")

    def __init__(self, station: Station) -> None:
        self._station = station
        self._memory = Memory(station)

    def settings(self) -> Settings:
        return self._memory.configuration.settings()

    def boot(self, reason: str) -> tuple[str, Payload]:  # noqa: ARG002 - 1.6 does not say why
        spec, manner = self._station.spec, self._station.spec.manner
        payload: Payload = {
            "chargePointVendor": manner.vendor[:20],
            "chargePointModel": spec.model[:20],
            "chargePointSerialNumber": spec.serial,
            "firmwareVersion": self._station.firmware,
        }
        if manner.has_meter_details:
            payload["chargeBoxSerialNumber"] = spec.serial
            payload["meterType"] = "Simulated MID meter"
            payload["meterSerialNumber"] = f"M{spec.serial}"[:25]
        if manner.has_modem:
            payload["iccid"] = str(int.from_bytes(wording.digest(spec.serial, "iccid")))[:19]
            payload["imsi"] = str(int.from_bytes(wording.digest(spec.serial, "imsi")))[:15]
        return "BootNotification", payload

    def accepted(self, heartbeat_s: float) -> None:
        self._memory.configuration.put("HeartbeatInterval", f"{heartbeat_s:.0f}")
        self._say_status(0, "Available" if self._station.is_operative else "Unavailable", "NoError", "")
        for evse in self._station.evses:
            evse.reported_status = None
            self.report_status(evse)
        flow.restart_aligned(self._station)
        if self._memory.installed_after_boot:
            self._memory.installed_after_boot = False
            self._memory.firmware_errand.say("Installed")

    def resumed(self) -> None:
        for evse in self._station.evses:
            self.report_status(evse)

    def authorize(self, token: Token, then: Callable[[Verdict | None], None]) -> None:
        def answered(payload: Payload) -> None:
            said = verdict(payload.get("idTagInfo"))
            if said is not None:
                self._station.access.remember(token, said)
            then(said)

        def failed(failure: Failure) -> None:
            then(None if failure.code in ("Offline", "Timeout") else Verdict(status="Invalid"))

        self._station.peer.request(Request("Authorize", {"idTag": token.value}, succeeded=answered, failed=failed))

    def changed(self, evse: Evse, change: Change) -> None:
        is_wanted = evse.token is not None and (evse.is_plugged or evse.transaction is not None)
        if is_wanted and evse.transaction is None:
            self._start(evse)
        elif evse.transaction is not None and (not is_wanted or change.forces_end):
            self._stop(evse, evse.transaction, change)

    def sampled(self, evse: Evse, reading: Reading, context: Context) -> None:
        tx = evse.transaction
        settings = self.settings()
        measurands = settings.aligned_measurands if context is Context.CLOCK else settings.measurands
        values = self._sampled_values(reading, measurands, context)
        if not values:
            return
        value = {"timestamp": self._station.stamp(reading.at), "sampledValue": values}
        self._meter_values(evse, tx, value, is_asked=context is Context.TRIGGER)
        if tx is not None and settings.ended_measurands and context is Context.PERIODIC:
            tx.readings.append(reading)
            if len(tx.readings) > _MAX_KEPT_READINGS:
                del tx.readings[::2]  # thin out, keep the shape

    def report_status(self, evse: Evse, *, is_asked: bool = False) -> None:
        status, code = self._status(evse), evse.fault or "NoError"
        if not is_asked and (status == evse.reported_status or not self._station.is_online):
            return
        evse.reported_status = status
        lane = Lane.URGENT if is_asked else Lane.ORDINARY
        known_code = code if code in _ERROR_CODES else "OtherError"
        self._say_status(evse.number, status, known_code, evse.fault_info, lane)

    def reservation_expired(self, evse: Evse, reservation: Reservation) -> None:
        """Say nothing: 1.6 has no message for it, only the status changes."""

    def security_event(self, kind: str, info: str) -> None:
        payload = {"type": kind, "timestamp": self._station.stamp(), "techInfo": info[:255]}
        self._station.peer.request(Request("SecurityEventNotification", payload))

    def answer(self, action: str, payload: Payload) -> Answer:
        return answer(self._memory, action, payload)

    def _start(self, evse: Evse) -> None:
        station, token = self._station, evse.token
        assert token is not None, "only an authorized EVSE starts"  # noqa: S101 - narrows the type
        evse.transactions += 1
        reference = wording.uuid(f"{station.spec.seed}:{station.spec.identity}:{evse.number}", "tx", evse.transactions)
        tx = Transaction(reference, evse.number, flow.read(station, evse), token)
        tx.reservation_id, evse.pending_reservation = evse.pending_reservation, None
        evse.pending_remote_start = None
        evse.begin(tx)
        station.around.tally.sessions_started += 1
        payload: Payload = {
            "connectorId": evse.number,
            "idTag": token.value[:20],
            "meterStart": _whole_wh(tx.start),
            "timestamp": station.stamp(tx.started_at),
        }
        if tx.reservation_id is not None:
            payload["reservationId"] = tx.reservation_id
        self._misbehave_at_start(tx, payload)
        station.peer.request(self._start_request(evse, tx, payload))

    def _misbehave_at_start(self, tx: Transaction, payload: Payload) -> None:
        station = self._station
        manner = station.spec.manner
        rng = station.rng
        if manner.starts_twice and rng.random() < manner.starts_twice:
            station.peer.request(Request("StartTransaction", dict(payload), Lane.TRANSACTION))
        if rng.random() < manner.loses_replies + station.spec.odds.loses_reply:
            station.peer.unlucky["StartTransaction"] = 1
        if manner.forgets_number and rng.random() < manner.forgets_number:
            tx.number = -1

    def _start_request(self, evse: Evse, tx: Transaction, payload: Payload) -> Request:
        def answered(reply: Payload) -> None:
            if tx.number is None:
                tx.number = int(reply.get("transactionId", -1))
            said = verdict(reply.get("idTagInfo"))
            if said is None or tx.token is None:
                return
            self._station.access.remember(tx.token, said)
            if evse.transaction is tx and not said.is_accepted:
                flow.deauthorize(self._station, evse)

        def failed(_: Failure) -> None:
            tx.number = -1 if tx.number is None else tx.number

        return Request("StartTransaction", payload, Lane.TRANSACTION, succeeded=answered, failed=failed)

    def _stop(self, evse: Evse, tx: Transaction, change: Change) -> None:
        station = self._station
        end = flow.read(station, evse)
        evse.transaction = None
        evse.is_held = False
        evse.token = None
        station.around.tally.sessions_ended += 1
        station.profiles.transaction_ended(tx.name, evse.number)
        reason = _REASONS.get(change.reason or Reason.OTHER, "Other")
        data = self._transaction_data(tx, end)

        def payload() -> Payload:
            said: Payload = {
                "transactionId": -1 if tx.number is None else tx.number,
                "meterStop": _whole_wh(end),
                "timestamp": station.stamp(end.at),
            }
            if change.token is not None:
                said["idTag"] = change.token.value[:20]
            if reason != "Local":
                said["reason"] = reason
            if data:
                said["transactionData"] = data
            return said

        station.peer.request(Request("StopTransaction", payload, Lane.TRANSACTION))

    def _transaction_data(self, tx: Transaction, end: Reading) -> list[Payload]:
        measurands = self.settings().ended_measurands
        if self.settings().signs_readings:
            return [self._signed(tx.start, Context.BEGIN), self._signed(end, Context.END, tx.start)]
        if not measurands:
            return []
        taken = [(tx.start, Context.BEGIN), *((r, Context.PERIODIC) for r in tx.readings), (end, Context.END)]
        return [
            {
                "timestamp": self._station.stamp(reading.at),
                "sampledValue": self._sampled_values(reading, measurands, context),
            }
            for reading, context in taken
        ]

    def _signed(self, reading: Reading, context: Context, begin: Reading | None = None) -> Payload:
        serial, moment = self._station.spec.serial, self._moment(reading)
        data = signing.sign(serial, moment, context.value, self._moment(begin) if begin is not None else None)
        value = {"value": signing.container(serial, data), "format": "SignedData", "context": context.value}
        return {"timestamp": moment[0], "sampledValue": [value]}

    def _moment(self, reading: Reading) -> signing.Moment:
        return self._station.stamp(reading.at), str(reading.energy_wh)

    def _meter_values(self, evse: Evse, tx: Transaction | None, value: Payload, *, is_asked: bool) -> None:
        def payload() -> Payload:
            said: Payload = {"connectorId": evse.number, "meterValue": [value]}
            if tx is not None:
                said["transactionId"] = -1 if tx.number is None else tx.number
            return said

        lane = Lane.ORDINARY if tx is None else Lane.TRANSACTION
        lane = Lane.URGENT if is_asked else lane
        self._station.peer.request(Request("MeterValues", payload, lane, is_minor=True))

    def _sampled_values(self, reading: Reading, measurands: tuple[str, ...], context: Context) -> list[Payload]:
        manner = self._station.spec.manner
        return [_sampled_value(sample, context) for sample in samples.taken(reading, measurands, manner)]

    def _status(self, evse: Evse) -> str:
        if evse.fault is not None:
            return "Faulted"
        if evse.transaction is not None:
            return _STATES.get(evse.state, "SuspendedEV")
        if not evse.is_operative or not self._station.is_operative:
            return "Unavailable"
        manner = self._station.spec.manner
        if evse.is_plugged and manner.says_finishing and evse.reported_status in _AFTER_WHICH_FINISHING:
            return "Finishing"
        if manner.says_preparing and (evse.is_plugged or evse.token is not None):
            return "Preparing"
        return "Reserved" if evse.reservation is not None else "Available"

    def _say_status(self, connector: int, status: str, code: str, info: str, lane: Lane = Lane.ORDINARY) -> None:
        payload: dict[str, Any] = {"connectorId": connector, "errorCode": code, "status": status}
        if info:
            payload["info"] = info[:50]
        payload["timestamp"] = self._station.stamp()
        self._station.peer.request(Request("StatusNotification", payload, lane))


def _whole_wh(reading: Reading) -> int:
    return int(reading.energy_wh.to_integral_value(ROUND_DOWN))


def _sampled_value(sample: samples.Sample, context: Context) -> Payload:
    value: Payload = {"value": _text(sample.value)}
    if context is not Context.PERIODIC:
        value["context"] = context.value
    value["measurand"] = sample.measurand
    if sample.phase is not None:
        value["phase"] = sample.phase
    if sample.location is not None:
        value["location"] = sample.location
    if sample.unit:
        value["unit"] = sample.unit
    return value


def _text(value: Decimal) -> str:
    return f"{value:f}"
